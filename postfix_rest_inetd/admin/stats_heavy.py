# SPDX-License-Identifier: MIT
"""The most frequent of any number of things, in bounded memory (Misra and Gries, 1982).

At most `capacity` things have a counter. When one more would be needed, all counters are lowered by
one, and those that reach zero are given up; `missed` counts how often that happened. So a counter
is never too high, and it is too low by at most `missed`, which is at most 1/(capacity + 1) of all
that was counted. What occurred more often than that certainly has a counter. While there are no
more things than counters, everything is exact and `missed` is 0.
"""

from __future__ import annotations

from heapq import nsmallest
from typing import Generic, TypeVar

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

    def add(self, thing: Thing) -> None:
        """Count a thing."""
        count = self._counters.get(thing)
        if count is not None:
            self._counters[thing] = count + 1
        elif len(self._counters) < self._capacity:
            self._counters[thing] = 1
        else:
            # Each round takes as many counts away as there are counters, so that it is rare.
            self.missed += 1
            self._counters = {t: n - 1 for t, n in self._counters.items() if n > 1}

    def top(self, number: int) -> list[tuple[Thing, int]]:
        """The most frequent things and their counters; equal ones in the order of their texts."""
        return nsmallest(number, self._counters.items(), key=lambda item: (-item[1], item[0]))
