# SPDX-License-Identifier: MIT
"""A histogram of any number of whole numbers in little memory, for percentiles.

Each number below 64 has a bucket. From there on, each power of two is divided into 32 buckets of
equal width (log-linear), so a bucket is at most 1/32 of its lower bound wide. A percentile is the
middle of the bucket that holds the number of that rank. It is off by at most ERROR, relative to the
true number. The largest number and the sum are exact. Numbers are cut at MAX_VALUE, so there are at
most MAX_BUCKETS buckets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

ERROR = 1 / 64
PERCENTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))
"""Those that reports show."""
MAX_VALUE = 2**40 - 1  # microseconds: twelve days

_BITS = 6  # of a number, which tell its bucket
_EXACT = 1 << _BITS
_PARTS = _EXACT >> 1
MAX_BUCKETS = _EXACT + _PARTS * (MAX_VALUE.bit_length() - _BITS)


class Histogram:
    """Counts numbers.

    Attributes:
        count: how many numbers there were.
        total: their sum.
        largest: the largest number.
    """

    __slots__ = ("_buckets", "count", "largest", "total")

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.count = 0
        self.total = 0
        self.largest = 0
        self._buckets: dict[int, int] = {}

    def add(self, value: int) -> None:
        """Count a number; a negative one counts as 0."""
        value = min(max(value, 0), MAX_VALUE)
        self.count += 1
        self.total += value
        self.largest = max(self.largest, value)
        index = _index(value)
        self._buckets[index] = self._buckets.get(index, 0) + 1

    def merge(self, other: Histogram) -> None:
        """Count what another histogram has counted."""
        self.count += other.count
        self.total += other.total
        self.largest = max(self.largest, other.largest)
        for index, count in other._buckets.items():
            self._buckets[index] = self._buckets.get(index, 0) + count

    def percentile(self, part: float) -> int:
        """The smallest number that `part` (0 to 1) of all do not exceed; 0 without numbers."""
        rank = max(1, -int(-part * self.count // 1))  # rounded up: the nearest-rank definition
        if rank >= self.count:
            return self.largest
        seen = 0
        for index in sorted(self._buckets):
            seen += self._buckets[index]
            if seen >= rank:
                low, high = _bounds(index)
                return min((low + high) // 2, self.largest)
        return self.largest

    def ranges(self) -> Iterator[tuple[int, int, int]]:
        """The buckets that are not empty: smallest and largest number, and the count."""
        for index in sorted(self._buckets):
            yield *_bounds(index), self._buckets[index]


def _index(value: int) -> int:
    if value < _EXACT:
        return value
    shift = value.bit_length() - _BITS
    return _EXACT + (shift - 1) * _PARTS + (value >> shift) - _PARTS


def _bounds(index: int) -> tuple[int, int]:
    """The smallest and the largest number of a bucket."""
    if index < _EXACT:
        return index, index
    octave, part = divmod(index - _EXACT, _PARTS)
    low = (part + _PARTS) << (octave + 1)
    return low, low + (1 << (octave + 1)) - 1
