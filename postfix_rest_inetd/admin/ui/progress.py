# SPDX-License-Identifier: MIT
"""A progress bar on standard error, if that is a terminal.

It appears when the work has taken a second, and is drawn at most five times a second. When the work
is done, it is erased, so that it does not remain among the results.
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
    """A bar, as a context manager. `what` names the things that are counted, such as `entries`."""

    def __init__(self, what: str) -> None:
        """Nothing is counted or shown yet."""
        self._what = what
        self._next = monotonic() + PATIENCE_SEC
        self._shown = False
        self._visible = sys.stderr.isatty()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.wipe()

    def show(self, count: int, part: float | None) -> None:
        """Show that `count` are done, which is `part` (0 to 1) of all, or None if not known."""
        if not self._visible or (now := monotonic()) < self._next:
            return
        self._next = now + INTERVAL_SEC
        self._shown = True
        sys.stderr.write(_WIPE + bar(self._what, count, part))
        sys.stderr.flush()

    def wipe(self) -> None:
        """Erase the bar, until the next `show`."""
        if self._shown:
            self._shown = False
            sys.stderr.write(_WIPE)
            sys.stderr.flush()


def bar(what: str, count: int, part: float | None) -> str:
    """The bar as text, in one line."""
    if part is None:
        return f"{count} {what}"
    part = min(max(part, 0.0), 1.0)
    full = round(part * WIDTH)
    return f"[{'#' * full}{'.' * (WIDTH - full)}] {part:4.0%} {count} {what}"
