# SPDX-License-Identifier: MIT
"""Stored answers under torture: whatever happens at once, each reply is one that was permitted.

Many clients ask without a pause, while handlers are killed, the backend fails in all its ways, the
clocks of the handlers jump, the disk is full, answers are purged, files damaged and exchanged, the
store deleted or replaced by an older copy, and the token changed. A model (permitted.py) judges
each reply. The seed decides what happens and when, and what is asked.

The short form is for each run of the tests. The long form, and another seed:

    POSTFIX_REST_INETD_TORTURE_SEC=300 tests/run --quick tests/integration/test_torture.py -rP
    POSTFIX_REST_INETD_TORTURE_SEED=2 tests/run --quick tests/integration/test_torture.py -rP
"""

from __future__ import annotations

import os
from collections import Counter

import pytest
from integration.torture import Torture
from integration.torture_plan import SHORT, long_plan

from harness.container import Container

SECONDS = int(os.environ.get("POSTFIX_REST_INETD_TORTURE_SEC") or 0)
SEED = os.environ.get("POSTFIX_REST_INETD_TORTURE_SEED") or "3"
PLAN = long_plan(SECONDS) if SECONDS else SHORT


# Debian 13 alone: the releases differ in what starts handlers, which is looked at elsewhere.
@pytest.mark.parametrize("root", ["trixie"], indirect=True)
@pytest.mark.timeout(PLAN.seconds + 120)
def test_torture(request: pytest.FixtureRequest, fresh_container: Container) -> None:
    """No reply is wrong, none is late, and nothing is left behind."""
    with Torture(fresh_container, SEED, PLAN) as torture:
        since = fresh_container.journal.cursor()
        askers = torture.run()
        leftovers = torture.leftovers()
        entries = torture.entries(since)
        killed = torture.killed(since)
        exceptions = torture.exceptions(since)
    faults = [(torture.facts.fault(reply), reply) for reply in askers.replies]
    sources = Counter(entry.get("POSTFIX_REST_SOURCE", "backend") for entry in entries)
    outcomes = Counter(entry["POSTFIX_REST_OUTCOME"] for entry in entries)
    elapsed = sorted(int(entry["POSTFIX_REST_ELAPSED_USEC"]) for entry in entries)
    late = torture.late(entries)
    request.node.add_report_section(
        "call",
        "measured",
        f"seed {SEED}, {PLAN}: {len(askers.replies)} replies, {len(askers.lost)} lost with the "
        f"{killed} handlers that were killed; {dict(sources)}; {dict(outcomes)}; "
        f"{dict(torture.done)}; the slowest took {elapsed[-3:]} us",
    )
    assert [(fault, reply) for fault, reply in faults if fault] == []
    assert exceptions == []
    assert late == []
    assert leftovers == []
    assert askers.unanswered == []
    assert len(askers.lost) <= killed
    # Without these, nothing would have been proven.
    assert min(sources["backend"], sources["stored"], sources["stale"]) > 20
    assert min(outcomes["found"], outcomes["not-found"], killed) > 10
