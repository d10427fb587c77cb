# SPDX-License-Identifier: MIT
"""A report that is shown again when there are new entries, at most once in REDRAW_SEC."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from postfix_rest_inetd.admin.statistics.journal import Journal
    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry
    from postfix_rest_inetd.admin.statistics.totals import Totals

REDRAW_SEC = 1.0


def follow(
    journal: Journal,
    endpoints: list[str],
    totals: Totals,
    shown: Callable[[], str],
    *,
    as_json: bool,
) -> None:
    """Print what `shown` returns, again and again, until an exception ends it.

    Args:
        journal: positioned after the last entry that `totals` counts.
        endpoints: names; empty for all.
        totals: new entries are added to these.
        shown: makes the report of `totals`.
        as_json: the report is one line of JSON.

    Raises:
        JournalError: the journal cannot be read.
        KeyboardInterrupt: the operator has interrupted it.
    """
    screen = sys.stdout.isatty() and not as_json
    while True:
        # On a terminal, clear it and begin at its top; elsewhere an empty line is between reports.
        before, behind = ("\x1b[H\x1b[2J", "") if screen else ("", "" if as_json else "\n")
        sys.stdout.write(before + shown() + behind)
        sys.stdout.flush()
        drawn = time.monotonic()
        while not _add_new(journal.entries(), endpoints, totals):
            journal.wait(REDRAW_SEC)
        # Wait, however many entries arrive; they are counted before the next report.
        time.sleep(max(0.0, drawn + REDRAW_SEC - time.monotonic()))
        _add_new(journal.entries(), endpoints, totals)


def _add_new(new: Iterable[JournalEntry], endpoints: list[str], totals: Totals) -> bool:
    """Count new entries; returns whether there was one of these endpoints (empty for all)."""
    changed = False
    for entry in new:
        if not endpoints or entry.endpoint in endpoints:
            totals.add(entry)
            changed = True
    return changed
