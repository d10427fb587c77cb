# SPDX-License-Identifier: MIT
"""The exact targets of budgets.py: instructions and memory, on Debian 13, are not exceeded.

tests/bench/instructions and tests/bench/run show more. When a target is missed, first see whether
Debian has updated Python or urllib3 in .containers/bench-trixie.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from bench import measure
from bench.budgets import TARGETS, Target, verdicts
from bench.client import Client
from bench.machine import machine
from bench.subjects import TCP

from harness.container import why_impossible

CHECKOUT = Path(__file__).parents[2]
EXACT = [target for target in TARGETS if target.exact]

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


@pytest.mark.parametrize("target", EXACT, ids=lambda target: target.name)
def test_budget(results: dict[str, Any], target: Target) -> None:
    """A handler costs no more than its target allows."""
    (verdict,) = [each for each in verdicts(results) if each.target is target]
    assert verdict.met, f"{target.about}: {verdict.value:.2f} {target.unit}, not {target.limit}"
