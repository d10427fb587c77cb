# SPDX-License-Identifier: MIT
"""The requests of an endpoint with several targets, by the target that was asked last.

A request counts once, for the target that answered or failed last, as the journal has it. The
targets that failed before it in the same request are not counted; `instead` says how often that
happened. Any local user can write to the journal: targets beyond MAX_TARGETS count as one, OTHERS.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.histogram import Histogram

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry

# Of one endpoint: a list has at most 8 targets, but may change.
MAX_TARGETS = 32
OTHERS = "(others)"


class TargetTotals:
    """The requests for which one target was asked last.

    Attributes:
        requests: all of them.
        failures: those that got no answer from it (JournalEntry.target_failed).
        instead: those that it answered after another target had failed.
        backend: the time of all attempts together.
    """

    __slots__ = ("backend", "failures", "instead", "requests")

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.requests = 0
        self.failures = 0
        self.instead = 0
        self.backend = Histogram()


class Targets:
    """The targets of one endpoint; `all` is empty unless it has several."""

    __slots__ = ("all",)

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.all: dict[str, TargetTotals] = {}

    def add(self, entry: JournalEntry) -> None:
        """Count a request."""
        if not entry.target:
            return
        is_known = entry.target in self.all or len(self.all) < MAX_TARGETS
        target = self.all.setdefault(entry.target if is_known else OTHERS, TargetTotals())
        target.requests += 1
        target.failures += entry.target_failed
        target.instead += entry.instead
        target.backend.add(entry.backend_usec)
