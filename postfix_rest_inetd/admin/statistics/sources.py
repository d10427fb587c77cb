# SPDX-License-Identifier: MIT
"""Where answers came from: the backend, or one of the stored answers, fresh or stale.

A stale answer is a success for Postfix, and a sign that a backend is down. So stale answers have
totals of their own: how many, how old, when the last one was given, and why.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from postfix_rest_inetd.log_entry import BACKEND, STALE, STORED

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry


class Sources:
    """The sources of answers.

    Attributes:
        counts: requests by their source (SOURCES). Failures count for BACKEND.
        oldest_sec: the highest age of an answer, by its source.
        last_stale_usec: when the last stale answer was given; 0 without one.
    """

    __slots__ = ("counts", "last_stale_usec", "oldest_sec")

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.counts: Counter[str] = Counter()
        self.oldest_sec: dict[str, int] = {}
        self.last_stale_usec = 0

    @property
    def used(self) -> int:
        """How many requests got a stored answer, fresh or stale."""
        return self.counts[STORED] + self.counts[STALE]

    def add(self, entry: JournalEntry) -> None:
        """Count a request."""
        self.counts[entry.source] += 1
        if entry.source == BACKEND:
            return
        self._age(entry.source, entry.age_sec)
        if entry.source == STALE:
            self.last_stale_usec = max(self.last_stale_usec, entry.when_usec)

    def merge(self, other: Sources) -> None:
        """Count what another one has counted."""
        self.counts.update(other.counts)
        for source, age_sec in other.oldest_sec.items():
            self._age(source, age_sec)
        self.last_stale_usec = max(self.last_stale_usec, other.last_stale_usec)

    def _age(self, source: str, age_sec: int) -> None:
        self.oldest_sec[source] = max(self.oldest_sec.get(source, 0), age_sec)
