# SPDX-License-Identifier: MIT
"""Requests and failures over time, counted in a bounded number of slots of equal length.

A slot is one second long at first. If there are more than MAX_SLOTS from the first to the last,
neighbours are merged, and slots have the next length of LENGTHS. They are aligned to UTC. Entries
may come in any order.
"""

from __future__ import annotations

MAX_SLOTS = 600

_HOUR, _DAY = 3600, 86400
# Each length divides the next.
LENGTHS = (1, 5, 10, 30, 60, 300, 600, 1800, _HOUR, 3 * _HOUR, 6 * _HOUR, 12 * _HOUR, _DAY)
LENGTHS += tuple(_DAY * 7 * 4**power for power in range(8))


class Timeline:
    """Counts requests and failures.

    Attributes:
        length_sec: of a slot.
        slots: requests and failures, by the number of the slot since 1970.
    """

    __slots__ = ("_first", "_last", "length_sec", "slots")

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.length_sec = LENGTHS[0]
        self.slots: dict[int, list[int]] = {}
        self._first = self._last = 0

    def add(self, when_usec: int, *, failed: bool, count: int = 1) -> None:
        """Count a request, or several at once."""
        number = when_usec // 1_000_000 // self.length_sec
        slot = self.slots.get(number)
        if slot is None:
            slot = self.slots[number] = [0, 0]
            self._first = min(self._first, number) if len(self.slots) > 1 else number
            self._last = max(self._last, number) if len(self.slots) > 1 else number
        slot[0] += count
        slot[1] += count if failed else 0
        while self._last - self._first >= MAX_SLOTS and self.length_sec < LENGTHS[-1]:
            self._widen()

    def columns(self, number: int) -> tuple[int, int, list[tuple[int, int]]]:
        """At most `number` columns: when the first begins, their length in seconds, their counts.

        A column has one slot, or as many as it takes. Counts are requests and failures.
        """
        if not self.slots:
            return 0, self.length_sec, []
        width = -(-(self._last - self._first + 1) // number)
        counts = [(0, 0)] * ((self._last - self._first) // width + 1)
        for slot, (requests, failures) in self.slots.items():
            column = (slot - self._first) // width
            before = counts[column]
            counts[column] = (before[0] + requests, before[1] + failures)
        return self._first * self.length_sec, width * self.length_sec, counts

    def _widen(self) -> None:
        longer = LENGTHS[LENGTHS.index(self.length_sec) + 1]
        factor = longer // self.length_sec
        merged: dict[int, list[int]] = {}
        for number, (requests, failures) in self.slots.items():
            slot = merged.setdefault(number // factor, [0, 0])
            slot[0] += requests
            slot[1] += failures
        self.length_sec, self.slots = longer, merged
        self._first, self._last = self._first // factor, self._last // factor
