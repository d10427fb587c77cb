# SPDX-License-Identifier: MIT
"""A progress bar on standard error, where that is a terminal; elsewhere, nothing at all.

It appears when the work has taken a second, is drawn at most five times a second, and is wiped out
when the work is over, so that nothing of it stands among the results.
"""

from __future__ import annotations

import sys
from time import monotonic
from typing import Self

WIDTH = 30
PATIENCE_SEC = 1.0
INTERVAL_SEC = 0.2

_WIPE = "\r\x1b[K"


class Progress:
    """A bar, to be used as a context manager; `what` is counted, `entries` for example."""

    def __init__(self, what: str) -> None:
        """Nothing is done, and nothing is shown yet."""
        self._what = what
        self._next = monotonic() + PATIENCE_SEC
        self._shown = False
        self._visible = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.wipe()

    def show(self, count: int, part: float | None) -> None:
        """So many are done, which is that part (0 to 1) of all, where that is known."""
        if not self._visible or (now := monotonic()) < self._next:
            return
        self._next = now + INTERVAL_SEC
        self._shown = True
        sys.stderr.write(_WIPE + bar(self._what, count, part))
        sys.stderr.flush()

    def wipe(self) -> None:
        """Take the bar away, until the next `show`."""
        if self._shown:
            self._shown = False
            sys.stderr.write(_WIPE)
            sys.stderr.flush()


def bar(what: str, count: int, part: float | None) -> str:
    """One line."""
    if part is None:
        return f"{count} {what}"
    part = min(max(part, 0.0), 1.0)
    full = round(part * WIDTH)
    return f"[{'#' * full}{'.' * (WIDTH - full)}] {part:4.0%} {count} {what}"
