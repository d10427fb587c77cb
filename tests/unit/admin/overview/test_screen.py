# SPDX-License-Identifier: MIT
"""The screen of `status`: its lines at each width, and the same as JSON.

The entries are real ones, as the journal has them (log_entry.py), but without a journal.
"""

from __future__ import annotations

import json

import pytest

from harness.endpoints import endpoint
from harness.modes import POLICY, SOCKETMAP, TCP
from postfix_rest_inetd import log_entry, model
from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING, Finding
from postfix_rest_inetd.admin.host.connections import Count
from postfix_rest_inetd.admin.overview import json_report, screen
from postfix_rest_inetd.admin.overview.last_hour import Answers, LastHour
from postfix_rest_inetd.admin.overview.looking import Listening, Overview
from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry
from postfix_rest_inetd.admin.statistics.lost import Lost
from postfix_rest_inetd.admin.stored.down import Down
from postfix_rest_inetd.admin.ui.draw import moment
from postfix_rest_inetd.admin.ui.sections import text_of
from postfix_rest_inetd.admin.ui.terminal import LEAST, MOST

NOW = 1_795_600_000.0
BACKEND, OTHER = "http://127.0.0.1:8080", "https://other.example"
VERSIONS = {"postfix-rest-inetd": "1.2.3", "Python": "3.11.2", "Postfix": "3.7.11"}


def entry(
    name: str, mode: str, outcome: str = model.FOUND, cause: str = "", *, ago: float = 60
) -> JournalEntry:
    """A request that took 2 ms."""
    usec = int((NOW - ago) * 1_000_000)
    times = {"when_usec": usec, "elapsed_usec": 2000, "backend_usec": 1900}
    about = {"endpoint": name, "mode": mode, "outcome": outcome, "is_request": True}
    return JournalEntry(**times, **about, status=200, cause=cause, subjects=())


def hour(*entries: JournalEntry) -> LastHour:
    """The hour with these requests."""
    found = LastHour(NOW)
    for each in entries:
        found.totals.add(each)
    return found


LISTENING = [
    Listening(each, listens=True, connections=count)
    for each, count in (
        (endpoint(TCP, name="domains", bind_port=9001), Count(3, 2)),
        (
            endpoint(SOCKETMAP, name="m" * 90, bind_path=f"/run/{'p' * 60}/rest", bind_port=...),
            Count(1024, 1000),
        ),
        (
            endpoint(POLICY, name="gate", bind_port=9003, target=[f"{BACKEND}/x", OTHER]),
            Count(0, None),
        ),
    )
]


def overview(**changes: object) -> Overview:
    """One in which nothing is wrong."""
    good = hour(entry("domains", TCP), entry("domains", TCP))
    good.answers[BACKEND] = Answers()
    good.answers[BACKEND].add_earlier(NOW - 60, failed=False)
    return Overview(NOW, LISTENING, [], [], good, [], VERSIONS)._replace(**changes)


def text(of: Overview, width: int = 80) -> str:
    """The screen."""
    return text_of(screen.sections(of, width))


def clock(when: float) -> str:
    """The time of day."""
    return moment(when).partition(" ")[2]


def wrong() -> Overview:
    """One in which everything is wrong, with texts as long as they may be."""
    cause = "connecting to 127.0.0.1:8080 failed: " + "Connection refused " * 12
    bad = hour(
        entry("domains", TCP, model.UNREACHABLE, cause),
        entry("", TCP, model.BROKEN_REQUEST)._replace(is_request=False),
        entry("formerly", TCP),
    )
    bad.is_whole, bad.last_failure = False, entry("domains", TCP, model.UNREACHABLE, cause)
    bad.answers[BACKEND] = Answers()
    for ago in (10, 20, 120):
        bad.answers[BACKEND].add_earlier(NOW - ago, failed=True)
    return overview(
        endpoints=[each._replace(listens=False) for each in LISTENING],
        findings=[
            Finding(ERROR, "postfix-rest-tcp@all.socket", "has failed: " + "why " * 40, "advice"),
            Finding(WARNING, "postfix-rest-tcp@all.socket", "is not enabled"),
        ],
        notes=["outages that handlers know of are not shown: " + "because " * 20],
        hour=bad,
        down=[Down(OTHER, NOW - 3700, 0.0)],
    )


def test_good() -> None:
    """What there is to know, in lines that can be read one by one."""
    assert not overview().is_wrong
    lines = text(overview()).splitlines()
    assert lines[0].startswith("postfix-rest-inetd 1.2.3 on ")
    assert lines[0].endswith(f", {moment(NOW)}")
    assert lines[1] == "all endpoints listen, and nothing failed"
    assert lines[3].split() == ["endpoint", "address", "state", "open", "hibernating"]
    assert lines[4].split() == ["domains", "127.0.0.1:9001", "listening", "3", "2"]
    assert lines[6].split() == ["gate", "127.0.0.1:9003", "listening", "0", "?"]
    assert lines[8].split()[:3] == ["requests", "since", clock(NOW - 3600)]
    assert lines[8].split()[3:] == ["number", "failed", "p50", "p99"]
    assert lines[9].split() == ["domains", "2", "0", "2.00", "ms", "2.00", "ms"]
    assert lines[11].split() == ["gate", "0", "0", "-", "-"]
    assert lines[14].split() == [BACKEND, "up,", "answered", "at", clock(NOW - 60)]
    assert lines[15].split() == [OTHER, "not", "asked"]
    assert lines[-1] == "Python 3.11.2, Postfix 3.7.11"


def test_wrong() -> None:
    """What is wrong comes first, in numbers."""
    assert wrong().is_wrong
    lines = " ".join(text(wrong()).split())
    assert "1 error, 3 endpoints do not listen, 2 requests failed, 2 backends fail" in lines
    assert lines.count("not listening") == 3
    assert "-> postfix-rest-inetd check says what to do" in lines
    assert "Only the last 3 requests are counted" in lines
    assert f"{BACKEND} failing since {clock(NOW - 120)} (2 min)" in lines
    assert f"{OTHER} down since {clock(NOW - 3700)} (1 h 1 min)" in lines
    assert "(broken-request) 1 1" in lines
    assert "formerly 1 0" in lines
    assert f"last failure: {clock(NOW - 60)} domains: unreachable: connecting to" in lines
    assert "-> Start the backend, or correct the target" in lines


@pytest.mark.parametrize("width", [LEAST, 80, MOST])
@pytest.mark.parametrize("state", [overview, wrong])
def test_width(width: int, state) -> None:
    """No line is longer than the screen is wide."""
    lines = text_of(screen.sections(state(), width)).splitlines()
    assert [line for line in lines if len(line) > width] == []


@pytest.mark.parametrize(
    "change",
    [
        {"findings": [Finding(ERROR, "x", "y")]},
        {"endpoints": [LISTENING[0]._replace(listens=False)]},
        {"hour": hour(entry("domains", TCP, model.TIMEOUT))},
        {"hour": hour(entry("", TCP, model.UNUSABLE_CONFIG)._replace(is_request=False))},
        {"down": [Down(OTHER, NOW, 1.0)]},
    ],
)
def test_each_is_wrong(change: dict[str, object]) -> None:
    """Any one of these is enough; a warning is not."""
    assert overview(**change).is_wrong
    assert not overview(findings=[Finding(WARNING, "x", "y")]).is_wrong


def test_stale_answers() -> None:
    """A backend fails whose last request was answered with a stale answer, though that is none."""
    found = hour(entry("domains", TCP))
    found.answers[BACKEND] = Answers()
    found.answers[BACKEND].add_earlier(NOW - 5, failed=True)
    assert "1 backend fails\n" in text(overview(hour=found))
    assert f"failed at {clock(NOW - 5)}" in text(overview(hour=found))


def test_unseen() -> None:
    """Nothing is called good that could not be looked at."""
    unseen = overview(hour=None, notes=["requests are not known: why"])
    assert not unseen.is_wrong
    assert not unseen.is_complete
    assert json.loads(json_report.report(unseen))["ok"] is None
    shown = text(unseen)
    assert "nothing is wrong, as far as this user may see\n" in shown
    assert "requests since" not in shown
    assert "note: requests are not known: why\n" in shown
    assert "no endpoints are configured" in text(overview(endpoints=[]))


@pytest.mark.parametrize(
    "change",
    [
        {"is_flooded": True},
        {"lost": Lost({"postfix-rest-tcp@.service": 3}, 0, 0.0)},
        {"lost": Lost({}, 1, 0.0)},
    ],
)
def test_unsure(change: dict[str, object]) -> None:
    """Nor what the journal may not have."""
    unsure = hour(entry("domains", TCP))
    for name, value in change.items():
        setattr(unsure, name, value)
    unseen = overview(hour=unsure)
    assert not unseen.is_wrong
    assert not unseen.is_complete
    assert "nothing is wrong, as far as the journal tells\n" in text(unseen)
    assert json.loads(json_report.report(unseen))["ok"] is None


@pytest.mark.parametrize("ago, is_wrong", [(1800, True), (3700, False)])
def test_failed_before(ago: float, *, is_wrong: bool) -> None:
    """A failure of the last hour counts, though there are too many entries to count it."""
    busy = hour(entry("domains", TCP))
    busy.is_whole, busy.since = False, NOW - 60
    busy.last_failure = entry("domains", TCP, model.TIMEOUT, ago=ago)
    found = overview(hour=busy)
    assert found.is_wrong == is_wrong
    said = f"a request failed at {clock(NOW - ago)}\n"
    assert (said in text(found)) == is_wrong
    assert json.loads(json_report.report(found))["ok"] == (not is_wrong)


@pytest.mark.parametrize("ago", [2 * 86400, -3600])
def test_earlier_day(ago: float) -> None:
    """A failure of another day has its date, and one of the future, by a clock that was wrong."""
    found = hour()
    found.last_failure = entry("domains", TCP, model.TIMEOUT, ago=ago)
    assert f"last failure: {moment(NOW - ago)} domains: timeout\n" in text(overview(hour=found))


def test_the_request_that_failed() -> None:
    """It is named, where there is room for the command."""
    found = hour()
    found.failed_id = "0b35232eadd39b8aa2966ca8b9ee1b62"
    cause = log_entry.advice(model.SERVER_ERROR, 503, "...")
    found.last_failure = entry("domains", TCP, model.SERVER_ERROR, cause)._replace(status=503)
    shown = text(overview(hour=found))
    assert f"look for X-Request-Id {found.failed_id} -> " in " ".join(shown.split())
    assert f"\n     journalctl -x POSTFIX_REST_REQUEST_ID={found.failed_id}\n" in shown
    assert "\n     journalctl -x -t postfix-rest-inetd -p warning -n 1\n" in text(
        overview(hour=found), 60
    )


def test_json() -> None:
    """Programs get all of it; null is what is not known."""
    document = json.loads(json_report.report(overview()))
    assert document["ok"] is True
    assert document["endpoints"][0] == {
        "name": "domains",
        "mode": TCP,
        "address": "127.0.0.1:9001",
        "listening": True,
        "open": 3,
        "hibernating": 2,
        "requests": 2,
        "failures": 0,
        "p50": 1999,  # the middle of its bucket
        "p99": 2000,
    }
    assert document["endpoints"][2]["hibernating"] is None
    assert document["backends"] == [
        {"origin": BACKEND, "last": NOW - 60, "failures": 0, "failing_since": None}
    ]
    document = json.loads(json_report.report(wrong()))
    assert (document["ok"], document["complete"], document["failures"]) == (False, False, 2)
    assert document["last_failure"]["outcome"] == model.UNREACHABLE
    assert document["down"] == [{"origin": OTHER, "since": NOW - 3700, "endpoints": []}]
    assert document["others"] == {model.BROKEN_REQUEST: 1}
    document = json.loads(json_report.report(overview(hour=None)))
    assert document["requests"] is document["endpoints"][0]["requests"] is None
