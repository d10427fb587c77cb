# SPDX-License-Identifier: MIT
"""What a file had in it, and when: all that a reader can have found between two moments."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

BROKEN = None
"""Nothing that can be used."""


class _Entry(NamedTuple):
    begin: float
    end: float
    value: int | None
    is_at_once: bool


class Timeline:
    """The values of a file, one after the other; times are those of the monotonic clock."""

    def __init__(self) -> None:
        self._entries: list[_Entry] = []
        self.newest = 0

    def set(
        self, value: int | None, write: Callable[[], None], *, is_at_once: bool = False
    ) -> None:
        """Have the file written; VALUE is in it from some moment during that on.

        Unless it is there at once, a reader may also find half of it.
        """
        begin = time.monotonic()
        write()
        self._entries.append(_Entry(begin, time.monotonic(), value, is_at_once))
        self.newest = max(self.newest, value or 0)

    def between(self, since: float, until: float) -> set[int | None]:
        """All values that a reader may have found: each lasts until the next one is written."""
        found = set()
        ends = [entry.end for entry in self._entries[1:]] + [float("inf")]
        for entry, end in zip(self._entries, ends, strict=True):
            if entry.begin <= until and end >= since:
                found.add(entry.value)
        return found

    @property
    def count(self) -> int:
        """How often it was written."""
        return len(self._entries)

    def moments(self) -> list[tuple[float, int | None]]:
        """When it had been written, and what."""
        return [(entry.end, entry.value) for entry in self._entries]

    def is_being_written(self, since: float, until: float) -> bool:
        """May a reader have found half of a value?"""
        return any(
            each.begin <= until and each.end >= since and not each.is_at_once
            for each in self._entries[1:]
        )
