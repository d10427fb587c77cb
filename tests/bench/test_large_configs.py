# SPDX-License-Identifier: MIT
"""The instructions that a large config.json takes grow with its size, and no faster.

tests/unit/config/test_bounds.py counts calls, in every environment. This counts what the C code of
a call copies or searches as well, of all kinds of files together, once.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

CHECKOUT = Path(__file__).parents[2]
KIB = 1024

RUN = """
import sys
sys.path[:0] = sys.argv[1:3]
from harness.large_configs import KINDS, outcome
for kind in KINDS.values():
    outcome(kind(int(sys.argv[3])))
"""


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
@pytest.mark.timeout(300)
def test_instructions(tmp_path: Path) -> None:
    """Twice the size is no more than two and a half times the work."""
    costs = []
    for size in (1, 32 * KIB, 64 * KIB):
        out = tmp_path / str(size)
        valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
        program = [sys.executable, "-c", RUN, str(CHECKOUT), str(CHECKOUT / "tests"), str(size)]
        subprocess.run([*valgrind, *program], check=True, timeout=280, capture_output=True)
        (total,) = (line for line in out.read_text().splitlines() if line.startswith("totals:"))
        costs.append(int(total.split()[1]))
    nothing, small, large = costs
    assert large - nothing <= 2.5 * (small - nothing)
