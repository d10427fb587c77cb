# SPDX-License-Identifier: MIT
"""The end of a run of a target."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from fuzz import inputs

_MOST_SHOWN = 2000


class Outcome(NamedTuple):
    """What a run of a target has found."""

    engine: str
    executions: int
    report: str = ""
    """What is broken, with a traceback; empty if nothing is."""
    input: Path | None = None
    """The file with the input that broke it."""

    def explanation(self, target: str) -> str:
        """The report, the input as a line for a file of seeds, and how to try it again."""
        if self.input is None:
            return self.report
        data = self.input.read_bytes()
        return (
            f"{self.report}\n{len(data)} bytes: {inputs.escaped(data)[:_MOST_SHOWN]}\n"
            f"Again: tests/fuzz/run {target} {self.input}"
        )
