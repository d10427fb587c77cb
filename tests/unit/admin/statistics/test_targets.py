# SPDX-License-Identifier: MIT
"""Several targets in the statistics: from the handler's entry to each form of the report."""

from __future__ import annotations

import json

import pytest

from harness.endpoints import endpoint
from postfix_rest_inetd import log_entry, model
from postfix_rest_inetd.admin.statistics import json_report, prometheus, screen
from postfix_rest_inetd.admin.statistics.counters import Counters
from postfix_rest_inetd.admin.statistics.journal_entry import parse
from postfix_rest_inetd.admin.statistics.targets import MAX_TARGETS, OTHERS
from postfix_rest_inetd.admin.statistics.totals import Totals

ONE, TWO = "https://one.example.org", "https://two.example.org:8443"
WHEN = 1_795_600_000_000_000


def entry(outcome: str = model.FOUND, name: str = "domains", **changes: object):
    """What is counted of the handler's entry about a lookup."""
    facts = log_entry.Facts()
    facts.request_id, facts.elapsed_usec, facts.backend_usec = "0" * 32, 1500, 1200
    for key, value in changes.items():
        setattr(facts, key, value)
    reply = model.Reply(outcome, model.REPLY_TEMPORARY, "x")
    fields = log_entry.of_request(endpoint(name=name), model.LookupRequest(b"k"), reply, facts)
    found = parse({key: value.encode() for key, value in fields.items()}, WHEN)
    assert found is not None
    return found


ENTRIES = {
    "the only one": (entry(), ("", False, False)),
    "the first one": (entry(target=ONE), (ONE, False, False)),
    "the second one": (entry(target=TWO, failed=f"{ONE}: it is down"), (TWO, False, True)),
    "all failed": (entry(model.TIMEOUT, target=TWO, detail="a; then b"), (TWO, True, False)),
    "the last one has failed as well": (
        entry(model.SERVER_ERROR, target=TWO, failed=f"{ONE}: it is down", status=500),
        (TWO, True, False),
    ),
    "a stale answer after that": (
        entry(target=TWO, detail="a; then b", source=log_entry.STALE),
        (TWO, True, False),
    ),
    "a stale answer at once": (
        entry(detail="known to be down", source=log_entry.STALE, backend_usec=0),
        ("", True, False),
    ),
}


@pytest.mark.parametrize("found, expected", ENTRIES.values(), ids=ENTRIES)
def test_entries(found, expected):
    """The target that was asked last, whether it failed, and whether another one had before."""
    assert (found.target, found.target_failed, found.instead) == expected


def filled(kind: type):
    """Everything above, and another endpoint."""
    made = kind()
    for found, _ in ENTRIES.values():
        made.add(found)
    made.add(entry(name="boxes"))
    return made


def test_screen():
    """A table, only if there is something to tell apart, in 80 columns."""
    text = screen.report(filled(Totals), None, None)
    assert [line for line in text.splitlines() if len(line) > 80] == []
    _, _, table = text.partition("\ntargets ")
    heading, one, two, *_ = table.splitlines()
    assert heading.split() == ["requests", "failed", "instead"]
    assert one.split() == ["domains:", ONE, "1", "0", "0"]
    assert two.split() == ["domains:", TWO, "4", "3", "1"]
    totals = Totals()
    totals.add(entry())
    assert "target" not in screen.report(totals, None, None)


def test_long_names():
    """What is longer than the table is cut."""
    totals = Totals()
    totals.add(entry(name="e" * 50, target=f"https://{'x' * 90}.example.org"))
    text = screen.report(totals, None, None)
    assert [line for line in text.splitlines() if len(line) > 80] == []


def test_json():
    """The same numbers, and the times of the backend; an empty list for a single target."""
    found = json_report.document(filled(Totals), None, None)["endpoints"]
    targets = {each["name"]: each["targets"] for each in found}
    assert targets["boxes"] == []
    assert [list(each.values())[:4] for each in targets["domains"]] == [
        [ONE, 1, 0, 0],
        [TWO, 4, 3, 1],
    ]
    assert targets["domains"][0]["backend"]["max"] == 1200


def test_prometheus():
    """A series for each target and result, both from the beginning; none for a single target."""
    text = prometheus.text_of(filled(Counters))
    found = [line for line in text.splitlines() if line.startswith(prometheus.TARGETS)]
    labels = 'endpoint="domains",mode="tcp-lookup",target="{}",result="{}"'
    assert found == [
        f"{prometheus.TARGETS}{{{labels.format(target, result)}}} {count}"
        for target, result, count in (
            (ONE, "answered", 1),
            (ONE, "failed", 0),
            (TWO, "answered", 1),
            (TWO, "failed", 3),
        )
    ]


def test_state():
    """A run goes on where the one before ended, also after a version without targets."""
    counters = filled(Counters)
    again = Counters.from_state(json.loads(json.dumps(counters.to_state())))
    assert prometheus.text_of(again) == prometheus.text_of(counters)
    state = counters.to_state()
    del state["targets"]
    assert prometheus.TARGETS not in prometheus.text_of(Counters.from_state(state))


@pytest.mark.parametrize("kind", [Totals, Counters])
def test_made_up_targets(kind):
    """Anybody can write to the journal; memory and series are bounded."""
    made = kind()
    for number in range(3 * MAX_TARGETS):
        made.add(entry(target=f"https://{number}.example.org"))
    if kind is Totals:
        (found,) = made.endpoints.values()
        assert len(found.targets.all) == MAX_TARGETS + 1
        assert found.targets.all[OTHERS].requests == 2 * MAX_TARGETS
    else:
        assert len(made.targets) == 2 * (MAX_TARGETS + 1)
        assert sum(made.targets.values()) == 3 * MAX_TARGETS
