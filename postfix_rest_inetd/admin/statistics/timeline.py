# SPDX-License-Identifier: MIT
"""Requests, failures and stale answers over time, in a bounded number of slots of equal length.

A slot is one second long at first. If there are more than MAX_SLOTS from the first to the last,
neighbours are merged, and slots have the next length of LENGTHS. They are aligned to UTC. Entries
may come in any order.
"""

from __future__ import annotations

from operator import add

MAX_SLOTS = 600

_HOUR, _DAY = 3600, 86400
# Each length divides the next.
LENGTHS = (1, 5, 10, 30, 60, 300, 600, 1800, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY)
LENGTHS += tuple(_DAY * 7 * 4**power for power in range(8))


class Timeline:
    """Counts requests, failures and stale answers.

    Attributes:
        length_sec: of a slot.
        slots: requests, failures and stale answers, by the number of the slot since 1970.
    """

    __slots__ = ("_first", "_last", "length_sec", "slots")

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.length_sec = LENGTHS[0]
        self.slots: dict[int, list[int]] = {}
        self._first = self._last = 0

    def add(
        self, when_usec: int, *, failed: bool = False, stale: bool = False, count: int = 1
    ) -> None:
        """Count a request, or several at once; `stale`: the answer was stale."""
        number = when_usec // 1_000_000 // self.length_sec
        slot = self.slots.get(number)
        if slot is None:
            slot = self.slots[number] = [0, 0, 0]
            self._first = min(self._first, number) if len(self.slots) > 1 else number
            self._last = max(self._last, number) if len(self.slots) > 1 else number
        slot[0] += count
        slot[1] += count if failed else 0
        slot[2] += count if stale else 0
        while self._last - self._first >= MAX_SLOTS and self.length_sec < LENGTHS[-1]:
            self._widen()

    def columns(self, number: int) -> tuple[int, int, list[tuple[int, ...]]]:
        """At most `number` columns: when the first begins, their length in seconds, their counts.

        A column has one slot, or as many as it takes. Counts are as in a slot.
        """
        if not self.slots:
            return 0, self.length_sec, []
        width = -(-(self._last - self._first + 1) // number)
        counts: list[tuple[int, ...]] = [(0, 0, 0)] * ((self._last - self._first) // width + 1)
        for at, slot in self.slots.items():
            column = (at - self._first) // width
            counts[column] = tuple(map(add, counts[column], slot))
        return self._first * self.length_sec, width * self.length_sec, counts

    def _widen(self) -> None:
        longer = LENGTHS[LENGTHS.index(self.length_sec) + 1]
        factor = longer // self.length_sec
        merged: dict[int, list[int]] = {}
        for number, slot in self.slots.items():
            before = merged.get(number // factor, [0, 0, 0])
            merged[number // factor] = list(map(add, before, slot))
        self.length_sec, self.slots = longer, merged
        self._first, self._last = self._first // factor, self._last // factor
