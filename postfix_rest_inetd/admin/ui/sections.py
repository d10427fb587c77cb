# SPDX-License-Identifier: MIT
"""A report in sections: all of it, or as much as fits a number of rows.

Then the summary is first, and the last row names what is missing. Sections keep their order. One
that does not fit is left out, and the next one is tried. Only the first one behind the summary is
cut: it is the most important, and may be longer than any screen.
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.ui.terminal import DOUBTFUL, painted
from postfix_rest_inetd.admin.ui.wrap import cut

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

MIN_LINES = 3  # of a section that is cut: its heading and two more
_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


class Section(NamedTuple):
    """A part of a report: what it is called, and its lines."""

    name: str
    lines: list[str]


def text_of(sections: Iterable[Section]) -> str:
    """All sections, with an empty line between them."""
    return "\n".join("".join(f"{line}\n" for line in section.lines) for section in sections)


def fitted(sections: Sequence[Section], columns: int, rows: int) -> list[str]:
    """The lines of the sections that a screen of so many columns and rows has room for.

    A line that is longer than the screen takes several of its rows.
    """
    summary, *others = sections
    whole = height(summary.lines, columns) + sum(
        1 + height(section.lines, columns) for section in others
    )
    left = rows if whole <= rows else rows - 1
    lines = _beginning(summary.lines, columns, left)
    left -= height(lines, columns)
    missing = []
    for number, section in enumerate(others):
        shown = section.lines
        if 1 + height(shown, columns) > left:
            shown = _beginning(shown, columns, left - 1) if number == 0 else []
            missing.append(f"more {section.name}" if len(shown) >= MIN_LINES else section.name)
        if len(shown) >= MIN_LINES or shown is section.lines:
            lines += ["", *shown]
            left -= 1 + height(shown, columns)
    if whole > rows:
        lines.append(painted(_remark(missing, whole, columns), DOUBTFUL))
    return lines


def _remark(missing: Sequence[str], needed: int, columns: int) -> str:
    """What is missing, in one row: as many names as it has room for."""
    end = f"; all of it takes {needed} rows"
    for told in range(len(missing), 0, -1):
        more = f" and {len(missing) - told} more" if told < len(missing) else ""
        text = f"Not shown: {', '.join(missing[:told])}{more}{end}"
        if len(text) <= columns:
            return text
    return cut(f"Not everything is shown{end}", columns)


def _beginning(lines: Sequence[str], columns: int, rows: int) -> list[str]:
    found: list[str] = []
    for line in lines:
        rows -= height([line], columns)
        if rows < 0:
            break
        found.append(line)
    return found


def height(lines: Sequence[str], columns: int) -> int:
    """How many rows of so many columns the lines take, at most; colours take no room."""
    return sum(_rows(_COLOUR.sub("", line), columns) for line in lines)


def _rows(line: str, columns: int) -> int:
    wide = 0 if line.isascii() else sum(map(_is_wide, line))
    if wide:
        columns = max(1, columns - 1)  # one that would begin in the last column is in the next row
    return max(1, -(-(len(line) + wide) // columns))


def _is_wide(character: str) -> bool:
    """Does it take two columns? Keys and addresses may have such (Unicode's annex 11)."""
    return unicodedata.east_asian_width(character) in "WF"
