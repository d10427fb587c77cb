# SPDX-License-Identifier: MIT
"""The overview again and again, on a terminal in its own place and never longer than the screen."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.overview.layout import LEAST, MOST
from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.terminal import LABEL, painted
from postfix_rest_inetd.admin.ui.wrap import WIDTH

if TYPE_CHECKING:
    from collections.abc import Callable

REDRAW_SEC = 5.0
_HOME, _REST_OF_LINE, _REST_OF_SCREEN, _ALL = "\x1b[H", "\x1b[K", "\x1b[J", "\x1b[2J"


def width() -> int:
    """The columns of a line."""
    return terminal.screen_width(LEAST, MOST)


def repeat(shown: Callable[[], str]) -> None:
    """Print the text that `shown` returns, every REDRAW_SEC seconds, until an exception ends it.

    Raises:
        KeyboardInterrupt: the operator has interrupted it.
    """
    while True:
        sys.stdout.write(shown())
        sys.stdout.flush()
        time.sleep(REDRAW_SEC)


def watch(shown: Callable[[], list[str]]) -> None:
    """The same for the lines of a screen.

    Elsewhere than on a terminal that can move its cursor, an empty line is between two screens.
    """
    if terminal.has_cursor():
        sys.stdout.write(_ALL)
        repeat(lambda: _redrawn(shown()))
    else:
        repeat(lambda: "".join(f"{line}\n" for line in [*shown(), ""]))


def _redrawn(lines: list[str]) -> str:
    """What replaces the screen, without clearing it first, which would flicker."""
    lines = fitting(lines, shutil.get_terminal_size((WIDTH, 24)).lines)
    text = f"{_REST_OF_LINE}\n".join(lines)
    return f"{_HOME}{text}{_REST_OF_LINE}\n{_REST_OF_SCREEN}"


def fitting(lines: list[str], rows: int) -> list[str]:
    """The first lines, as many as a screen of so many rows has above its cursor."""
    room = max(1, rows - 1)
    if len(lines) <= room:
        return lines
    left = len(lines) - (room - 1)
    return [*lines[: room - 1], painted(f"... {left} more lines", LABEL)]
