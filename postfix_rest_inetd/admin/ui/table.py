# SPDX-License-Identifier: MIT
"""Tables that fit a width: some columns take what their cells need, the others share the rest."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.ui.wrap import cut

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_GAP = 2
_NARROWEST = 8


class Column(NamedTuple):
    """A column of a table.

    Attributes:
        name: its heading.
        is_flexible: may its cells be cut? Such a column is aligned to the left.
        is_path: is the end of a cell that is cut more telling than its beginning?
        is_left: is it aligned to the left, as words are?
    """

    name: str
    is_flexible: bool = False
    is_path: bool = False
    is_left: bool = False


def table(
    columns: Sequence[Column],
    rows: Sequence[Sequence[str]],
    width: int,
    paint: Callable[[int, int, str], str],
) -> Iterator[str]:
    """The heading and the rows.

    Args:
        columns: of the table.
        rows: a text for each column.
        width: of the lines, at most; if the columns that cannot be cut need more, it is more.
        paint: given the number of a row (-1: the heading), of a column, and the text of the cell
            with its blanks, returns what is shown.
    """
    widths = _widths(columns, rows, width)
    heading = [column.name for column in columns]
    for number, row in enumerate([heading, *rows], -1):
        cells = []
        for at, (text, column, size) in enumerate(zip(row, columns, widths, strict=True)):
            shown = cut(text, size, keeps_end=column.is_path)
            is_left = column.is_left or column.is_flexible
            is_last = at == len(columns) - 1
            padded = shown if is_left and is_last else shown.ljust(size)
            cells.append(paint(number, at, padded if is_left else shown.rjust(size)))
        yield (" " * _GAP).join(cells).rstrip()


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], width: int) -> list[int]:
    """What each column needs; flexible ones are shortened, the widest first, until all fit."""
    needed = [max(map(len, cells)) for cells in zip([c.name for c in columns], *rows, strict=True)]
    surplus = sum(needed) + _GAP * (len(columns) - 1) - width
    flexible = [at for at, column in enumerate(columns) if column.is_flexible]
    while surplus > 0:
        widest = max(flexible, key=lambda at: needed[at])
        if needed[widest] <= _NARROWEST:
            break
        needed[widest] -= 1
        surplus -= 1
    return needed
