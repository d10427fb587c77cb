# SPDX-License-Identifier: MIT
"""The report: what it says, in 80 columns, and in JSON."""

from __future__ import annotations

import json
import re

import pytest

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.statistics import json_report, screen
from postfix_rest_inetd.admin.statistics.groups import ENDPOINT, GROUPS
from postfix_rest_inetd.admin.statistics.journal_entry import (
    COLD,
    DEFERRED,
    OUTCOMES,
    REFUSED,
    WOKEN,
    JournalEntry,
)
from postfix_rest_inetd.admin.statistics.totals import MAX_ENDPOINTS, OTHERS, Totals
from postfix_rest_inetd.admin.ui.draw import moment
from postfix_rest_inetd.admin.ui.terminal import LEAST, MOST
from postfix_rest_inetd.log_entry import STALE, STORED

SECOND = 1_000_000
BEGIN = 1_795_600_000


def entry(number: int = 0, /, **changes: object) -> JournalEntry:
    """An entry of a request, with changes."""
    base = JournalEntry(
        (BEGIN + number) * SECOND,
        "domains",
        model.TCP_LOOKUP,
        model.FOUND,
        True,  # noqa: FBT003 - see the names in JournalEntry
        1500,
        1200,
        200,
        "",
        (("key", "example.org"),),
    )
    return base._replace(**changes)


def filled() -> Totals:
    """Totals of something of everything."""
    totals = Totals()
    for number in range(1000):
        totals.add(entry(number, elapsed_usec=1000 + number, subjects=(("key", f"k{number % 7}"),)))
    for number, outcome in enumerate(OUTCOMES):
        cause = "it is " + "really " * 30 + "broken"
        totals.add(entry(number, endpoint="m" * 50, outcome=outcome, cause=cause, status=503))
    totals.add(entry(5, is_request=False, outcome=model.BROKEN_REQUEST, cause="strange"))
    for kind in ("client", "sender", "recipient"):
        totals.add(entry(6, mode=model.POLICY, subjects=((kind, "x" * 100),)))
    totals.add(entry(7, start=COLD, start_usec=50_000))
    totals.add(entry(8, start=WOKEN, start_usec=20_000))
    return totals


def grouped(by: str) -> Totals:
    """Totals of logins, one of which was limited, and of a lookup."""
    totals = Totals(by)
    policy = {"mode": model.POLICY, "outcome": model.ACTION, "endpoint": "limits"}
    for number in range(100):
        who = (("client", "192.0.2.1"), ("login", f"user{number % 9}"), ("sender", "x" * 90))
        totals.add(entry(number, subjects=who, **policy))
    who = (("client", "192.0.2.7"), ("login", "alice"), ("sender", "a@example.org"))
    for effect in (DEFERRED, DEFERRED, REFUSED, ""):
        totals.add(entry(1, subjects=who, effect=effect, **policy))
    totals.add(entry(1, subjects=who, **{**policy, "outcome": model.TIMEOUT}))
    totals.add(entry(1, subjects=(), **policy))
    totals.add(entry(2))
    return totals


@pytest.mark.parametrize("by", [by for by in GROUPS if by != ENDPOINT])
def test_groups(by):
    """Those that were held up come first, with exact numbers; what names nobody is counted."""
    text = screen.report(grouped(by), None, None)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    name = {"login": "alice", "client": "192.0.2.7", "sender": "a@example.org"}[by]
    heading, first, *_ = text.splitlines()[3:]
    assert heading.split() == [f"{by}s", "requests", "refused", "deferred", "failed"]
    assert first.split() == ["limits:", name, "5", "1", "2", "1"]
    assert f"\nPolicy requests without a {by}: 1\n" in text
    found = json_report.document(grouped(by), None, None)["by"]
    assert found["groups"][0] == {
        "endpoint": "limits",
        by: name,
        "requests": 5,
        "refused": 1,
        "deferred": 2,
        "failed": 1,
    }
    assert (found["kind"], found["without"], found["error"]) == (by, 1, 0)


def test_by_endpoint():
    """Every endpoint has a line, lookups included, and a name once."""
    text = screen.report(grouped(ENDPOINT), None, None)
    heading, *lines = text.splitlines()[3:]
    assert heading.split() == ["endpoints", "requests", "refused", "deferred", "failed"]
    assert [line.split() for line in lines] == [
        ["limits", "106", "1", "2", "1"],
        ["domains", "1", "0", "0", "0"],
    ]
    found = json_report.document(grouped(ENDPOINT), None, None)["by"]
    numbers = {"requests": 106, "refused": 1, "deferred": 2, "failed": 1}
    assert found["groups"][0] == {"endpoint": "limits", **numbers}
    assert (found["kind"], found["without"]) == (ENDPOINT, 0)


def test_no_groups():
    """Where no policy request names one, there is a table without lines; others do not count."""
    totals = Totals("login")
    totals.add(entry(1))
    assert json_report.document(totals, None, None)["by"]["groups"] == []
    assert "by" not in json_report.document(filled(), None, None)
    assert screen.report(totals, None, None).endswith("failed\n")


def test_an_unusable_configuration():
    """Every request that it has cost is told, in the course of time as well."""
    totals = Totals()
    broken = {"is_request": False, "outcome": model.UNUSABLE_CONFIG, "cause": "no file", "mode": ""}
    totals.add(entry(0, number=0, **broken))
    assert screen.report(totals, None, None).endswith("\nNo requests.\n"), "announced only"
    for count in (1, 20_000, 29_999):
        totals.add(entry(1, number=count, **broken))
    text = screen.report(totals, None, None)
    _, asked, line, *_ = text.splitlines()
    assert asked == "No backend was asked."
    assert line == "Temporary errors because the configuration could not be used: 50000"
    assert "\n    50000  domains: unusable-config with status 200: no file\n" in text
    assert "\n     50000 " in text, "the timeline"
    document = json_report.document(totals, None, None)
    assert document["other_errors"] == {"unusable-config": 50_000}
    assert [cause["count"] for cause in document["causes"]] == [50_000]
    slots = document["timeline"]["slots"]
    assert [(slot["requests"], slot["failures"]) for slot in slots] == [(50_000, 50_000)]


@pytest.mark.parametrize("width", [LEAST, 80, MOST])
@pytest.mark.parametrize("kind", ["nothing", "something", "stored", "grouped", "broken"])
def test_width(kind, width):
    """No line is wider than the terminal, and the totals are at its top."""
    totals = {
        "nothing": Totals,
        "something": filled,
        "stored": with_stored_answers,
        "grouped": lambda: grouped("sender"),
        "broken": broken,
    }[kind]()
    text = screen.report(totals, None, None, width)
    lines = text.splitlines()
    assert [line for line in lines if len(line) > width] == []
    assert not totals.requests or "failed" in lines[1] + lines[2]


def test_names():
    """A wide terminal shows more of a name, and a narrow one leaves out a percentile."""
    wide, narrow = (screen.report(filled(), None, None, width) for width in (120, 60))
    assert f"\n{'m' * 50}  " in wide
    assert f"\n{'m' * 11}...   " in narrow
    assert " p90 " in wide
    assert " p90 " not in narrow
    assert re.search(r"\n  tcp-lookup          the backend( +[0-9.]+ ms){3}\n", narrow)


def test_what_is_told():
    """Each part is there, and the numbers are right."""
    text = screen.report(filled(), BEGIN - 1, BEGIN + 2000)
    assert "1017 requests" in text
    assert "9 failed (0.9 %)" in text
    assert "\ndomains" in text
    for part in ("outcomes", "latency", "timeline, ", "failures, by cause", "busiest keys"):
        assert f"\n{part}" in text
    assert "      143  domains  k0\n" in text
    assert "\nBroken requests, answered without a backend: 1\n" in text
    assert re.search(r"\n  started for one +1 +< 0.1 % +50.0 ms", text)
    assert "\n  woken for one " in text
    assert "broken-request with status 200: strange" in text


def test_json():
    """The document has the same numbers, and is one line."""
    text = json_report.report(filled(), BEGIN - 1, BEGIN + 2000)
    assert text.count("\n") == 1
    document = json.loads(text)
    assert document["requests"] == 1017
    assert document["failures"] == 9
    assert document["other_errors"] == {"broken-request": 1}
    _, first, *_ = document["endpoints"]
    assert (first["name"], first["mode"]) == ("domains", "tcp-lookup")
    assert first["requests"] == 1002
    assert document["starts"]["cold"]["max"] == 50_000
    assert document["starts"]["woken"]["p50"] == 20_000
    assert first["elapsed"]["max"] == 1999
    assert first["elapsed"]["p50"] == pytest.approx(1500, rel=1 / 64)
    assert {cause["cause"] for cause in document["causes"]} > {"strange"}
    assert document["busiest"]["key"][0] == {"endpoint": "domains", "key": "k0", "count": 143}
    assert (
        sum(slot["requests"] for slot in document["timeline"]["slots"]) == 1018
    )  # with the broken one
    assert document["error"]["percentiles"] == 1 / 64


KEYS = {
    "": "since until first last requests failures outcomes elapsed sources endpoints other_errors "
    "starts causes stale busiest by timeline lost error",
    "elapsed": "p50 p90 p99 max mean buckets",
    "endpoints": "name mode requests failures outcomes statuses elapsed backend sources targets",
    "sources": "backend stored stale oldest_stored_sec oldest_stale_sec last_stale",
    "starts": "cold woken",
    "causes": "endpoint outcome status cause count",
    "busiest": "key client login sender recipient",
    "by": "kind without error groups",
    "timeline": "slot_sec slots",
    "error": "percentiles causes stale key client login sender recipient",
}
"""What programs rely on. A key that goes breaks them; one that comes is added here."""


@pytest.mark.parametrize("name", KEYS)
def test_keys(name):
    """The keys of the document and of its parts are those that earlier versions had."""
    totals = grouped("login")
    document = json_report.document(totals, None, None)
    part = document[name] if name else document
    assert set(part[0] if isinstance(part, list) else part) == set(KEYS[name].split())


def broken() -> Totals:
    """Totals of a configuration that could not be used, and of handlers that failed."""
    totals = Totals()
    for outcome in (model.UNUSABLE_CONFIG, model.INTERNAL_ERROR, model.BROKEN_REQUEST):
        totals.add(entry(is_request=False, outcome=outcome, cause="x" * 200, number=30_000))
    return totals


def with_stored_answers() -> Totals:
    """Totals of an endpoint that asked its backend, and used stored and stale answers."""
    totals = Totals()
    for number in range(10):
        totals.add(entry(number))
    for number in range(30):
        memory = {"source": STORED, "age_sec": number, "backend_usec": 0, "elapsed_usec": 300}
        totals.add(entry(number, **memory))
    down = {"source": STALE, "cause": "Connection refused", "elapsed_usec": 400, "status": 0}
    for number in range(8):
        usec = 90_000 if number == 0 else 0  # the first one asked, and the others knew
        totals.add(entry(40 + number, age_sec=4000 + number, backend_usec=usec, **down))
    totals.add(entry(60, endpoint="limits", mode=model.POLICY, outcome=model.ACTION))
    totals.add(entry(61, endpoint="idle", source=STORED, age_sec=1, backend_usec=0))
    return totals


def test_sources():
    """Backend, stored and stale are told apart; the backend's latency is of those that asked it."""
    text = screen.report(with_stored_answers(), None, None)
    lines = text.splitlines()
    assert lines[1].startswith("50 requests, ")
    assert lines[1].endswith("; 0 failed")
    assert lines[2] == "31 answered from memory (62.0 %)"
    last = moment(BEGIN + 47)
    assert " ".join(lines[3:5]) == (
        "8 answered with a stale answer (16.0 %), up to 1 h 6 min old, the last one at "
        f"{last}: is a backend down?"
    )
    assert "\nanswers from          backend   stored    stale hit rate\n" in text
    assert "\ndomains                    10       30        8   62.5 %\n" in text
    assert "\nidle                        0        1        0  100.0 %\n" in text
    assert text.count("\nlimits ") == 1, "an action is not stored"
    assert re.search(r"\nidle .*\n  tcp-lookup +the backend( +-){4}\n", text)
    assert re.search(r"\ndomains .*\n  tcp-lookup +the backend  1.20 ms .* 90.0 ms\n", text)
    assert "\n stale answers, by" not in text
    assert "\nstale answers, by the failure of the backend\n        8  domains: Conn" in text
    assert re.search(r"\n   1 stale +▇*█+ *\n", text)
    assert [line for line in lines if len(line) > 80] == []


def test_sources_as_json():
    """The numbers are the same for programs, of all endpoints and of each."""
    document = json_report.document(with_stored_answers(), None, None)
    whole = {"backend": 11, "stored": 31, "stale": 8}
    assert document["sources"] == {
        **whole,
        "oldest_stored_sec": 29,
        "oldest_stale_sec": 4007,
        "last_stale": BEGIN + 47,
    }
    assert (document["requests"], document["failures"]) == (sum(whole.values()), 0)
    endpoints = {endpoint["name"]: endpoint for endpoint in document["endpoints"]}
    assert endpoints["domains"]["sources"]["stale"] == 8
    assert endpoints["limits"]["sources"]["last_stale"] is None
    assert sum(count for _, count in endpoints["domains"]["backend"]["buckets"]) == 11
    assert sum(count for _, count in endpoints["domains"]["elapsed"]["buckets"]) == 48
    assert endpoints["idle"]["backend"]["max"] == 0
    assert document["stale"] == [{"endpoint": "domains", "cause": "Connection refused", "count": 8}]
    assert document["causes"] == []
    slots = document["timeline"]["slots"]
    assert sum(slot["stale"] for slot in slots) == 8
    assert {slot["failures"] for slot in slots} == {0}


def test_nothing_was_stored():
    """The report of a machine without stored answers says nothing about them."""
    text = screen.report(filled(), None, None)
    assert not re.search("stale|memory|answers from", text)


def test_many_endpoints():
    """Names that somebody makes up cannot fill the memory; they are counted together."""
    totals = Totals()
    for number in range(MAX_ENDPOINTS + 50):
        totals.add(entry(endpoint=f"e{number}"))
    assert len(totals.endpoints) == MAX_ENDPOINTS + 1
    assert totals.endpoints[OTHERS, ""].requests == 50
    assert totals.requests == MAX_ENDPOINTS + 50
