# SPDX-License-Identifier: MIT
"""The journal entry of a request: what the operator is told, and what nobody is told."""

from __future__ import annotations

import re

import pytest

from harness.endpoints import endpoint
from harness.modes import POLICY, SOCKETMAP, TCP
from harness.wire import table
from postfix_rest_inetd import log_entry, model

TOKEN, HEADER, PATH, QUERY, PASSWORD = "t0ken", "h3ader", "p4th", "qu3ry", "passw0rd"


def facts(status=200, detail=""):
    """A request that took 12.3 ms."""
    result = log_entry.Facts()
    result.request_id = "0123456789abcdef0123456789abcdef"
    result.status = status
    result.elapsed_usec = 12_345
    result.backend_usec = 11_000
    result.detail = detail
    return result


def where(mode=TCP, **keys):
    """An endpoint full of secrets."""
    secrets = {
        "auth_token": TOKEN,
        "headers": {"X-A": HEADER},
        "target": f"http://u:{PASSWORD}@h/{PATH}?{QUERY}",
    }
    return endpoint(mode, **(secrets | keys))


LOOKUP = model.LookupRequest(b"a@b.example")
MAPPED = model.LookupRequest(b"a@b.example", b"map")
RCPT = model.PolicyRequest(
    [
        (b"request", b"smtpd_access_policy"),
        (b"protocol_state", b"RCPT"),
        (b"client_address", b"192.0.2.1"),
        (b"sender", b"from@c.example"),
        (b"recipient", b"to@b.example"),
        (b"queue_id", b"4XyZ"),
    ]
)
DATA = model.PolicyRequest(
    [
        (b"request", b"smtpd_access_policy"),
        (b"protocol_state", b"DATA"),
        (b"client_address", b"192.0.2.1"),
        (b"sender", b"from@c.example"),
        (b"recipient", b""),
        (b"recipient_count", b"3"),
        (b"queue_id", b"4XyZ"),
        (b"instance", b"1b3.6743f1c2.a4f0e.0"),
        (b"size", b"0"),
        (b"sasl_username", b"al1ce"),
    ]
)
FOUND = model.Reply(model.FOUND, model.REPLY_VALUE, "the secret value")


def test_lookup():
    """An entry of a lookup has all fields, and a message of what was asked and what came of it."""
    assert log_entry.of_request(where(), LOOKUP, FOUND, facts()) == {
        "MESSAGE": "example: a@b.example: found (12.3 ms)",
        "MESSAGE_ID": "c5f359ce65e943bbb7df6de99d996035",
        "PRIORITY": "5",
        "POSTFIX_REST_ENDPOINT": "example",
        "POSTFIX_REST_MODE": "tcp-lookup",
        "POSTFIX_REST_OUTCOME": "found",
        "POSTFIX_REST_REQUEST_ID": "0123456789abcdef0123456789abcdef",
        "POSTFIX_REST_ELAPSED_USEC": "12345",
        "POSTFIX_REST_BACKEND_USEC": "11000",
        "POSTFIX_REST_HTTP_STATUS": "200",
        "POSTFIX_REST_KEY": "a@b.example",
    }


def test_socketmap_lookup():
    """The name of the map is a field too."""
    made = log_entry.of_request(where(SOCKETMAP), MAPPED, FOUND, facts())
    assert (made["POSTFIX_REST_MAP"], made["POSTFIX_REST_KEY"]) == ("map", "a@b.example")


def test_policy():
    """An entry of a policy request has who, from where and to whom, and the action's verb alone."""
    reply = model.Reply(model.ACTION, model.REPLY_VALUE, "REJECT x@y.example is blocked")
    made = log_entry.of_request(where(POLICY), RCPT, reply, facts())
    assert made["MESSAGE"] == (
        "example: RCPT from=192.0.2.1 sender=<from@c.example> recipient=<to@b.example>: "
        "action REJECT (12.3 ms)"
    )
    names = ("SENDER", "RECIPIENT", "CLIENT_ADDRESS", "QUEUE_ID")
    assert [made[f"POSTFIX_REST_{name}"] for name in names] == [
        "from@c.example",
        "to@b.example",
        "192.0.2.1",
        "4XyZ",
    ]
    assert "POSTFIX_REST_KEY" not in made


def test_policy_with_less():
    """Attributes that are missing or empty make no fields, and the message stays readable."""
    request = model.PolicyRequest([(b"sender", b""), (b"recipient", b"to@b.example")])
    reply = model.Reply(model.ACTION, model.REPLY_VALUE, "DUNNO")
    made = log_entry.of_request(where(POLICY), request, reply, facts())
    assert made["MESSAGE"] == (
        "example: request sender=<> recipient=<to@b.example>: action DUNNO (12.3 ms)"
    )
    fields = {"SENDER", "CLIENT_ADDRESS", "QUEUE_ID", "RECIPIENT"}
    assert {f for f in fields if f"POSTFIX_REST_{f}" in made} == {"RECIPIENT"}


def policy(state: bytes, **attributes: bytes) -> model.PolicyRequest:
    """A policy request, with what Postfix sends from the start of a connection on."""
    start = {"protocol_state": state, "client_address": b"192.0.2.1"}
    return model.PolicyRequest([(k.encode(), v) for k, v in (start | attributes).items()])


def test_policy_at_data():
    """At DATA it is the login that says who it is, and a number who gets it; both are fields."""
    reply = model.Reply(model.ACTION, model.REPLY_VALUE, "Defer_if_permit 30 a minute")
    made = log_entry.of_request(where(POLICY), DATA, reply, facts())
    assert made["MESSAGE"] == (
        "example: DATA login=al1ce from=192.0.2.1 sender=<from@c.example> recipients=3: "
        "action Defer_if_permit (12.3 ms)"
    )
    names = ("SASL_USERNAME", "RECIPIENT_COUNT", "INSTANCE", "ACTION")
    assert [made[f"POSTFIX_REST_{name}"] for name in names] == [
        "al1ce",
        "3",
        "1b3.6743f1c2.a4f0e.0",
        "DEFER_IF_PERMIT",
    ]
    assert "POSTFIX_REST_SIZE" not in made, "it is 0 until it is known"


SUBJECTS = {
    "a connection": (policy(b"CONNECT"), "CONNECT from=192.0.2.1 sender=<> recipient=<>"),
    "a recipient, with a login": (
        policy(b"RCPT", sender=b"a", recipient=b"b", recipient_count=b"0", sasl_username=b"u"),
        "RCPT login=u from=192.0.2.1 sender=<a> recipient=<b>",
    ),
    "a recipient, with a declared size": (
        policy(b"RCPT", sender=b"a", recipient=b"b", recipient_count=b"0", size=b"5000"),
        "RCPT from=192.0.2.1 sender=<a> recipient=<b>",
    ),
    "data for a single recipient": (
        policy(b"DATA", sender=b"a", recipient=b"b", recipient_count=b"1"),
        "DATA from=192.0.2.1 sender=<a> recipient=<b>",
    ),
    "the end of a bounce": (
        policy(b"END-OF-MESSAGE", sender=b"", recipient_count=b"2", size=b"77"),
        "END-OF-MESSAGE from=192.0.2.1 sender=<> recipients=2 size=77",
    ),
    "a login that is a zero": (
        policy(b"DATA", sender=b"0", recipient_count=b"2", sasl_username=b"0"),
        "DATA login=0 from=192.0.2.1 sender=<0> recipients=2",
    ),
    "a login of two lines": (
        policy(b"DATA", recipient_count=b"2", sasl_username=b"a\nb"),
        r"DATA login=a\nb from=192.0.2.1 sender=<> recipients=2",
    ),
    "an attribute that is there twice": (
        model.PolicyRequest([(b"sasl_username", b"a"), (b"sasl_username", b"b")]),
        "request login=a sender=<> recipient=<>",
    ),
}


@pytest.mark.parametrize("request_, subject", table(SUBJECTS))
def test_subject_of_a_policy_request(request_, subject):
    """What is known in a state is told, who it is first; what is not known takes no room."""
    reply = model.Reply(model.ACTION, model.REPLY_VALUE, "DUNNO")
    made = log_entry.of_request(where(POLICY), request_, reply, facts())
    assert made["MESSAGE"] == f"example: {subject}: action DUNNO (12.3 ms)"


@pytest.mark.parametrize(
    "action, field",
    [
        ("DUNNO", "DUNNO"),
        ("450 4.2.0 later", "450"),
        ("reject to@b.example", "REJECT"),
        ("permit_mynetworks", None),
        ("to@b.example", None),
    ],
)
def test_action_field(action, field):
    """Of an action the verb is a field, in upper case; what may be anything is none."""
    reply = model.Reply(model.ACTION, model.REPLY_VALUE, action)
    made = log_entry.of_request(where(POLICY, log_keys=False), RCPT, reply, facts())
    assert made.get("POSTFIX_REST_ACTION") == field


def test_nothing_measured_yet():
    """What is not known of a request leaves no trace but zeros: no detail, no status."""
    made = log_entry.of_request(where(log_keys=False), LOOKUP, FOUND, log_entry.Facts())
    assert made["MESSAGE"] == "example: found (0.0 ms)"
    assert "POSTFIX_REST_HTTP_STATUS" not in made
    assert [made[f"POSTFIX_REST_{name}_USEC"] for name in ("ELAPSED", "BACKEND")] == ["0", "0"]
    assert made["POSTFIX_REST_REQUEST_ID"] == ""


def test_more_than_a_second():
    """The message has milliseconds, rounded to a tenth."""
    slow = facts()
    slow.elapsed_usec = 12_345_678
    made = log_entry.of_request(where(log_keys=False), LOOKUP, FOUND, slow)
    assert made["MESSAGE"] == "example: found (12345.7 ms)"


@pytest.mark.parametrize(
    "source, words, priority",
    [("stored", "stored 75 s ago", "5"), ("stale", "stale, stored 75 s ago", "4")],
)
def test_stored_answer(source, words, priority):
    """It is told apart from one of the backend, and a stale one is a warning."""
    from_store = facts(status=0)
    from_store.source, from_store.age_sec = source, 75
    made = log_entry.of_request(where(log_keys=False), LOOKUP, FOUND, from_store)
    assert made["MESSAGE"] == f"example: found, {words} (12.3 ms)"
    assert (made["POSTFIX_REST_SOURCE"], made["POSTFIX_REST_AGE"]) == (source, "75")
    assert made["PRIORITY"] == priority


@pytest.mark.parametrize("woken, kind", [(False, "cold"), (True, "woken")])
def test_first_request_of_a_process(woken, kind):
    """It has a time that the handler took to be ready, and whether it was started or woken."""
    first = facts()
    first.start_usec, first.woken = 31_415, woken
    made = log_entry.of_request(where(), LOOKUP, FOUND, first)
    fields = {"POSTFIX_REST_START": kind, "POSTFIX_REST_START_USEC": "31415"}
    assert made == log_entry.of_request(where(), LOOKUP, FOUND, facts()) | fields


OUTCOMES = {
    "found": (model.FOUND, 200, "5", "found"),
    "not found": (model.NOT_FOUND, 404, "5", "not found"),
    "an empty list": (model.NOT_FOUND, 200, "5", "not found"),
    "a refusal": (
        model.USER_ERROR,
        401,
        "3",
        "refused by the backend with status 401: is the auth-token right?",
    ),
    "another refusal": (
        model.USER_ERROR,
        403,
        "3",
        "refused by the backend with status 403: is the auth-token right?",
    ),
    "a wrong path": (
        model.USER_ERROR,
        404,
        "3",
        "refused by the backend with status 404: is the path of the target right?",
    ),
    "a wrong method": (
        model.USER_ERROR,
        405,
        "3",
        "refused by the backend with status 405: does the backend want another method?",
    ),
    "a backend that was too slow": (
        model.USER_ERROR,
        408,
        "3",
        "refused by the backend with status 408: a candidate for temporary-statuses",
    ),
    "too many requests": (
        model.USER_ERROR,
        429,
        "3",
        "refused by the backend with status 429: a candidate for temporary-statuses",
    ),
    "a 4xx without advice of its own": (
        model.USER_ERROR,
        418,
        "3",
        "refused by the backend with status 418: does the backend take the requests of this mode?",
    ),
    "a failure": (
        model.SERVER_ERROR,
        500,
        "4",
        (
            "backend failed with status 500: its log may tell why, look for X-Request-Id "
            "0123456789abcdef0123456789abcdef"
        ),
    ),
    "a redirect": (
        model.UNSPECIFIED_STATUS,
        302,
        "4",
        (
            "unexpected status from the backend with status 302: the contract knows 200, 4xx and "
            "5xx; redirects are not followed"
        ),
    ),
    "invalid data": (model.INVALID_DATA, 200, "4", "invalid data with status 200"),
    "no response in time": (model.TIMEOUT, 0, "4", "timed out"),
    "no connection": (model.UNREACHABLE, 0, "4", "backend unreachable"),
    "a broken request": (model.BROKEN_REQUEST, 0, "4", "broken request"),
    "an internal error": (
        model.INTERNAL_ERROR,
        0,
        "3",
        "internal error, the request gets a temporary error; please report this",
    ),
}


@pytest.mark.parametrize("outcome, status, priority, words", table(OUTCOMES))
def test_outcome(outcome, status, priority, words):
    """Each outcome has its words, its priority and, where the status tells enough, advice."""
    made = log_entry.of_request(
        where(), LOOKUP, model.Reply(outcome, model.REPLY_TEMPORARY), facts(status)
    )
    head, separator, advice = words.partition(": ")
    expected = f"example: a@b.example: {head} (12.3 ms){separator}{advice}"
    assert (made["MESSAGE"], made["PRIORITY"]) == (expected, priority)
    assert made["POSTFIX_REST_OUTCOME"] == outcome
    assert ("POSTFIX_REST_HTTP_STATUS" in made) == (status != 0)
    assert "POSTFIX_REST_DETAIL" not in made, "advice follows from the outcome and the status"


@pytest.mark.parametrize("status", [408, 429])
def test_temporary_status(status):
    """Nobody is advised to add a status to temporary-statuses where it is one of them."""
    reply = model.Reply(model.USER_ERROR, model.REPLY_TEMPORARY)
    made = log_entry.of_request(where(temporary_statuses=[status]), LOOKUP, reply, facts(status))
    reason = "a temporary error, because temporary-statuses has the status"
    assert made["MESSAGE"] == (
        f"example: a@b.example: refused by the backend with status {status} (12.3 ms): {reason}"
    )
    assert (made["PRIORITY"], made["POSTFIX_REST_DETAIL"]) == ("4", reason)


def test_temporary_status_to_be_corrected():
    """A wrong token stays an error of the operator's, also if it is a temporary one for Postfix."""
    reply = model.Reply(model.USER_ERROR, model.REPLY_TEMPORARY)
    made = log_entry.of_request(where(temporary_statuses=[401]), LOOKUP, reply, facts(401))
    assert made["MESSAGE"].endswith(": is the auth-token right?")
    assert (made["PRIORITY"], "POSTFIX_REST_DETAIL" in made) == ("3", False)


def test_every_outcome_has_a_message_id():
    """The ids are 128 bits in hexadecimal, and no two outcomes share one."""
    made = [
        log_entry.of_trouble("", None, getattr(model, name), "")["MESSAGE_ID"]
        for name in (
            "FOUND NOT_FOUND ACTION USER_ERROR SERVER_ERROR UNSPECIFIED_STATUS TIMEOUT UNREACHABLE "
            "INVALID_DATA BROKEN_REQUEST UNUSABLE_CONFIG KEPT_CONFIG UNUSABLE_CACHE INTERNAL_ERROR"
        ).split()
    ]
    assert len(set(made)) == len(made)
    assert all(re.fullmatch("[0-9a-f]{32}", message_id) for message_id in made)


def test_detail():
    """What an error says stands at the end, in the place of general advice."""
    reply = model.Reply(model.UNREACHABLE, model.REPLY_TEMPORARY)
    made = log_entry.of_request(where(), LOOKUP, reply, facts(0, "cannot connect; is it running?"))
    assert made["MESSAGE"] == (
        "example: a@b.example: backend unreachable (12.3 ms): cannot connect; is it running?"
    )

    assert made["POSTFIX_REST_DETAIL"] == "cannot connect; is it running?"


DETAILS = {
    "as long as a field may be": ("x" * 1024, "x" * 1024),
    "longer": ("x" * 1025, "x" * 1024 + "…"),
    "two lines": ("an error\ncaused by another", r"an error\ncaused by another"),
    "a path that is not UTF-8": ("/a\udcff: no such file", r"/a\udcff: no such file"),
    "a terminal's escape": ("\x1b[2J", r"\x1b[2J"),
}


@pytest.mark.parametrize("detail, field", table(DETAILS))
def test_detail_field(detail, field):
    """The reason is one printable line of a bounded length; the message has all of it."""
    reply = model.Reply(model.INTERNAL_ERROR, model.REPLY_TEMPORARY)
    of_request = log_entry.of_request(where(), LOOKUP, reply, facts(0, detail))
    of_trouble = log_entry.of_trouble("", None, model.INTERNAL_ERROR, detail)
    for made in (of_request, of_trouble):
        assert made["POSTFIX_REST_DETAIL"] == field
        assert made["MESSAGE"].endswith(f": {detail}")


ONE, TWO = "https://one.example", "https://two.example"
BEFORE = f"{ONE}: it is down; then {TWO} was asked"
STATUS_500 = "its log may tell why, look for X-Request-Id 0123456789abcdef0123456789abcdef"
TARGETS = {
    # outcome, status, target, failed, detail -> priority, DETAIL, the end of the message
    "a single one": (model.FOUND, 200, "", "", "", "5", None, "found (12.3 ms)"),
    "the first one": (model.FOUND, 200, ONE, "", "", "5", None, "found (12.3 ms)"),
    "the second one": (
        *(model.FOUND, 200, TWO, f"{ONE}: it is down", ""),
        *("4", BEFORE, f"found (12.3 ms): {BEFORE}"),
    ),
    "nothing there": (
        *(model.NOT_FOUND, 404, TWO, f"{ONE}: it is down", ""),
        *("4", BEFORE, f"not found (12.3 ms): {BEFORE}"),
    ),
    "a refusal is as bad as ever": (
        *(model.USER_ERROR, 401, TWO, f"{ONE}: it is down", ""),
        *("3", BEFORE, f"status 401 (12.3 ms): {BEFORE}: is the auth-token right?"),
    ),
    "the last one fails": (
        *(model.SERVER_ERROR, 500, TWO, f"{ONE}: it is down", ""),
        *("4", BEFORE, f"status 500 (12.3 ms): {BEFORE}: {STATUS_500}"),
    ),
    "what it says cannot be used": (
        *(model.INVALID_DATA, 200, TWO, f"{ONE}: it is down", "no JSON"),
        *("4", f"{BEFORE}: no JSON", f"status 200 (12.3 ms): {BEFORE}: no JSON"),
    ),
    "all fail": (
        *(model.TIMEOUT, 0, TWO, "", f"{ONE}: it is down; then {TWO}: time is up"),
        *("4", f"{ONE}: it is down; then {TWO}: time is up", f"then {TWO}: time is up"),
    ),
}


@pytest.mark.parametrize(
    "outcome, status, target, failed, detail, priority, field, end", table(TARGETS)
)
def test_targets(outcome, status, target, failed, detail, priority, field, end):
    """The last target, and why those before it failed; a success after that is a warning."""
    known = facts(status, detail)
    known.target, known.failed = target, failed
    reply = model.Reply(outcome, model.REPLY_TEMPORARY)
    for _ in range(2):  # the facts are not changed
        made = log_entry.of_request(where(), LOOKUP, reply, known)
        assert made["PRIORITY"] == priority
        assert made.get("POSTFIX_REST_DETAIL") == field
        assert made.get("POSTFIX_REST_TARGET", "") == target
        assert made["MESSAGE"].endswith(end)


def test_closing():
    """A request that gets no reply says that the connection is closed."""
    reply = model.Reply(model.TIMEOUT, model.REPLY_NONE)
    made = log_entry.of_request(where(POLICY), RCPT, reply, facts(0))
    assert made["MESSAGE"].endswith(": timed out, closing the connection (12.3 ms)")


PEOPLE = ("from@c.example", "to@b.example", "192.0.2.1", "4XyZ", "a@b.example", "al1ce", "a4f0e")
REPLIES = [
    FOUND,
    model.Reply(model.NOT_FOUND, model.REPLY_NOT_FOUND),
    model.Reply(model.ACTION, model.REPLY_VALUE, "REJECT to@b.example"),
    model.Reply(model.USER_ERROR, model.REPLY_PERMANENT, "x"),
    model.Reply(model.TIMEOUT, model.REPLY_NONE),
]


@pytest.mark.parametrize("log_keys", [True, False])
@pytest.mark.parametrize(
    "mode, request_", [(TCP, LOOKUP), (SOCKETMAP, MAPPED), (POLICY, RCPT), (POLICY, DATA)]
)
@pytest.mark.parametrize("reply", REPLIES, ids=lambda reply: reply.outcome)
def test_secrets(mode, request_, reply, log_keys):
    """No secret of the endpoint and no value is in an entry; without log-keys no address either."""
    made = log_entry.of_request(where(mode, log_keys=log_keys), request_, reply, facts())
    shown = repr(made)
    assert [s for s in (TOKEN, HEADER, PATH, QUERY, PASSWORD, "the secret") if s in shown] == []
    if not log_keys:
        assert [address for address in PEOPLE if address in shown] == []


def test_without_keys():
    """Without log-keys a message still says which endpoint, what came of it, and how long."""
    lookup = log_entry.of_request(where(SOCKETMAP, log_keys=False), MAPPED, FOUND, facts())
    assert lookup["MESSAGE"] == "example: found (12.3 ms)"
    assert lookup["POSTFIX_REST_MAP"] == "map"
    reply = model.Reply(model.ACTION, model.REPLY_VALUE, "DUNNO")
    policy = log_entry.of_request(where(POLICY, log_keys=False), RCPT, reply, facts())
    assert policy["MESSAGE"] == "example: RCPT: action DUNNO (12.3 ms)"
    bare = model.PolicyRequest([(b"sender", b"from@c.example")])
    policy = log_entry.of_request(where(POLICY, log_keys=False), bare, reply, facts())
    assert policy["MESSAGE"] == "example: action DUNNO (12.3 ms)"


@pytest.mark.parametrize("action", ["to@b.example", "to@b.example,reject", "192.0.2.1 blocked"])
def test_an_action_that_is_an_address(action):
    """Without log-keys an address that the backend puts in the place of an action is not shown."""
    reply = model.Reply(model.ACTION, model.REPLY_VALUE, action)
    made = log_entry.of_request(where(POLICY, log_keys=False), RCPT, reply, facts())
    assert [address for address in PEOPLE if address in repr(made)] == []


TROUBLE = {
    "of an endpoint": (
        ("example", TCP, model.BROKEN_REQUEST, "why"),
        "example: broken request: why",
        {"ENDPOINT": "example", "MODE": "tcp-lookup", "OUTCOME": "broken-request"},
    ),
    "before there is an endpoint": (
        ("", POLICY, model.BROKEN_REQUEST, "why"),
        "broken request: why",
        {"MODE": "policy", "OUTCOME": "broken-request"},
    ),
    "before there is a mode": (
        ("", None, model.UNUSABLE_CONFIG, "why"),
        "the configuration cannot be used, every request gets a temporary error: why",
        {"OUTCOME": "unusable-config"},
    ),
    "a change that is wrong": (
        ("", TCP, model.KEPT_CONFIG, "why"),
        "the changed configuration cannot be used, the one before stays in force: why",
        {"MODE": "tcp-lookup", "OUTCOME": "kept-config"},
    ),
    "a cache that is of no use": (
        ("example", TCP, model.UNUSABLE_CACHE, "why"),
        "example: stored answers cannot be used or kept, the backend is asked: why",
        {"ENDPOINT": "example", "MODE": "tcp-lookup", "OUTCOME": "unusable-cache"},
    ),
    "an exception": (
        ("example", TCP, model.INTERNAL_ERROR, "why"),
        "example: internal error, the request gets a temporary error; please report this: why",
        {"ENDPOINT": "example", "MODE": "tcp-lookup", "OUTCOME": "internal-error"},
    ),
    "without a reason": (
        ("example", TCP, model.BROKEN_REQUEST, ""),
        "example: broken request: ",
        {"ENDPOINT": "example", "MODE": "tcp-lookup", "OUTCOME": "broken-request", "DETAIL": ""},
    ),
}


@pytest.mark.parametrize("arguments, message, fields", table(TROUBLE))
def test_trouble(arguments, message, fields):
    """An entry that is not about one request has the fields that are known, and no empty ones."""
    made = log_entry.of_trouble(*arguments)
    assert made.pop("MESSAGE") == message
    assert made.pop("MESSAGE_ID")
    assert made.pop("PRIORITY") in "34"
    expected = {"DETAIL": "why", **fields}
    assert made == {f"POSTFIX_REST_{name}": value for name, value in expected.items() if value}


COUNTS = {
    "announced": (0, False, ": why"),
    "of one request": (1, False, ": why"),
    "of many requests": (350, False, " (350 requests): why"),
    "that the journal has already": (350, True, " (350 requests): the reason has not changed"),
}


@pytest.mark.parametrize("count, is_told, end", table(COUNTS))
def test_unusable_configuration(count, is_told, end):
    """Each entry has the reason and a count; a message only if no earlier one has the reason."""
    made = log_entry.of_unusable_config(TCP, "why", count, is_told=is_told)
    same = log_entry.of_trouble("", TCP, model.UNUSABLE_CONFIG, "why")
    words = same["MESSAGE"].removesuffix(": why")
    assert made == {**same, "MESSAGE": f"{words}{end}", "POSTFIX_REST_COUNT": str(count)}
    if not is_told:
        assert log_entry.of_unusable_config(TCP, "why", count) == made


PRINTABLE = {
    "plain": (b"a@b.example", "a@b.example"),
    "UTF-8": ("é".encode(), "é"),
    "not UTF-8": (b"a\xff\xc3", r"a\xff\xc3"),
    "a second line": (b"a\nb\r", r"a\nb\r"),
    "a terminal's escape": (b"\x1b[2J", r"\x1b[2J"),
    "a NUL": (b"\0", r"\x00"),
    "C1 controls": ("\x9b".encode(), r"\x9b"),
    "a line separator": ("\u2028".encode(), r"\u2028"),
    "text from right to left": ("\u202ea".encode(), r"\u202ea"),
    "as long as a field may be": (b"x" * 1024, "x" * 1024),
    "longer": (b"x" * 1025, "x" * 1024 + "…"),
    "much longer": (b"x" * 100_000, "x" * 1024 + "…"),
    "long characters": ("😀".encode() * 1024, "😀" * 1024),
    "more of them": ("😀".encode() * 1025, "😀" * 1024 + "…"),
    "long because of escapes": (b"\0" * 300, r"\x00" * 256 + "…"),
}


@pytest.mark.parametrize("data, text", table(PRINTABLE))
def test_text_of_a_client(data, text):
    """What a client sent is shown as one line that no terminal obeys, of a bounded length."""
    made = log_entry.of_request(where(), model.LookupRequest(data), FOUND, facts())
    assert made["POSTFIX_REST_KEY"] == text
    request = model.PolicyRequest([(b"sender", data)])
    made = log_entry.of_request(where(POLICY), request, FOUND, facts())
    assert made["POSTFIX_REST_SENDER"] == text


@pytest.mark.parametrize(
    "text, limit, shown",
    [
        ("", 0, ""),
        ("x", 0, "…"),
        ("ab", 2, "ab"),
        ("abc", 2, "ab…"),
        ("\n", 2, r"\n"),
        ("\n\n", 2, r"\n…"),
        ("\n" * 2000, None, r"\n" * 2000),
        ("'\"\\", None, "'\"\\"),
    ],
)
def test_printable(text, limit, shown):
    """What is not printable is spelled out; a limit is for what is shown, not for what was."""
    assert log_entry.printable(text, limit) == shown


def test_exception():
    """An exception is shown by type and place, with its causes, and never by its words."""

    def fail():
        raise KeyError(TOKEN)

    def fail_because():
        try:
            fail()
        except KeyError as error:
            raise ValueError(PASSWORD) from error

    with pytest.raises(ValueError, match=PASSWORD) as raised:
        fail_because()
    shown = log_entry.of_exception(raised.value)
    first, second = shown.split("\ncaused by ")
    assert re.match(r"builtins.ValueError in fail_because \(.*test_log_entry\.py:\d+\) < ", first)
    assert re.match(
        r"builtins.KeyError in fail \(.*test_log_entry\.py:\d+\) < fail_because", second
    )
    assert TOKEN not in shown
    assert PASSWORD not in shown


def test_exception_without_cause():
    """The exception that was being handled counts as a cause, as Python's own traceback has it."""
    inner, outer = KeyError(TOKEN), ValueError(PASSWORD)
    outer.__context__ = inner
    assert (
        log_entry.of_exception(outer) == "builtins.ValueError in \ncaused by builtins.KeyError in "
    )


def test_deep_exception():
    """However deep an exception was raised, and however many causes it has, the text is bounded."""

    def recurse():
        recurse()

    try:
        recurse()
    except RecursionError as error:
        shown = log_entry.of_exception(error)
        assert shown.count("recurse (") <= 30
    error = None
    for _ in range(50):
        cause, error = error, ValueError()
        error.__cause__ = cause
    assert log_entry.of_exception(error).count("\n") == 9
