# SPDX-License-Identifier: MIT
"""The share of failures that raises an alarm: what can be given, and what exceeds it."""

from __future__ import annotations

from fractions import Fraction

import pytest

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry
from postfix_rest_inetd.admin.statistics.threshold import exceeded, parse
from postfix_rest_inetd.admin.statistics.totals import Totals


def totals(good: int, bad: int, unusable: int = 0) -> Totals:
    """Totals with so many answers, failures, and requests that no endpoint answered."""
    found = Totals()
    for outcome, number in ((model.FOUND, good), (model.TIMEOUT, bad)):
        for _ in range(number):
            facts = (1, "e", model.TCP_LOOKUP, outcome, True, 1, 1, 200, "", ())
            found.add(JournalEntry(*facts))
    if unusable:
        facts = (1, "", "", model.UNUSABLE_CONFIG, False, 0, 0, 0, "", (), unusable)
        found.add(JournalEntry(*facts))
    return found


@pytest.mark.parametrize(
    "text, part",
    [
        ("1%", Fraction(1, 100)),
        ("0%", 0),
        ("0.5 %", Fraction(1, 200)),
        ("99.999%", Fraction(99999, 100_000)),
    ],
)
def test_percentages(text: str, part: Fraction) -> None:
    """A number with a percent sign is taken, and exact."""
    assert parse(text) == part


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1",
        "0.01",
        "%",
        "-1%",
        "100%",
        "1e1%",
        "nan%",
        "inf%",
        "1,5%",
        "1%%",
        "\u0661%",
        "1 %\n",
    ],
)
def test_no_percentages(text: str) -> None:
    """Without the sign, 0.01 could be meant as 1%; what nothing can exceed is not a limit."""
    with pytest.raises(ValueError, match="is not a percentage such as 1% or"):
        parse(text)


@pytest.mark.parametrize(
    "counts, text, told",
    [
        ((0, 0), "0%", ""),
        ((99, 1), "1%", ""),
        ((98, 2), "1%", "2 of 100 requests failed (2.0 %), more than 1 %"),
        ((999, 1), "0%", "1 of 1000 requests failed (0.1 %), more than 0 %"),
        ((6, 3), "33.33%", "3 of 9 requests failed (33.3 %), more than 33.33 %"),
        ((6, 3), "33.34%", ""),
        ((0, 0, 7), "99%", "7 of 7 requests failed (100.0 %), more than 99 %"),
        ((90, 5, 5), "9%", "10 of 100 requests failed (10.0 %), more than 9 %"),
    ],
)
def test_exceeded(counts: tuple[int, ...], text: str, told: str) -> None:
    """The limit itself is allowed; requests that no endpoint answered have failed."""
    assert exceeded(totals(*counts), parse(text)) == told
