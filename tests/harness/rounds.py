# SPDX-License-Identifier: MIT
"""Longer and longer deadlines, for a machine that is too busy for the shortest one.

A test of what happens before a short deadline goes through them, with servers and handlers of its
own in each round, until the machine was quick enough for that to be seen. What has to be true is
the same in each round; only a deadline that was too short is a reason for another one.
"""

from __future__ import annotations

LONGEST_SEC = 16


def rounds(shortest_sec: float) -> list[float]:
    """This time, twice as much, and so on up to LONGEST_SEC."""
    found = [shortest_sec]
    while 2 * found[-1] <= LONGEST_SEC:
        found.append(2 * found[-1])
    return found


def rounds_ms(shortest_ms: int) -> list[int]:
    """The same in milliseconds."""
    return [round(1000 * seconds) for seconds in rounds(shortest_ms / 1000)]
