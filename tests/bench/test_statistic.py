# SPDX-License-Identifier: MIT
"""The summaries of measured times."""

from __future__ import annotations

import math
from typing import Any

import pytest
from bench.budgets import BUDGETS, Budget, Verdict, verdicts
from bench.statistic import ratio, summary, tail


@pytest.mark.parametrize(
    "count, names",
    [(2, ["p50"]), (99, ["p50"]), (100, ["p50", "p95"]), (1000, ["p50", "p95", "p99"])],
)
def test_percentiles_need_samples(count: int, names: list[str]) -> None:
    """A percentile is told where enough samples lie beyond it, and not before."""
    assert list(summary(range(count))) == ["n", "min", *names]


def test_percentiles() -> None:
    """They are those of the samples, in whatever order these came."""
    result = summary([*range(500, 1001), *range(500)])
    assert result == {"n": 1001, "min": 0, "p50": 500, "p95": 950, "p99": 990}


def test_ratio() -> None:
    """A round that was disturbed does not count, nor that the machine grows slower."""
    ours = [2.0, 2.0, 40.0, 40.0, 800.0, 999.0]
    theirs = [1.0, 1.0, 20.0, 20.0, 30.0, 31.0]
    assert ratio(ours, theirs, 2) == 2


def test_ratio_of_unequal_runs() -> None:
    """Rounds that were not measured together are not compared."""
    with pytest.raises(AssertionError, match="together"):
        ratio([1.0, 1.0, 1.0], [1.0], 1)


def test_tail() -> None:
    """Rounds that were disturbed do not count, as long as one in four was not."""
    calm, rough = [1.0] * 98 + [3.0] * 2, [1.0] * 98 + [90.0] * 2
    assert math.isclose(tail([*rough, *calm, *rough, *calm, *rough], 100), 3)
    assert tail([*rough, *rough, *rough, *rough, *calm], 100) > 3


@pytest.mark.parametrize("budget", BUDGETS, ids=lambda budget: budget.name)
def test_verdicts(budget: Budget) -> None:
    """Targets and ceilings are kept up to their value and not beyond."""

    def judged(value: float) -> Verdict:
        results: Any = value
        for part in reversed(budget.name.split("/")):
            results = {part: results}
        (verdict,) = verdicts(results)
        return verdict

    assert judged(budget.target).met
    assert not judged(budget.target + 0.01).met
    if budget.ceiling is not None:
        assert budget.ceiling <= budget.target
        assert judged(budget.ceiling).kept
        assert not judged(budget.ceiling + 0.01).kept


def test_no_verdict() -> None:
    """What was not measured is not judged."""
    assert verdicts({"instructions": {"other": 1}, "memory": 2}) == []
