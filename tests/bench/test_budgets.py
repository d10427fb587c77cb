# SPDX-License-Identifier: MIT
"""What is exact in budgets.py: instructions and memory, on Debian 13, stay below their ceilings.

tests/bench/instructions and tests/bench/run show more. When a ceiling is broken by nothing of ours,
see whether Debian has updated Python or urllib3 in .containers/bench-trixie.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from bench import measure
from bench.budgets import BUDGETS, Budget, verdicts
from bench.client import Client
from bench.machine import machine
from bench.subjects import TCP

from harness.container import why_impossible

CHECKOUT = Path(__file__).parents[2]
EXACT = [budget for budget in BUDGETS if budget.ceiling is not None]

# The first test waits for the machine to be built, and for all there is to be measured.
pytestmark = pytest.mark.timeout(120, func_only=True)


@pytest.fixture(scope="module")
def results() -> dict[str, Any]:
    """What was measured."""
    reason = why_impossible()
    if reason:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    with machine(CHECKOUT) as container:
        found = {"instructions": measure.instructions(container, measure.QUICK)}
        with Client(container) as client:
            found["memory"] = measure.states(container, client, TCP)
    return found


@pytest.mark.parametrize("budget", EXACT, ids=lambda budget: budget.name)
def test_ceiling(results: dict[str, Any], budget: Budget) -> None:
    """A handler costs no more than it did, and no more than the target."""
    (verdict,) = [each for each in verdicts(results) if each.budget is budget]
    said = f"{budget.about}: {verdict.value:.2f} {budget.unit}, the ceiling is {budget.ceiling}"
    assert verdict.kept, said
    assert verdict.met, said
