# SPDX-License-Identifier: MIT
"""A clock for what handlers remember together, which stands still until the test moves it."""

from __future__ import annotations

from postfix_rest_inetd.cache.clock import Moment


class StillClock:
    """Takes the place of cache.clock.now()."""

    def __init__(self) -> None:
        self.moment = Moment(1e9, 5000.25, b"boot-one")

    def now(self) -> Moment:
        """The present moment."""
        return self.moment

    def advance(self, seconds: float, wall: float | None = None) -> None:
        """Let time pass; the wall clock may be moved by another amount."""
        here = self.moment
        moved = seconds if wall is None else wall
        self.moment = Moment(here.wall + moved, here.boot + seconds, here.boot_id)
