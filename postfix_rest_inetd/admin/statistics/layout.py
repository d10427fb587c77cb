# SPDX-License-Identifier: MIT
"""What the sections of the report share: their width, and how names, notes and moments are shown.

A report fits MIN_WIDTH columns, and uses up to MAX_WIDTH: longer names are shown, and longer bars.
"""

from __future__ import annotations

from datetime import datetime

from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.terminal import LABEL, painted
from postfix_rest_inetd.admin.ui.wrap import wrapped

NAME_WIDTH = 20
MIN_WIDTH, MAX_WIDTH = 60, 120


def screen_width() -> int:
    """The columns of a report on standard output: those of the terminal, or WIDTH without one."""
    return terminal.screen_width(MIN_WIDTH, MAX_WIDTH)


def moment(seconds: float) -> str:
    """A point in time, as the operator's clock has it."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def cut(text: str, width: int) -> str:
    """A text of at most `width` characters, and at least 10, with dots if it is longer."""
    width = max(width, 10)
    return text if len(text) <= width else text[: width - 3] + "..."


def name_width(names: list[str], room: int) -> int:
    """The width of a column of names, with a blank behind them: no more than needed, or ROOM."""
    longest = max(map(len, names), default=0) + 1
    return min(max(NAME_WIDTH, longest), room)


def notes(text: str, width: int, indent: int = 0) -> list[str]:
    """The lines of a remark on a table."""
    margin = " " * indent
    return [painted(line, LABEL) for line in wrapped(text, width, margin, margin)]
