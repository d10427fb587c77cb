# SPDX-License-Identifier: MIT
"""The exact reply to every outcome, in each of the three protocols.

Each case is one request on a connection that has seen the other cases before it: an outcome must
not depend on what went before, and every reply must be exactly one frame.
"""

from __future__ import annotations

import pytest
from blackbox.support import (
    INVALID,
    NOT_FOUND,
    UNREACHABLE,
    netstring,
    perm_broken,
    server_error,
    unspecified,
    user_error,
)

from harness.modes import FOUND, FOUND_BODY, LOOKUPS, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import (
    answer,
    hang_up,
    response,
    send_and_close,
    unused_port,
)

LOOKUP_ROWS = [
    ("one value", b'["value"]', b"200 value\n", b"OK value"),
    ("several values are joined", b'["v1","v2"]', b"200 v1,v2\n", b"OK v1,v2"),
    ("an empty list is not found", b"[]", b"500 key%20not%20found\n", b"NOTFOUND "),
    ("an empty body is not found", b"", b"500 key%20not%20found\n", b"NOTFOUND "),
    ("an empty joined value is not found", b'[""]', b"500 key%20not%20found\n", b"NOTFOUND "),
]


@pytest.mark.parametrize(
    "body, tcp, socketmap", [row[1:] for row in LOOKUP_ROWS], ids=[row[0] for row in LOOKUP_ROWS]
)
def test_200_to_a_lookup(lanes, body, tcp, socketmap):
    """A 200 is the joined values, or "not found" when nothing is left of them."""
    assert lanes.get(TCP).ask(answer(200, body)) == tcp
    assert lanes.get(SOCKETMAP).ask(answer(200, body)) == netstring(socketmap)


def test_200_to_a_policy_request(lanes):
    """A 200 is the action, behind `action=` and before an empty line."""
    assert lanes.get(POLICY).ask(answer(200, b"DUNNO")) == b"action=DUNNO\n\n"


@pytest.mark.parametrize("mode", LOOKUPS)
def test_404_to_a_lookup(lanes, mode):
    """A 404 is "not found", whatever its body says."""
    expected = NOT_FOUND[mode]
    assert lanes.get(mode).ask(answer(404, b'["value"]')) == expected
    assert lanes.get(mode).ask(answer(404, b"")) == expected


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [400, 401, 403, 405, 408, 410, 418, 429, 451, 499])
def test_other_4xx(lanes, mode, status):
    """Any other 4xx is a user error, with the code where the reply is not for SMTP clients."""
    assert lanes.get(mode).ask(answer(status, b"no")) == user_error(status)[mode]


def test_404_to_a_policy_request(lanes):
    """A policy backend that has no answer at this URL is misconfigured: a 404 is a 4xx."""
    assert lanes.get(POLICY).ask(answer(404, b"DUNNO")) == user_error(404)[POLICY]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [500, 501, 502, 503, 504, 511, 599])
def test_5xx(lanes, mode, status):
    """A 5xx is a temporary error, whatever its body says."""
    step = answer(status, FOUND_BODY[mode])
    assert lanes.get(mode).ask(step) == server_error(status)[mode]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "status", [201, 202, 203, 206, 226, 300, 301, 302, 303, 305, 307, 308, 399]
)
def test_any_other_status(lanes, mode, status):
    """2xx other than 200, and 3xx, are temporary errors, with a fit body and Location too."""
    step = answer(status, FOUND_BODY[mode], b"Location: http://127.0.0.1:1/")
    assert lanes.get(mode).ask(step) == unspecified(status)[mode]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [204, 205, 304])
def test_a_status_without_a_body(lanes, mode, status):
    """Statuses that have no body by definition are no "not found"."""
    raw = b"HTTP/1.1 %d Nothing\r\n\r\n" % status
    assert lanes.get(mode).ask(send_and_close(raw)) == unspecified(status)[mode]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [600, 700, 999])
def test_a_status_beyond_the_known_classes(lanes, mode, status):
    """A status that no class covers is a temporary error too."""
    step = send_and_close(response(status, FOUND_BODY[mode]))
    reply = lanes.get(mode).ask(step)
    assert reply in (unspecified(status)[mode], UNREACHABLE[mode], INVALID[mode])


@pytest.mark.parametrize("mode", MODES)
def test_connection_lost(lanes, mode):
    """A backend that hangs up before the first byte of its response could not be reached."""
    lane = lanes.get(mode)
    lane.ask(send_and_close(response(200, FOUND_BODY[mode], b"Connection: close")))
    assert lane.ask(hang_up) == UNREACHABLE[mode]


@pytest.mark.parametrize("mode", MODES)
def test_connection_refused(handler_for, mode):
    """Nobody listens at the target: it could not be reached, and the next request tries again."""
    with unused_port() as nobody:
        handler = handler_for(mode, target=f"http://127.0.0.1:{nobody.getsockname()[1]}/")
        handler.send(REQUEST[mode] * 2)
        assert handler.finish()[:2] == (UNREACHABLE[mode] * 2, 0)


@pytest.mark.parametrize("mode", MODES)
def test_a_target_that_has_no_address(handler_for, mode):
    """A name that cannot be resolved is a target that could not be reached."""
    handler = handler_for(mode, target="http://does-not-exist.invalid:1/", request_timeout=10000)
    reply = handler.ask(mode, REQUEST[mode])
    assert reply == UNREACHABLE[mode]


@pytest.mark.parametrize("mode", MODES)
def test_invalid_data(lanes, mode):
    """A 200 with a body that is no answer is a temporary error."""
    assert lanes.get(mode).ask(answer(200, b"\xff")) == INVALID[mode]


BROKEN = {
    TCP: (b"put key value\n", b"400 Broken%20request!\n"),
    SOCKETMAP: (b"get key\n", perm_broken("Expected a digit, but got: g")),
    POLICY: (b"no equals sign\n\n", b""),
}


@pytest.mark.parametrize("mode", MODES)
def test_broken_request(handler_for, mode):
    """A broken request is told so where the protocol has a reply, then the connection closes."""
    request, expected = BROKEN[mode]
    handler = handler_for(mode)
    handler.send(request)
    assert handler.result()[:2] == (expected, 0)


@pytest.mark.parametrize("mode", MODES)
def test_an_outcome_leaves_no_trace(lanes, mode):
    """The request after a failure is answered as if there had been none."""
    lane = lanes.get(mode)
    for step in (answer(500), answer(302), answer(200, b"\xff"), hang_up):
        if step is hang_up:
            lane.ask(send_and_close(response(200, b"x", b"Connection: close")))
        lane.ask(step)
        assert lane.ask(answer(200, FOUND_BODY[mode])) == FOUND[mode]
