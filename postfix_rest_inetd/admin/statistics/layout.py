# SPDX-License-Identifier: MIT
"""What the sections of the report share: how names and notes are shown."""

from __future__ import annotations

from postfix_rest_inetd.admin.ui.terminal import LABEL, painted
from postfix_rest_inetd.admin.ui.wrap import wrapped

NAME_WIDTH = 20


def name_width(names: list[str], room: int) -> int:
    """The width of a column of names, with a blank behind them: no more than needed, or ROOM."""
    longest = max(map(len, names), default=0) + 1
    return min(max(NAME_WIDTH, longest), room)


def notes(text: str, width: int, indent: int = 0) -> list[str]:
    """The lines of a remark on a table."""
    margin = " " * indent
    return [painted(line, LABEL) for line in wrapped(text, width, margin, margin)]
