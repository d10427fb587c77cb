# SPDX-License-Identifier: MIT
"""The totals of `stats`, in memory that does not grow with the number of entries.

Percentiles come from histograms with a relative error of at most 1/64 (histogram.py), the most
frequent keys and causes from counters that may be too low by a known number (heavy.py), the
timeline from at most 600 slots (timeline.py). Counts, maxima and means are exact. Any local user
can write to the journal: endpoints beyond MAX_ENDPOINTS are counted as one, OTHERS.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.groups import Groups
from postfix_rest_inetd.admin.statistics.heavy import Heavy
from postfix_rest_inetd.admin.statistics.histogram import Histogram
from postfix_rest_inetd.admin.statistics.journal_entry import STARTS
from postfix_rest_inetd.admin.statistics.sources import Sources
from postfix_rest_inetd.admin.statistics.targets import OTHERS, Targets
from postfix_rest_inetd.admin.statistics.timeline import Timeline
from postfix_rest_inetd.log_entry import STALE

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry
    from postfix_rest_inetd.admin.statistics.lost import Lost

MAX_ENDPOINTS = 200
MAX_SUBJECTS = 2000
MAX_CAUSES = 200
MAX_STATUSES = 100

KINDS = ("key", "client", "login", "sender", "recipient")


class EndpointTotals:
    """The requests of one endpoint in one mode."""

    __slots__ = (
        "backend",
        "elapsed",
        "failures",
        "outcomes",
        "requests",
        "sources",
        "statuses",
        "targets",
    )

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.requests = 0
        self.failures = 0
        self.outcomes: Counter[str] = Counter()
        self.statuses: Counter[int] = Counter()
        self.elapsed = Histogram()
        self.backend = Histogram()
        self.sources = Sources()
        self.targets = Targets()

    def add(self, entry: JournalEntry) -> None:
        """Count a request."""
        self.requests += 1
        self.failures += entry.failed
        self.outcomes[entry.outcome] += 1
        if entry.status in self.statuses or len(self.statuses) < MAX_STATUSES:
            self.statuses[entry.status] += 1
        self.elapsed.add(entry.elapsed_usec)
        if entry.asked:
            self.backend.add(entry.backend_usec)
        self.sources.add(entry)
        self.targets.add(entry)


class Totals:
    """All totals.

    Attributes:
        first_usec, last_usec: when the first and the last entry was written; 0 without entries.
        endpoints: by name and mode.
        others: by outcome, requests that no endpoint answered, because they were broken, the
            configuration could not be used, or a handler failed. Besides this, they count in
            `causes` and `timeline`.
        stale: why stale answers had to be used, by endpoint and cause.
        starts: how long handlers took to be ready, by COLD and WOKEN.
        groups: the requests of each sender, client or login; None if that was not asked for.
        lost: the entries that the journal does not have; None if it was not asked.
    """

    def __init__(self, by: str | None = None) -> None:
        """Nothing is counted yet; `by` is what to group requests by, one of GROUPS or None."""
        self.first_usec = self.last_usec = 0
        self.endpoints: dict[tuple[str, str], EndpointTotals] = {}
        self.others: Counter[str] = Counter()
        self.causes: Heavy[tuple[str, str, str, str]] = Heavy(MAX_CAUSES)
        self.stale: Heavy[tuple[str, str]] = Heavy(MAX_CAUSES)
        self.subjects: dict[str, Heavy[tuple[str, str]]] = {k: Heavy(MAX_SUBJECTS) for k in KINDS}
        self.timeline = Timeline()
        self.starts = {kind: Histogram() for kind in STARTS}
        self.groups = None if by is None else Groups(by)
        self.lost: Lost | None = None

    @property
    def requests(self) -> int:
        """The requests of all endpoints."""
        return sum(endpoint.requests for endpoint in self.endpoints.values())

    @property
    def failures(self) -> int:
        """The failures of all endpoints."""
        return sum(endpoint.failures for endpoint in self.endpoints.values())

    def outcomes(self) -> Counter[str]:
        """The number of requests with each outcome, of all endpoints."""
        return sum((endpoint.outcomes for endpoint in self.endpoints.values()), Counter())

    def elapsed(self) -> Histogram:
        """The latencies of all endpoints."""
        merged = Histogram()
        for endpoint in self.endpoints.values():
            merged.merge(endpoint.elapsed)
        return merged

    def sources(self) -> Sources:
        """Where the answers of all endpoints came from."""
        merged = Sources()
        for endpoint in self.endpoints.values():
            merged.merge(endpoint.sources)
        return merged

    def add(self, entry: JournalEntry) -> None:
        """Count an entry."""
        self.first_usec = min(self.first_usec or entry.when_usec, entry.when_usec)
        self.last_usec = max(self.last_usec, entry.when_usec)
        failed = entry.failed
        if failed:
            status = str(entry.status or "")
            self.causes.add((entry.endpoint, entry.outcome, status, entry.cause), entry.number)
        if entry.number:
            is_stale = entry.source == STALE
            self.timeline.add(entry.when_usec, failed=failed, stale=is_stale, count=entry.number)
        if not entry.is_request:
            if entry.number:
                self.others[entry.outcome] += entry.number
            return
        self._endpoint(entry).add(entry)
        if entry.source == STALE:
            self.stale.add((entry.endpoint, entry.cause))
        if entry.start:
            self.starts[entry.start].add(entry.start_usec)
        for kind, text in entry.subjects:
            self.subjects[kind].add((entry.endpoint, text))
        if self.groups is not None:
            self.groups.add(entry)

    def _endpoint(self, entry: JournalEntry) -> EndpointTotals:
        name = (entry.endpoint, entry.mode)
        endpoint = self.endpoints.get(name)
        if endpoint is None:
            if len(self.endpoints) >= MAX_ENDPOINTS:
                name = (OTHERS, "")
            endpoint = self.endpoints.setdefault(name, EndpointTotals())
        return endpoint
