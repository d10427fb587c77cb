# SPDX-License-Identifier: MIT
"""The most frequent of any number of things, in bounded memory (Misra and Gries, 1982).

At most `capacity` things have a counter. When one more is needed, all counters and the number of
the new thing are lowered by the smallest of them, and counters that reach zero are removed.
`missed` adds up these reductions. So a counter is never too high, and too low by at most `missed`,
which is at most 1/(capacity + 1) of everything that was counted. A thing that occurred more often
than that has a counter. As long as every thing has a counter, all are exact and `missed` is 0.
"""

from __future__ import annotations

from heapq import nsmallest
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

Thing = TypeVar("Thing", bound=tuple[str, ...])


class Heavy(Generic[Thing]):
    """Counts things, which are tuples of texts.

    Attributes:
        missed: by how much each counter may be too low.
    """

    __slots__ = ("_capacity", "_counters", "missed")

    def __init__(self, capacity: int) -> None:
        """Nothing is counted yet."""
        self._capacity = capacity
        self._counters: dict[Thing, int] = {}
        self.missed = 0

    def __len__(self) -> int:
        return len(self._counters)

    def __getitem__(self, thing: Thing) -> int:
        """The counter of a thing, 0 if it has none."""
        return self._counters.get(thing, 0)

    def __iter__(self) -> Iterator[Thing]:
        """The things that have a counter."""
        return iter(self._counters)

    def add(self, thing: Thing, number: int = 1) -> None:
        """Count a thing `number` times."""
        count = self._counters.get(thing)
        if count is not None:
            self._counters[thing] = count + number
            return
        if len(self._counters) >= self._capacity:
            # Each reduction removes at least `capacity` counts, so reductions are rare.
            less = min(number, *self._counters.values())
            self.missed += less
            self._counters = {t: n - less for t, n in self._counters.items() if n > less}
            number -= less
        if number:
            self._counters[thing] = number

    def top(self, number: int) -> list[tuple[Thing, int]]:
        """The most frequent things and their counters; equal counters in the order of texts."""
        return nsmallest(number, self._counters.items(), key=lambda item: (-item[1], item[0]))
