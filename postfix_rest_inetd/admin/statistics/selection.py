# SPDX-License-Identifier: MIT
"""The entries that were asked for: those of a period, and of some endpoints or of all."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.ui.progress import Progress

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.statistics.journal import Journal
    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry

_PROGRESS_EVERY = 1000


def entries(
    journal: Journal, endpoints: list[str], since: float | None, until: float | None
) -> Iterator[JournalEntry]:
    """The entries up to `until`, from the journal's place on, with a progress bar.

    Args:
        journal: read from its current place.
        endpoints: names; empty for all.
        since: when the first entry may be (seconds since 1970), for the bar; None if not known.
        until: the last moment (seconds since 1970), or None for the end of the journal.

    Raises:
        JournalError: the journal cannot be read.
    """
    end = time.time() if until is None else until
    begin = since
    with Progress("entries") as progress:
        for count, entry in enumerate(journal.entries(until), 1):
            if begin is None or count == 1:
                begin = entry.when_usec / 1_000_000
            if count % _PROGRESS_EVERY == 0:
                part = (entry.when_usec / 1_000_000 - begin) / max(end - begin, 1e-6)
                progress.show(count, part)
            if not endpoints or entry.endpoint in endpoints:
                yield entry
