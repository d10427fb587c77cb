# SPDX-License-Identifier: MIT
"""The clock jumps, forth and back, between and within connections.

harness/unreliable.py has how, and what it does not cover: the clock jumps for handlers, and not for
the kernel, journald and systemd. test_torture.py has what becomes of stored answers, as a model
says; here are all modes, jumps of every size, and what is told of a request's time.
"""

from __future__ import annotations

import pytest
from integration.product import drop_in, wait_for_no_handlers
from integration.served import RIGHT, Served

from harness.unreliable import LIBRARY, Unreliable

pytestmark = pytest.mark.one_release

DAY = 86_400
JUMPS_SEC = (1, -1, 3600, -3600, DAY, -DAY, 40_000 * DAY / 365, -10_000 * DAY, 5_000 * DAY, 0)
"""To 1999 and to 2040, among others."""
LONG_USEC = 60_000_000


def test_jumps(served: Served) -> None:
    """All is answered, an answer is stored again in the end, and no time is negative or absurd."""
    container = served.container
    clock = Unreliable(container)
    clock.apply()
    drop_in(container, "postfix-rest-@.service", f"[Service]\nEnvironment=LD_PRELOAD={LIBRARY}\n")
    since = container.journal.cursor()
    with served.kept() as kept:
        for clock.wall_sec in JUMPS_SEC:
            clock.apply()
            assert kept() == RIGHT
            assert served.new() == RIGHT
    wait_for_no_handlers(container)
    entries = container.journal("SYSLOG_IDENTIFIER=postfix-rest-inetd", since=since)
    assert len(entries) == 3 * (1 + 2 * len(JUMPS_SEC))
    times = [int(entry["POSTFIX_REST_ELAPSED_USEC"]) for entry in entries]
    times += [int(entry.get("POSTFIX_REST_START_USEC", 0)) for entry in entries]
    assert all(0 <= time < LONG_USEC for time in times)
    before = len(served.backend.requests)
    assert served.new() == RIGHT
    assert len(served.backend.requests) - before == 2
    served.recovers()
