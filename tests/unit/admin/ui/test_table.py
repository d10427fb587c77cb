# SPDX-License-Identifier: MIT
"""Tables fit the width that they are given, as long as their numbers do."""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.ui.table import Column, table

COLUMNS = (
    Column("name", is_flexible=True),
    Column("path", is_flexible=True, is_path=True),
    Column("state", is_left=True),
    Column("number"),
)
ROWS = [
    ("domains", "127.0.0.1:9001", "listening", "3"),
    ("a" * 100, "/" + "p" * 90 + "/end", "no", "1024"),
]


def plain(_row: int, _column: int, text: str) -> str:
    """A cell without colour."""
    return text


@pytest.mark.parametrize("width", [60, 80, 120])
def test_width(width: int) -> None:
    """Long cells are cut, the widest first, and none of the line is wasted."""
    lines = list(table(COLUMNS, ROWS, width, plain))
    assert max(map(len, lines)) == width
    assert "127.0.0.1:9001" in lines[1]
    assert lines[2].split()[0].endswith("a...")
    assert lines[2].split()[1].startswith("...")
    assert lines[2].split()[1].endswith("/end")


def test_aligned() -> None:
    """Words begin, and numbers end, where their headings do; short tables stay narrow."""
    assert list(table(COLUMNS, ROWS[:1], 80, plain)) == [
        "name     path            state      number",
        "domains  127.0.0.1:9001  listening       3",
    ]


def test_paint() -> None:
    """Colours come last, so that they have no width; no line ends with blanks."""

    def paint(row: int, column: int, text: str) -> str:
        return f"<{row}{column}{text}>"

    columns = (COLUMNS[0], COLUMNS[2])
    painted = table(columns, [("x", "no")], 80, paint)
    assert list(painted) == ["<-10name>  <-11state>", "<00x   >  <01no>"]


def test_too_narrow() -> None:
    """What cannot be cut stays whole."""
    lines = list(table(COLUMNS, ROWS, 10, plain))
    assert lines[2].endswith("1024")
