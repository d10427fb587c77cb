# SPDX-License-Identifier: MIT
"""The metrics of stored answers, and the state that earlier versions have left."""

from __future__ import annotations

import json

import pytest

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.statistics import prometheus
from postfix_rest_inetd.admin.statistics.counters import Counters, Series
from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry
from postfix_rest_inetd.log_entry import STALE, STORED

BEGIN_USEC = 1_795_600_000_000_000


def entry(endpoint: str = "domains", mode: str = model.TCP_LOOKUP, **changes: object):
    """An entry of a request, with changes."""
    outcome = model.ACTION if mode == model.POLICY else model.FOUND
    base = JournalEntry(
        BEGIN_USEC,
        endpoint,
        mode,
        outcome,
        True,  # noqa: FBT003 - see the names in JournalEntry
        1500,
        1200,
        200,
        "",
        (),
    )
    return base._replace(**changes)


@pytest.fixture
def counters() -> Counters:
    """Counters of two endpoints, one of which used its stored answers."""
    counted = Counters()
    counted.add(entry())
    counted.add(entry(outcome=model.TIMEOUT))
    for _ in range(3):
        counted.add(entry(source=STORED, backend_usec=0))
    counted.add(entry(source=STALE, backend_usec=0))
    counted.add(entry(source=STALE, backend_usec=5000))
    counted.add(entry("limits", model.POLICY))
    return counted


def samples(text: str) -> dict[str, str]:
    """The values, by the metric with its labels."""
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    return dict(line.rsplit(" ", 1) for line in lines)


def test_answers(counters):
    """Each source has a series where it is possible; the old metrics mean what they meant."""
    known = [Series("idle", model.SOCKETMAP_LOOKUP)]
    found = samples(prometheus.text_of(counters, known))
    answers = {name: value for name, value in found.items() if "answers_total" in name}
    labels = 'endpoint="{}",mode="{}",source="{}"'
    assert answers == {
        f"postfix_rest_answers_total{{{labels.format(*of)}}}": value
        for of, value in {
            ("domains", "tcp-lookup", "backend"): "2",
            ("domains", "tcp-lookup", "stale"): "2",
            ("domains", "tcp-lookup", "stored"): "3",
            ("idle", "socketmap-lookup", "backend"): "0",
            ("idle", "socketmap-lookup", "stale"): "0",
            ("idle", "socketmap-lookup", "stored"): "0",
            ("limits", "policy", "backend"): "1",
        }.items()
    }
    of_domains = '{endpoint="domains",mode="tcp-lookup"'
    assert found[f'postfix_rest_requests_total{of_domains},outcome="found"}}'] == "6"
    assert found[f"postfix_rest_request_duration_seconds_count{of_domains}}}"] == "7"
    assert found[f"postfix_rest_backend_duration_seconds_count{of_domains}}}"] == "3"


def test_state(counters):
    """A run goes on where the one before ended, with sources as well."""
    state = json.loads(json.dumps(counters.to_state()))
    again = Counters.from_state(state)
    assert prometheus.text_of(again) == prometheus.text_of(counters)


def test_a_state_of_an_earlier_version(counters):
    """The counters of a version that did not count sources go on; sources begin at 0."""
    state = counters.to_state()
    del state["sources"], state["starts"]
    again = Counters.from_state(state)
    again.add(entry(source=STORED))
    found = samples(prometheus.text_of(again))
    of_domains = '{endpoint="domains",mode="tcp-lookup"'
    assert found[f'postfix_rest_requests_total{of_domains},outcome="found"}}'] == "7"
    assert found[f'postfix_rest_answers_total{of_domains},source="backend"}}'] == "0"
    assert found[f'postfix_rest_answers_total{of_domains},source="stored"}}'] == "1"
