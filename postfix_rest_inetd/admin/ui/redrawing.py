# SPDX-License-Identifier: MIT
"""A report that is shown again and again, on a terminal in its own place, and as it fits there."""

from __future__ import annotations

import shutil
import sys
import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.sections import fitted, height, text_of
from postfix_rest_inetd.admin.ui.wrap import WIDTH

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Sequence

    from postfix_rest_inetd.admin.ui.sections import Section

_HOME, _REST_OF_LINE, _REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
_LOOK_SEC = 0.5


def repeat(
    shown: Callable[[os.terminal_size | None], str],
    wait: Callable[[os.terminal_size | None], None],
) -> None:
    """Print what `shown` returns, again and again, until an exception ends it.

    Args:
        shown: makes the text, for a terminal of this size if there is one.
        wait: returns when it is time for the next text; the size is that of the last one.
    """
    while True:
        size = screen_size()
        sys.stdout.write(shown(size))
        sys.stdout.flush()
        wait(size)


def screen_size() -> os.terminal_size | None:
    """The columns and rows of the terminal on standard output; None without one."""
    return shutil.get_terminal_size((WIDTH, 24)) if sys.stdout.isatty() else None


def pause(seconds: float, size: os.terminal_size | None) -> None:
    """Wait for some seconds, or until the terminal has another size."""
    end = time.monotonic() + seconds
    while size == screen_size() and (left := end - time.monotonic()) > 0:
        time.sleep(min(left, _LOOK_SEC))


def drawn(sections: Sequence[Section], size: os.terminal_size | None) -> str:
    """What puts sections in the place of the ones before, as far as a terminal has room for them.

    Where a cursor cannot be moved, an empty line is between them. What is there is not cleared
    before it is replaced, because that would flicker.
    """
    if size is None:
        return text_of(sections) + "\n"
    # The cursor is in the last row.
    if not terminal.has_cursor():
        lines = fitted(sections, size.columns, size.lines - 2)
        return "".join(f"{line}\n" for line in ["", *lines])
    lines = fitted(sections, size.columns, size.lines - 1)
    text = "".join(f"{_cleared(line, size.columns)}{line}\n" for line in lines)
    return f"{_HOME}{text}{_REST_OF_SCREEN}"


def _cleared(line: str, columns: int) -> str:
    """What clears the rows of a line: before it, as behind a full row it clears the last column."""
    return _REST_OF_LINE if height([line], columns) == 1 else _REST_OF_SCREEN
