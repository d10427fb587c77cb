# SPDX-License-Identifier: MIT
"""The action firewall: which bodies of a policy backend become `action=`, and which never do.

Postfix accepts the mail on an empty action and on one of digits only, and takes what stands behind
a newline for further attributes: a body that is not plainly one action is invalid data.
"""

from __future__ import annotations

import pytest
from blackbox.support import INVALID, TIMED_OUT, UNREACHABLE, policy_reply, user_error

from harness.modes import POLICY, REQUEST
from harness.scripted_backend import answer, hang_up, response, send_and_close, silence

GOOD = [
    ("DUNNO", b"DUNNO", "DUNNO"),
    ("lower case stays", b"dunno", "dunno"),
    ("a text", b"REJECT Go away, please: 100% no", "REJECT Go away, please: 100% no"),
    ("a code with text", b"450 4.7.1 Try again", "450 4.7.1 Try again"),
    ("a permanent code with text", b"554 5.7.1 No", "554 5.7.1 No"),
    ("a code with one letter of text", b"451 x", "451 x"),
    ("a newline at the end", b"DUNNO\n", "DUNNO"),
    ("white space around", b" \t\r\n DUNNO \r\n\t ", "DUNNO"),
    ("white space inside stays", b"PREPEND X-A:  b   c", "PREPEND X-A:  b   c"),
    ("a restriction", b"permit_mynetworks", "permit_mynetworks"),
    ("UTF-8 text", "REJECT Grüße".encode(), "REJECT Grüße"),
    ("an equals sign", b"PREPEND X-A: b=c", "PREPEND X-A: b=c"),
    ("a status code with a text", b"REJECT 5.7.1 No", "REJECT 5.7.1 No"),
    ("a filter", b"FILTER smtp:[127.0.0.1]:10025", "FILTER smtp:[127.0.0.1]:10025"),
    ("a redirection", b"REDIRECT a@example.org", "REDIRECT a@example.org"),
    (
        "a restriction with its argument",
        b"reject_rbl_client x.example, permit_mynetworks",
        "reject_rbl_client x.example, permit_mynetworks",
    ),
    ("4096 bytes", b"REJECT " + b"x" * 4089, "REJECT " + "x" * 4089),
    ("4096 bytes in UTF-8", b"REJECT x" + "ü".encode() * 2044, "REJECT x" + "ü" * 2044),
    ("white space around is not counted", b" OK " + b"x" * 4093 + b"\n", "OK " + "x" * 4093),
]


@pytest.mark.parametrize("body, action", [c[1:] for c in GOOD], ids=[c[0] for c in GOOD])
def test_good_actions(lanes, body, action):
    """An action is passed on as it is, but for white space around it."""
    assert lanes.get(POLICY).ask(answer(200, body)) == policy_reply(action)


BAD = [
    ("nothing", b""),
    ("a space", b" "),
    ("white space", b" \t\r\n\v\f "),
    ("a digit", b"0"),
    ("digits", b"12345"),
    ("digits and white space", b" 200\n"),
    ("a bare 451", b"451"),
    ("a bare 554", b"554"),
    ("a bare 451 and white space", b"451  \r\n"),
    ("a bare 554 and a newline", b"554\n"),
    ("a second line", b"REJECT\nDUNNO"),
    ("a second attribute", b"REJECT no\naction=OK"),
    ("a whole second reply", b"REJECT no\n\naction=OK\n\n"),
    ("lines with CR LF", b"REJECT\r\nDUNNO"),
    ("a carriage return inside", b"REJECT a\rb"),
    ("a tab inside", b"REJECT\ta"),
    ("a vertical tab inside", b"REJECT\va"),
    ("a NUL inside", b"REJECT a\0b"),
    ("a NUL at the end", b"DUNNO\0"),
    ("an escape sequence", b"REJECT \x1b[31m"),
    ("DEL", b"REJECT \x7f"),
    ("4097 bytes", b"REJECT " + b"x" * 4090),
    ("4097 bytes in UTF-8", b"REJECT " + "ü".encode() * 2045),
    ("Latin-1", b"REJECT Gr\xfc\xdfe"),
    ("half a character", b"REJECT \xc3"),
    ("UTF-16", "DUNNO".encode("utf-16")),
    ("a comma", b","),
    ("a comma first, which Postfix takes for an empty list", b",DUNNO"),
    ("commas and spaces", b", , ,"),
    ("an equals sign first", b"=DUNNO"),
    ("a JSON array", b'["DUNNO"]'),
    ("HTML", b"<html>Welcome to nginx!</html>"),
    ("REJECT and a status code", b"REJECT 5.7.1"),
    ("a code and a status code", b"450 4.2.0\n"),
    ("a status code", b"5.7.1 No"),
    ("FILTER without a transport", b"FILTER"),
    ("REDIRECT without an address", b"REDIRECT postmaster"),
    ("BCC to two addresses", b"BCC a@example.org, b@example.org"),
    ("PREPEND without a header", b"PREPEND spam"),
    ("a restriction without its argument", b"permit_mynetworks, reject_rbl_client"),
    ("a table", b"check_sender_access hash:/etc/postfix/access"),
    ("more behind the end of a list", b"permit, reject"),
]


@pytest.mark.parametrize("body", [c[1] for c in BAD], ids=[c[0] for c in BAD])
def test_bad_actions(lanes, body):
    """Anything that Postfix might read as something else than one action is invalid data."""
    assert lanes.get(POLICY).ask(answer(200, body)) == INVALID[POLICY]


ALLOWED = ["DUNNO", "reject", "450", "Defer_If_Permit"]
ALLOWED_CASES = [
    ("as listed", b"DUNNO", "DUNNO"),
    ("another case", b"dunno", "dunno"),
    ("listed in lower case", b"REJECT", "REJECT"),
    ("mixed cases, with a text", b"DEFER_IF_PERMIT later", "DEFER_IF_PERMIT later"),
    ("with a text", b"reject no", "reject no"),
    ("a code", b"450 4.7.1 later", "450 4.7.1 later"),
    ("white space around", b" DUNNO\n", "DUNNO"),
    ("another action", b"OK", None),
    ("another code", b"451 4.7.1 later", None),
    ("a listed word as the beginning of another", b"DUNNOT", None),
    ("a listed word behind another", b"OK DUNNO", None),
    ("a comma behind a listed word", b"DUNNO,permit", None),
    ("a comma and a space behind a listed word", b"DUNNO, permit", None),
    ("a listed word behind a comma", b",DUNNO", None),
    ("a colon behind a listed word", b"REJECT: no", None),
    ("a code as the beginning of another number", b"4500 x", None),
    ("a listed code without text", b"450", None),
]


@pytest.mark.parametrize(
    "body, action", [c[1:] for c in ALLOWED_CASES], ids=[c[0] for c in ALLOWED_CASES]
)
def test_allowed_actions(lanes, body, action):
    """The first word must be one of `allowed-actions`, in any case, as a whole."""
    expected = INVALID[POLICY] if action is None else policy_reply(action)
    assert lanes.get(POLICY, allowed_actions=ALLOWED).ask(answer(200, body)) == expected


def test_no_allowed_action(lanes):
    """An empty list allows nothing."""
    assert lanes.get(POLICY, allowed_actions=[]).ask(answer(200, b"DUNNO")) == INVALID[POLICY]


# -- failure-action

FAILURES = [
    ("5xx", answer(503)),
    ("unspecified status", answer(204)),
    ("redirect", answer(302)),
    ("invalid data", answer(200, b"")),
    ("over the size limit", answer(200, b"x" * 5000)),
    ("temporary 4xx", answer(429)),
    ("connection lost", hang_up),
    ("truncated", send_and_close(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nDUNNO")),
]

FAILURE_ACTION = "DEFER_IF_PERMIT 4.3.0 Later"


def _after_a_fresh_start(lane) -> None:
    """End the kept backend connection, so that a lost one is lost for good."""
    lane.ask(send_and_close(response(200, b"DUNNO", b"Connection: close")))


@pytest.mark.parametrize("step", [f[1] for f in FAILURES], ids=[f[0] for f in FAILURES])
def test_failure_action(lanes, step):
    """`failure-action` takes the place of every 451 that the backend causes."""
    lane = lanes.get(POLICY, failure_action=FAILURE_ACTION, temporary_statuses=[429])
    _after_a_fresh_start(lane)
    assert lane.ask(step) == policy_reply(FAILURE_ACTION)
    assert lane.ask(answer(403)) == user_error(403)[POLICY]
    assert lane.ask(answer(200, b"OK")) == policy_reply("OK")


@pytest.mark.parametrize("step", [f[1] for f in FAILURES], ids=[f[0] for f in FAILURES])
def test_failure_action_close(handler_for, backend, step):
    """`close` is no reply at all: the connection ends, and Postfix applies its own default."""
    backend.script(step)
    handler = handler_for(POLICY, failure_action="close", temporary_statuses=[429])
    handler.send(REQUEST[POLICY] * 2)
    output, status, log = handler.result()
    assert (output, status) == (b"", 0)
    assert len(backend.requests) == 1
    assert len(log.splitlines()) == 1


def test_failure_action_after_a_timeout(handler_for, backend):
    """A timeout is a failure of the backend too."""
    backend.script(silence)
    handler = handler_for(POLICY, request_timeout=300, failure_action=FAILURE_ACTION)
    assert handler.ask(POLICY, REQUEST[POLICY]) == policy_reply(FAILURE_ACTION)


def test_close_is_for_failures_only(handler_for, backend):
    """Answers and the 554 of a user error are given as ever."""
    backend.script(answer(200, b"DUNNO"), answer(403))
    handler = handler_for(POLICY, failure_action="close")
    assert handler.ask(POLICY, REQUEST[POLICY]) == policy_reply("DUNNO")
    assert handler.ask(POLICY, REQUEST[POLICY]) == user_error(403)[POLICY]


def test_without_failure_action(handler_for, backend):
    """The default is the 451 of the reply table."""
    backend.script(hang_up, silence)
    handler = handler_for(POLICY, request_timeout=300)
    assert handler.ask(POLICY, REQUEST[POLICY]) == UNREACHABLE[POLICY]
    assert handler.ask(POLICY, REQUEST[POLICY]) == TIMED_OUT[POLICY]
