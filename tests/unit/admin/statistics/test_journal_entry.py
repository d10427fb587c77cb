# SPDX-License-Identifier: MIT
"""Journal entries as `stats` reads them: those that the handler writes, and forgeries."""

from __future__ import annotations

import pytest

from harness.endpoints import endpoint
from harness.modes import POLICY, SOCKETMAP, TCP
from postfix_rest_inetd import log_entry as handlers_entry
from postfix_rest_inetd import model
from postfix_rest_inetd.admin.statistics.journal_entry import OUTCOMES, parse

WHEN = 1_795_600_000_000_000

REQUESTS = {
    TCP: model.LookupRequest(b"example.org"),
    SOCKETMAP: model.LookupRequest(b"a (9.9 ms): b", b"alias"),
    POLICY: model.PolicyRequest(
        [
            (b"protocol_state", b"RCPT"),
            (b"sender", b"a@example.org"),
            (b"recipient", b"b@example.net"),
            (b"client_address", b"192.0.2.1"),
            (b"sasl_username", b"alice"),
        ]
    ),
}
SUBJECTS = {
    TCP: (("key", "example.org"),),
    SOCKETMAP: (("key", "alias: a (9.9 ms): b"),),
    POLICY: (
        ("sender", "a@example.org"),
        ("recipient", "b@example.net"),
        ("client", "192.0.2.1"),
        ("login", "alice"),
    ),
}


def fields_of(entry: dict[str, str]) -> dict[str, bytes]:
    """An entry as the journal has it."""
    return {name: value.encode() for name, value in entry.items()}


def facts(status: int = 0, detail: str = "") -> handlers_entry.Facts:
    """What is known about a request."""
    result = handlers_entry.Facts()
    result.request_id = "0123456789abcdef" * 2
    result.status, result.detail = status, detail
    result.elapsed_usec, result.backend_usec = 1550, 1234
    return result


def test_every_outcome_is_known():
    """The outcomes of requests in the handler's entries are those that are counted."""
    assert {*OUTCOMES, model.KEPT_CONFIG, model.UNUSABLE_CACHE} == set(handlers_entry._OUTCOMES)


@pytest.mark.parametrize("mode", REQUESTS)
@pytest.mark.parametrize("log_keys", [True, False])
def test_a_success(mode, log_keys):
    """A request that went well is counted with all that is known of it."""
    outcome = model.ACTION if mode == POLICY else model.FOUND
    fields = handlers_entry.of_request(
        endpoint(mode, name="x", log_keys=log_keys),
        REQUESTS[mode],
        model.Reply(outcome, model.REPLY_VALUE, "DUNNO"),
        facts(200),
    )
    entry = parse(fields_of(fields), WHEN)
    assert entry is not None
    assert entry[:8] == (WHEN, "x", mode, outcome, True, 1550, 1234, 200)
    assert not entry.failed
    assert entry.cause == ""
    assert entry.subjects == (SUBJECTS[mode] if log_keys else ())


CAUSES = [
    (model.TIMEOUT, 0, "it took (too) long: is it?", "it took (too) long: is it?"),
    (model.USER_ERROR, 403, "", "is the auth-token right?"),
    (model.SERVER_ERROR, 503, "", "its log may tell why, look for X-Request-Id ..."),
    (model.UNSPECIFIED_STATUS, 302, "", "the contract knows 200, 4xx and 5xx; redirects are not"),
]


@pytest.mark.parametrize("mode", REQUESTS)
@pytest.mark.parametrize("outcome, status, detail, cause", CAUSES)
def test_a_failure(mode, outcome, status, detail, cause):
    """A failure is counted with its cause, in which nothing of the single request is left."""
    reply = model.Reply(outcome, model.REPLY_TEMPORARY, "x")
    fields = handlers_entry.of_request(
        endpoint(mode, name="x"), REQUESTS[mode], reply, facts(status, detail)
    )
    entry = parse(fields_of(fields), WHEN)
    assert entry is not None
    assert entry.failed
    assert entry.cause.startswith(cause)
    assert "example" not in entry.cause
    assert parse(fields_of({**fields, "MESSAGE": "another sentence"}), WHEN) == entry


@pytest.mark.parametrize("mode", REQUESTS)
@pytest.mark.parametrize("outcome, status, detail, cause", CAUSES)
def test_a_failure_without_a_detail(mode, outcome, status, detail, cause):
    """The first versions did not write it: their failures have a cause by outcome and status."""
    reply = model.Reply(outcome, model.REPLY_TEMPORARY, "x")
    fields = handlers_entry.of_request(
        endpoint(mode, name="x"), REQUESTS[mode], reply, facts(status, detail)
    )
    fields.pop("POSTFIX_REST_DETAIL", None)
    entry = parse(fields_of(fields), WHEN)
    assert entry is not None
    assert entry.cause.startswith(cause if not detail else "")
    assert (entry.cause == "") == (outcome == model.TIMEOUT)


def test_a_success_has_no_cause():
    """A detail that the handler never writes to a success is not taken for a cause."""
    entry = parse({**GOOD, "POSTFIX_REST_DETAIL": b"forged"}, WHEN)
    assert entry is not None
    assert entry.cause == ""


@pytest.mark.parametrize("name, mode", [("x", TCP), ("", None)])
def test_trouble(name, mode):
    """What is about no single request is known as such."""
    fields = handlers_entry.of_trouble(name, mode, model.BROKEN_REQUEST, "no 'get '")
    entry = parse(fields_of(fields), WHEN)
    assert entry is not None
    assert not entry.is_request
    assert entry.failed
    assert (entry.endpoint, entry.mode) == (name, mode or "")
    assert entry.cause == "no 'get '"
    del fields["POSTFIX_REST_DETAIL"]
    assert parse(fields_of(fields), WHEN) == entry._replace(cause=""), "of a first version"


@pytest.mark.parametrize("count, number", [(None, 1), (0, 0), (1, 1), (350, 350)])
def test_a_count(count, number):
    """An entry may stand for many requests, all with one cause; without a count it is for one."""
    reason = "it (9 requests): is"
    fields = handlers_entry.of_trouble("", TCP, model.UNUSABLE_CONFIG, reason)
    if count is not None:
        fields = handlers_entry.of_unusable_config(TCP, reason, count)
    entry = parse(fields_of(fields), WHEN)
    assert entry is not None
    assert entry.number == number
    assert entry.cause == "it (9 requests): is"


EFFECTS = {
    "DUNNO": "",
    "OK": "",
    "DEFER_IF_REJECT": "",
    "reject": "refused",
    "550 no": "refused",
    "DEFER_IF_PERMIT x": "deferred",
    "defer": "deferred",
    "450 4.2.0 later": "deferred",
    "permit_mynetworks": "",
}


@pytest.mark.parametrize("action, effect", EFFECTS.items())
def test_an_effect(action, effect):
    """Of a policy's action it is known whether it refuses or defers, also without log-keys."""
    fields = handlers_entry.of_request(
        endpoint(POLICY, name="x", log_keys=False),
        REQUESTS[POLICY],
        model.Reply(model.ACTION, model.REPLY_VALUE, action),
        facts(200),
    )
    entry = parse(fields_of(fields), WHEN)
    assert entry is not None
    assert entry.effect == effect
    del fields["POSTFIX_REST_ACTION" if effect else "MESSAGE"]
    older = parse(fields_of(fields), WHEN)
    assert older == entry._replace(effect="")


@pytest.mark.parametrize("woken, kind", [(False, "cold"), (True, "woken")])
def test_a_start(woken, kind):
    """The first request of a process has the time until it was ready."""
    first = facts(200)
    first.start_usec, first.woken = 31_415, woken
    reply = model.Reply(model.FOUND, model.REPLY_VALUE, "x")
    fields = handlers_entry.of_request(endpoint(TCP, name="x"), REQUESTS[TCP], reply, first)
    entry = parse(fields_of(fields), WHEN)
    assert entry is not None
    assert (entry.start, entry.start_usec) == (kind, 31_415)


GOOD = fields_of(
    handlers_entry.of_request(
        endpoint(TCP, name="x"),
        REQUESTS[TCP],
        model.Reply(model.FOUND, model.REPLY_VALUE, "x"),
        facts(200),
    )
)


@pytest.mark.parametrize(
    "field, value",
    [
        ("OUTCOME", b"splendid"),
        ("OUTCOME", b""),
        ("OUTCOME", b"\xff"),
        ("MODE", b"smtp"),
        ("ELAPSED_USEC", b"-1"),
        ("ELAPSED_USEC", b"1e9"),
        ("ELAPSED_USEC", b"9" * 14),
        ("ELAPSED_USEC", "²".encode()),
        ("BACKEND_USEC", b"x"),
        ("HTTP_STATUS", b"2 00"),
        ("COUNT", b"-1"),
        ("COUNT", b"9" * 14),
        ("START", b"lukewarm"),
        ("START_USEC", b"1.5"),
        ("SOURCE", b"backend?"),
        ("AGE", b"1.5"),
        ("AGE", b"-1"),
    ],
)
def test_forgeries(field, value):
    """Anybody can write to the journal: what the handler never writes is not counted."""
    assert parse(GOOD, WHEN) is not None
    assert parse({**GOOD, f"POSTFIX_REST_{field}": value}, WHEN) is None


MEMORY = [
    # source, backend_usec, detail -> cause, asked
    (b"stored", b"0", b"", "", False),
    (b"stale", b"0", b"known to be down", "known to be down", False),
    (b"stale", b"2000", b"timed out", "timed out", True),
]


@pytest.mark.parametrize("outcome", [model.FOUND, model.NOT_FOUND])
@pytest.mark.parametrize("source, backend_usec, detail, cause, asked", MEMORY)
def test_a_stored_answer(outcome, source, backend_usec, detail, cause, asked):
    """Its age is known, and whether the backend was asked first; why it was not fresh is."""
    fields = {
        **GOOD,
        "POSTFIX_REST_OUTCOME": outcome.encode(),
        "POSTFIX_REST_SOURCE": source,
        "POSTFIX_REST_AGE": b"4000",
        "POSTFIX_REST_BACKEND_USEC": backend_usec,
        "POSTFIX_REST_DETAIL": detail,
    }
    entry = parse(fields, WHEN)
    assert entry is not None
    assert (entry.source, entry.age_sec) == (source.decode(), 4000)
    assert (entry.cause, entry.asked) == (cause, asked)
    assert not entry.failed


def test_the_backend_was_asked():
    """Without a source, the backend was asked, as in all entries of the first versions."""
    entry = parse(GOOD, WHEN)
    assert entry is not None
    assert (entry.source, entry.age_sec, entry.asked) == ("backend", 0, True)


@pytest.mark.parametrize("outcome", sorted({*OUTCOMES} - {model.FOUND, model.NOT_FOUND}))
def test_only_answers_are_stored(outcome):
    """No failure and no action comes from a store: an entry that says so is forged."""
    fields = {**GOOD, "POSTFIX_REST_OUTCOME": outcome.encode(), "POSTFIX_REST_SOURCE": b"stored"}
    assert parse(fields, WHEN) is None


def test_a_request_is_one():
    """However many requests an entry about one claims to be for, it is one."""
    entry = parse({**GOOD, "POSTFIX_REST_COUNT": b"1000000"}, WHEN)
    assert entry is not None
    assert entry.number == 1


def test_other_entries():
    """An entry without our fields is none of ours."""
    assert parse({"MESSAGE": b"postfix-rest-tcp@all.socket failed"}, WHEN) is None
    assert parse({}, WHEN) is None


def test_texts_are_cut_and_printable():
    """A name or a key can neither fill the memory nor drive a terminal."""
    entry = parse(
        {
            **GOOD,
            "POSTFIX_REST_ENDPOINT": b"\x1b[2J" + b"x" * 1000,
            "POSTFIX_REST_KEY": b"\xff" * 1000,
            "POSTFIX_REST_OUTCOME": model.TIMEOUT.encode(),
            "POSTFIX_REST_DETAIL": b"\n" * 1000,
        },
        WHEN,
    )
    assert entry is not None
    assert entry.endpoint.startswith("\\x1b[2Jxxx")
    assert len(entry.endpoint) == 101
    assert entry.subjects[0][1].startswith("\\xff\\xff")
    assert len(entry.subjects[0][1]) == 101
    assert entry.cause == r"\n" * 150 + "…"


def test_a_repeated_field():
    """Of a field that is there twice, the last one counts."""
    entry = parse({**GOOD, "POSTFIX_REST_ENDPOINT": [b"one", b"two"]}, WHEN)
    assert entry is not None
    assert entry.endpoint == "two"
