# SPDX-License-Identifier: MIT
"""Findings for people: what is joined, what is not, and that no problem is lost."""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.checks.condensing import FEW, condensed, problems
from postfix_rest_inetd.admin.checks.finding import ERROR, GOOD, NOTE, WARNING, Finding


def test_the_same() -> None:
    """A finding of several endpoints is told once, with all of their names."""
    names = [f"e{number}" for number in range(7)]
    found = condensed(Finding(ERROR, f"{name}: backend", "is down", "Start it") for name in names)
    assert found == [Finding(ERROR, f"{', '.join(names)}: backend", "is down", "Start it")]


def test_numbers() -> None:
    """Addresses are listed, durations get a span, and a number that is equal stays."""
    found = condensed(
        [
            Finding(NOTE, "a", "status 401 (3 ms), nothing at 127.0.0.1:1"),
            Finding(NOTE, "b", "status 401 (12 ms), nothing at 127.0.0.1:2"),
            Finding(NOTE, "c", "status 401 (5 ms), nothing at 127.0.0.1:2"),
        ]
    )
    what = "status 401 (3 to 12 ms), nothing at 127.0.0.1:1, 127.0.0.1:2"
    assert found == [Finding(NOTE, "a, b, c", what)]


DIFFERENT = {
    "words": (Finding(ERROR, "a", "is not enabled"), Finding(ERROR, "b", "is not active")),
    "two numbers": (Finding(ERROR, "a", "1 of 2"), Finding(ERROR, "b", "2 of 3")),
    "length": (Finding(ERROR, "a", "is 1"), Finding(ERROR, "b", "is 1 now")),
    "advice": (Finding(ERROR, "a", "x", "start a"), Finding(ERROR, "b", "x", "start b")),
    "part": (Finding(ERROR, "a: backend", "x"), Finding(ERROR, "b: socket", "x")),
    "severity": (Finding(WARNING, "a", "x"), Finding(ERROR, "b", "x")),
    "position": (Finding(ERROR, "c.json:1:2", "$[0] x"), Finding(ERROR, "c.json:1:9", "$[1] x")),
    "excerpt": (Finding(ERROR, "a", "x", "", "1"), Finding(ERROR, "b", "x", "", "2")),
}


@pytest.mark.parametrize("pair", DIFFERENT.values(), ids=DIFFERENT)
def test_different(pair: tuple[Finding, Finding]) -> None:
    """What differs in more than that is told twice."""
    assert condensed(pair) == list(pair)


def test_advice() -> None:
    """Neighbours with the same advice have it once, below the last; other findings keep theirs."""
    found = condensed(
        [
            Finding(ERROR, "main.cf: a", "asks x, but nothing listens", "Start it"),
            Finding(ERROR, "main.cf: b", "asks y, but nothing listens", "Start it"),
            Finding(ERROR, "main.cf: c", "is wrong", "Use y"),
            Finding(WARNING, "main.cf: d", "may be wrong", "Use y"),
        ]
    )
    assert [(finding.where[-1], finding.advice) for finding in found] == [
        ("d", "Use y"),
        ("a", ""),
        ("b", "Start it"),
        ("c", "Use y"),
    ]


def test_order() -> None:
    """Good ones come first, in one line if they are many; problems are last, in their order."""
    found = condensed(
        [
            Finding(ERROR, "c", "first"),
            *(Finding(GOOD, f"e{number}", f"listens at {number}") for number in range(FEW + 1)),
            Finding(WARNING, "d", "x"),
            *(Finding(GOOD, f"e{number}: backend", "not found") for number in range(FEW)),
            *(Finding(GOOD, "m: socket", f"for map {number}") for number in range(FEW + 1)),
            Finding(NOTE, "e", "x"),
            Finding(ERROR, "f", "second"),
        ]
    )
    assert [(finding.severity, finding.where, finding.what) for finding in found] == [
        (GOOD, "5 endpoints", "e0, e1, e2, e3, e4"),
        *((GOOD, f"e{number}: backend", "not found") for number in range(FEW)),
        (GOOD, "m: socket", "5 good answers"),
        (NOTE, "e", "x"),
        (WARNING, "d", "x"),
        (ERROR, "c", "first"),
        (ERROR, "f", "second"),
    ]


def test_problems() -> None:
    """Errors and warnings are problems."""
    found = [Finding(severity, "a", "x") for severity in (GOOD, NOTE, WARNING, ERROR)]
    assert [finding.severity for finding in problems(found)] == [WARNING, ERROR]
