# SPDX-License-Identifier: MIT
"""A report that is shown again when there are new entries, at most once in REDRAW_SEC.

If the size of a terminal changes, it gets a new report as well.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.ui.redrawing import repeat, screen_size

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Iterable

    from postfix_rest_inetd.admin.statistics.journal import Journal
    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry
    from postfix_rest_inetd.admin.statistics.totals import Totals

REDRAW_SEC = 1.0


def follow(
    journal: Journal,
    endpoints: list[str],
    totals: Totals,
    shown: Callable[[os.terminal_size | None], str],
) -> None:
    """Print what `shown` returns, again and again, until an exception ends it.

    Args:
        journal: positioned after the last entry that `totals` counts.
        endpoints: names; empty for all.
        totals: new entries are added to these.
        shown: makes the report of `totals`, for a terminal of this size if there is one.

    Raises:
        JournalError: the journal cannot be read.
        KeyboardInterrupt: the operator has interrupted it.
    """

    def wait(size: os.terminal_size | None) -> None:
        drawn = time.monotonic()
        while not _add_new(journal.entries(), endpoints, totals) and size == screen_size():
            journal.wait(REDRAW_SEC)
        # Wait, however many entries arrive; they are counted before the next report.
        time.sleep(max(0.0, drawn + REDRAW_SEC - time.monotonic()))
        _add_new(journal.entries(), endpoints, totals)

    repeat(shown, wait)


def _add_new(new: Iterable[JournalEntry], endpoints: list[str], totals: Totals) -> bool:
    """Count new entries; returns whether there was one of these endpoints (empty for all)."""
    changed = False
    for entry in new:
        if not endpoints or entry.endpoint in endpoints:
            totals.add(entry)
            changed = True
    return changed
