# SPDX-License-Identifier: MIT
"""The metrics for Prometheus: plain counters, and histograms with the buckets of BOUNDS_USEC.

`to_state` and `from_state` convert everything to a JSON document and back, so that a run continues
where the one before ended. The number of series is bounded: MAX_ENDPOINTS names, the known modes
and outcomes, and statuses of three digits. Reserved names have series of their own in any case:
made-up names in the journal do not take their room.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.statistics.targets import MAX_TARGETS, OTHERS
from postfix_rest_inetd.admin.statistics.totals import MAX_ENDPOINTS

if TYPE_CHECKING:
    from collections.abc import Iterable
    from typing import Any

    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry

VERSION = 1
# Upper bounds, inclusive. A lookup takes a millisecond or two, and at most 90 s.
BOUNDS_USEC = (
    *(500, 1_000, 2_000, 5_000, 10_000, 20_000, 50_000, 100_000, 200_000, 500_000),
    *(1_000_000, 2_000_000, 5_000_000, 10_000_000, 30_000_000, 90_000_000),
)

_STATUSES = range(100, 1000)
# What the first versions did not count.
_LATER = ("starts", "sources", "targets")
ANSWERED, FAILED = "answered", "failed"
RESULTS = (ANSWERED, FAILED)


class Series(NamedTuple):
    """The labels of every metric."""

    endpoint: str
    mode: str


class Buckets:
    """One histogram. `counts` has a number for each bucket; the last bucket has no upper bound."""

    __slots__ = ("counts", "sum_usec")

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.counts = [0] * (len(BOUNDS_USEC) + 1)
        self.sum_usec = 0

    def add(self, usec: int) -> None:
        """Count a duration."""
        self.counts[bisect_left(BOUNDS_USEC, usec)] += 1
        self.sum_usec += usec


class Counters:
    """All counters.

    Attributes:
        requests: by series and outcome.
        others: the same for requests that no endpoint answered, and for other trouble.
        responses: by series and HTTP status.
        elapsed: the latencies of requests, by series.
        backend: the backend's part of them, by series, for requests that asked it.
        sources: requests, by series and where the answer came from.
        targets: requests, by series, the target that was asked last, and ANSWERED or FAILED.
        starts: how long handlers took to be ready, by series and COLD or WOKEN.
        last_usec: when the newest entry was written.
    """

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.requests: dict[tuple[Series, str], int] = {}
        self.others: dict[tuple[Series, str], int] = {}
        self.responses: dict[tuple[Series, str], int] = {}
        self.elapsed: dict[Series, Buckets] = {}
        self.backend: dict[Series, Buckets] = {}
        self.sources: dict[tuple[Series, str], int] = {}
        self.targets: dict[tuple[Series, str, str], int] = {}
        self.starts: dict[tuple[Series, str], Buckets] = {}
        self.last_usec = 0
        self._names: set[str] = set()

    def reserve(self, names: Iterable[str]) -> None:
        """Reserve room for endpoints of these names."""
        self._names.update(names)

    def add(self, entry: JournalEntry) -> None:
        """Count an entry."""
        self.last_usec = max(self.last_usec, entry.when_usec)
        series = self._series(entry.endpoint, entry.mode)
        if not entry.is_request:
            _count(self.others, series, entry.outcome, entry.number)
            return
        _count(self.requests, series, entry.outcome)
        if entry.status in _STATUSES:
            _count(self.responses, series, str(entry.status))
        self.elapsed.setdefault(series, Buckets()).add(entry.elapsed_usec)
        if entry.asked:
            self.backend.setdefault(series, Buckets()).add(entry.backend_usec)
        _count(self.sources, series, entry.source)
        if entry.target:
            self._count_target(series, entry)
        if entry.start:
            self.starts.setdefault((series, entry.start), Buckets()).add(entry.start_usec)

    def _count_target(self, series: Series, entry: JournalEntry) -> None:
        target = entry.target
        if (series, target, ANSWERED) not in self.targets:
            known = {other for each, other, _ in self.targets if each == series}
            target = target if len(known) < MAX_TARGETS else OTHERS
            for result in RESULTS:
                self.targets.setdefault((series, target, result), 0)
        self.targets[series, target, FAILED if entry.target_failed else ANSWERED] += 1

    def _series(self, endpoint: str, mode: str) -> Series:
        if endpoint not in self._names:
            if len(self._names) >= MAX_ENDPOINTS:
                return Series(OTHERS, "")
            self._names.add(endpoint)
        return Series(endpoint, mode)

    def to_state(self) -> dict[str, Any]:
        """All counters, as a JSON document."""
        tables = {"requests": self.requests, "others": self.others, "responses": self.responses}
        tables["sources"] = self.sources
        histograms = {"elapsed": self.elapsed, "backend": self.backend}
        return {
            "version": VERSION,
            "bounds_usec": list(BOUNDS_USEC),
            "last_usec": self.last_usec,
            **{
                name: [[*series, label, count] for (series, label), count in table.items()]
                for name, table in tables.items()
            },
            **{
                name: [[*series, b.sum_usec, *b.counts] for series, b in histogram.items()]
                for name, histogram in histograms.items()
            },
            "targets": [[*s, target, result, n] for (s, target, result), n in self.targets.items()],
            "starts": [[*s, kind, b.sum_usec, *b.counts] for (s, kind), b in self.starts.items()],
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Counters:
        """The counters that `to_state` has converted.

        Raises:
            ValueError, KeyError, TypeError: the document has another form.
        """
        if state["version"] != VERSION or state["bounds_usec"] != list(BOUNDS_USEC):
            raise ValueError("another version wrote it")
        counters = cls()
        counters.last_usec = _whole(state["last_usec"])
        tables = {"requests": counters.requests, "others": counters.others}
        tables["responses"] = counters.responses
        tables["sources"] = counters.sources
        state = {**{name: [] for name in _LATER}, **state}
        for name, table in tables.items():
            for endpoint, mode, label, count in state[name]:
                counters._names.add(str(endpoint))
                table[Series(str(endpoint), str(mode)), str(label)] = _whole(count)
        for name in ("elapsed", "backend"):
            histogram: dict[Series, Buckets] = getattr(counters, name)
            for endpoint, mode, *numbers in state[name]:
                histogram[Series(str(endpoint), str(mode))] = _buckets(numbers)
        for endpoint, mode, target, result, count in state["targets"]:
            series = Series(str(endpoint), str(mode))
            counters.targets[series, str(target), str(result)] = _whole(count)
        for endpoint, mode, kind, *numbers in state["starts"]:
            counters.starts[Series(str(endpoint), str(mode)), str(kind)] = _buckets(numbers)
        return counters


def _buckets(numbers: list[object]) -> Buckets:
    """A histogram from its sum and its counts."""
    buckets = Buckets()
    buckets.sum_usec, *buckets.counts = map(_whole, numbers)
    if len(buckets.counts) != len(BOUNDS_USEC) + 1:
        raise ValueError("a histogram has another number of buckets")
    return buckets


def _count(
    table: dict[tuple[Series, str], int], series: Series, label: str, number: int = 1
) -> None:
    table[series, label] = table.get((series, label), 0) + number


def _whole(value: object) -> int:
    if type(value) is not int or value < 0:
        raise ValueError("a count is not a whole number")
    return value
