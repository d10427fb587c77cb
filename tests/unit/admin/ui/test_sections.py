# SPDX-License-Identifier: MIT
"""A report on a screen that is too small: what is left, and what the last row says."""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.ui.sections import Section, fitted, height, text_of


def lines(letter: str, count: int) -> list[str]:
    """Lines of a section."""
    return [f"{letter}{number}" for number in range(count)]


SECTIONS = [
    Section("summary", lines("s", 2)),
    Section("endpoints", lines("e", 6)),
    Section("latency", lines("l", 9)),
    Section("failures", lines("f", 3)),
]
WHOLE = 2 + 7 + 10 + 4
END = f"; all of it takes {WHOLE} rows"


@pytest.mark.parametrize(
    "rows, shown",
    [
        (WHOLE, [*lines("s", 2), "", *lines("e", 6), "", *lines("l", 9), "", *lines("f", 3)]),
        (14, [*lines("s", 2), "", *lines("e", 6), "", *lines("f", 3), f"Not shown: latency{END}"]),
        (13, [*lines("s", 2), "", *lines("e", 6), f"Not shown: latency, failures{END}"]),
        (
            8,
            [
                *lines("s", 2),
                "",
                *lines("e", 4),
                f"Not shown: more endpoints, latency, failures{END}",
            ],
        ),
        (5, [*lines("s", 2), f"Not shown: endpoints, latency, failures{END}"]),
        (2, ["s0", f"Not shown: endpoints, latency, failures{END}"]),
        (1, [f"Not shown: endpoints, latency, failures{END}"]),
    ],
)
def test_rows(rows: int, shown: list[str]) -> None:
    """The summary is first; what does not fit is left out; only the first section is cut."""
    found = fitted(SECTIONS, 80, rows)
    assert (found, len(found)) == (shown, rows if rows not in (13, 5) else len(shown))


def test_long_lines() -> None:
    """A line that the terminal breaks takes several rows; colours take none."""
    wide = [Section("summary", ["\x1b[1m" + "x" * 80 + "\x1b[0m"]), Section("e", ["y" * 100])]
    assert fitted(wide, 80, 4) == [wide[0].lines[0], "", "y" * 100]
    found = fitted(wide, 40, 5)
    assert found[0] == wide[0].lines[0]
    assert found[1:] == ["Not shown: e; all of it takes 6 rows"]


@pytest.mark.parametrize(
    "line, columns, rows",
    [
        ("\u6f22" * 40, 80, 2),  # with 79 columns before the edge, as one may not be cut
        ("\u6f22" * 39, 80, 1),
        ("\u6f22" * 10, 1, 20),
        ("\xe9" * 80, 80, 1),
        ("", 80, 1),
    ],
)
def test_wide_characters(line: str, columns: int, rows: int) -> None:
    """A key of such characters, which anybody may send, takes more rows than it seems."""
    assert height([line], columns) == rows


@pytest.mark.parametrize("columns", [20, 40, 60, 80])
def test_remark(columns: int) -> None:
    """The last row is one row, however many sections are missing."""
    many = [Section("summary", ["s"]), *(Section(f"part {n}", lines("p", 9)) for n in range(30))]
    *_, last = fitted(many, columns, 5)
    assert len(last) <= columns
    assert last.startswith("Not ")
    if columns == 80:
        assert (
            last
            == "Not shown: part 0, part 1, part 2, part 3 and 26 more; all of it takes 301 rows"
        )


def test_text() -> None:
    """What is not fitted has an empty line between its sections."""
    assert text_of(SECTIONS[:2]) == "s0\ns1\n\ne0\ne1\ne2\ne3\ne4\ne5\n"
