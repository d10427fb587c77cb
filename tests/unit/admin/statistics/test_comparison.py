# SPDX-License-Identifier: MIT
"""A period beside the one before: the numbers, their difference, and what has none."""

from __future__ import annotations

import pytest

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.statistics import comparison, screen
from postfix_rest_inetd.admin.statistics.comparison import Before
from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry
from postfix_rest_inetd.admin.statistics.totals import Totals

BEGIN = 1_795_600_000


def totals(**endpoints: tuple[int, int, int]) -> Totals:
    """Totals of endpoints: good answers, failures, and the time of each."""
    found = Totals()
    for name, (good, bad, usec) in endpoints.items():
        for number in range(good + bad):
            outcome = model.FOUND if number < good else model.TIMEOUT
            facts = (1, name, model.TCP_LOOKUP, outcome, True, usec, usec, 200, "", ())
            found.add(JournalEntry(*facts))
    return found


def unusable(number: int) -> Totals:
    """Totals of a configuration that could not be used."""
    found = totals(a=(1, 0, 1000))
    facts = (1, "", "", model.UNUSABLE_CONFIG, False, 0, 0, 0, "", (), number)
    found.add(JournalEntry(*facts))
    return found


def rows(now: Totals, before: Totals) -> list[list[str]]:
    """The lines of the table, without its headings and its note."""
    found = list(comparison.section(now, Before(before, BEGIN, BEGIN), 80))
    assert found[-1] == "The difference of failures is in percentage points."
    return [line.split() for line in found[2:-1]]


def test_difference() -> None:
    """Counts and times change by a part of what they were, the share of failures by points."""
    found = rows(totals(a=(98, 2, 2560)), totals(a=(200, 0, 2016)))
    assert found[:3] == [
        ["a", "100", "2.0", "%", "2.56", "ms", "2.56", "ms"],
        ["before", "200", "0.0", "%", "2.02", "ms", "2.02", "ms"],
        ["difference", "-50.0", "%", "+2.0", "+27.0", "%", "+27.0", "%"],
    ]
    assert found[3] == ["all", *found[0][1:]]
    assert found[4:] == found[1:3]


def test_new_and_gone() -> None:
    """An endpoint without requests in one period has no difference; many times more is told so."""
    found = rows(totals(new=(2, 0, 1008)), totals(gone=(0, 1, 1008)))
    gone, new, whole = (found[number : number + 3] for number in (0, 3, 6))
    assert gone[0] == ["gone", "0", "-", "-", "-"]
    assert gone[2] == ["difference", "-100.0", "%", "-", "-", "-"]
    assert new[2] == ["difference", "-", "-", "-", "-"]
    assert whole[2] == ["difference", "+100.0", "%", "-100.0", "+0.0", "%", "+0.0", "%"]
    many = rows(totals(a=(5000, 0, 51_200)), totals(a=(5, 0, 1008)))
    assert many[2] == ["difference", "x", "1000", "+0.0", "x", "51", "x", "51"]


def test_no_endpoint() -> None:
    """Requests that no endpoint answered have a row, and count among all."""
    found = rows(unusable(3), totals(a=(1, 0, 1000)))
    assert found[3] == ["no", "endpoint", "3", "100.0", "%", "-", "-"]
    assert found[6][:4] == ["all", "4", "75.0", "%"]
    assert found[8][3] == "+75.0"


def test_incomplete() -> None:
    """If the journal begins later than the period before, the section says so."""
    complete = Before(totals(), BEGIN, BEGIN - 5)
    assert "incomplete" not in "".join(comparison.section(totals(), complete, 80))
    late = Before(totals(), BEGIN, BEGIN + 5)
    assert "The journal begins at " in " ".join(comparison.section(totals(), late, 80))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_width(width: int) -> None:
    """No line is wider than the terminal."""
    long = {"m" * 100: (10**4, 1, 999_999)}
    before = Before(totals(**{"m" * 100: (1, 0, 1)}), BEGIN, BEGIN + 1)
    text = screen.compared(totals(**long), BEGIN, None, before, width)
    assert [line for line in text.splitlines() if len(line) > width] == []
