# SPDX-License-Identifier: MIT
"""Each target holds for its seeds, and for a fixed number of other inputs that an engine makes.

The same inputs in each run: the seed of the engine does not change. Longer, and with other inputs:
tests/fuzz/run. What is executed, and by which engine, is printed:

    [fuzz] actions: 200000 executions by atheris

The counts are for at most eight seconds each on a quiet machine. Where hypothesis takes the place
of atheris, it says why, and executes fewer.
"""

from __future__ import annotations

import os
import sys

import pytest

from fuzz import by_atheris, by_hypothesis, inputs
from fuzz.counts import EXECUTIONS, PART_OF_HYPOTHESIS

WHY_NOT = by_atheris.missing()


def tell(capfd: pytest.CaptureFixture[str], line: str) -> None:
    """Print a line that is seen although the test passes, also by a worker of pytest-xdist."""
    with capfd.disabled():
        os.write(sys.__stderr__.fileno(), f"\n[fuzz] {line}\n".encode())


def test_every_target_has_its_files() -> None:
    """A target has a count, seeds and a dictionary, and nothing else has."""
    names = set(inputs.targets())
    assert set(EXECUTIONS) == names
    assert {path.name for path in (inputs.HERE / "seeds").iterdir()} == names
    assert {path.stem for path in inputs.HERE.glob("*.dict")} == names
    for name in names:
        assert len(inputs.seeds(name)) >= 5
        assert len(inputs.tokens(name)) >= 5


@pytest.mark.parametrize("data", [b"", bytes(range(256)), b"# \\x41\\ \n", b"#", b" "])
def test_escapes(data: bytes) -> None:
    """Any bytes can be written in a file of seeds."""
    line = inputs.escaped(data)
    assert line.isascii()
    assert "\n" not in line
    assert line == line.rstrip()
    assert not line.startswith("#")
    assert inputs.unescaped(line) == data


@pytest.mark.timeout(1800)
@pytest.mark.parametrize("target", inputs.targets())
def test_target(target: str, capfd: pytest.CaptureFixture[str]) -> None:
    """No input breaks the invariant on the first line of the target."""
    if WHY_NOT:
        executions = max(1, EXECUTIONS[target] // PART_OF_HYPOTHESIS)
        outcome = by_hypothesis.run(target, executions=executions)
        why = f", as atheris cannot be used: {WHY_NOT}"
    else:
        outcome = by_atheris.run(target, executions=EXECUTIONS[target])
        why = ""
    tell(capfd, f"{target}: {outcome.executions} executions by {outcome.engine}{why}")
    if outcome.report:
        pytest.fail(outcome.explanation(target), pytrace=False)
    if not WHY_NOT:
        assert outcome.executions >= EXECUTIONS[target]
