# SPDX-License-Identifier: MIT
"""Any config.json is used or refused in bounded time, and with a bounded text.

Calls are counted, not seconds: a file of twice the size costs at most two and a half times as many.
What the C code of one call does is not seen by that, so instructions are counted as well, of all
kinds of files together.
"""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.large_configs import KINDS, document, outcome
from postfix_rest_inetd.config import loading, problems

CHECKOUT = Path(__file__).parents[3]
KIB = 1024


def calls(content: str) -> int:
    """How many calls the reading of a file takes, of functions in Python and in C."""
    count = 0

    def profile(_frame: object, event: str, _argument: object) -> None:
        nonlocal count
        count += event in ("call", "c_call")

    outcome(content)  # what is imported is imported
    sys.setprofile(profile)
    try:
        outcome(content)
    finally:
        sys.setprofile(None)
    return count


@pytest.mark.parametrize("kind", KINDS)
def test_calls(kind: str) -> None:
    """Twice the size is no more than two and a half times the work."""
    small, large = (calls(KINDS[kind](size)) for size in (32 * KIB, 64 * KIB))
    assert large <= 2.5 * small
    # A character of a header's name takes a few.
    assert large <= 5 * 64 * KIB


@pytest.mark.parametrize("kind", KINDS)
def test_text(kind: str) -> None:
    """What is told of the largest file fits the journal, and says how much is left out."""
    found = outcome(KINDS[kind](loading.MAX_CONFIG_BYTES - 200))
    assert len(found) <= problems.MAX_PROBLEMS + 1
    assert all(len(path) <= 301 and len(text) <= 301 for path, text in found)


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
    """So it is with instructions, which also count what is copied or searched in one call."""
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


def test_more_problems() -> None:
    """The first problems are told, and how many more there are."""
    found = outcome(json.dumps({"endpoints": [1] * 60}))
    assert found[:50] == [(f"$.endpoints[{index}]", "must be an object") for index in range(50)]
    assert found[50:] == [("", "and 10 more problems")]
    assert len(outcome(json.dumps({"endpoints": [1] * 50}))) == 50
    assert outcome(json.dumps({"endpoints": [1] * 51}))[50] == ("", "and 1 more problem")


@pytest.mark.parametrize(
    "fields, most",
    [
        ({"headers": {f"X-{number}": "" for number in range(101)}}, 100),
        ({"temporary_statuses": [404] * 101}, 100),
        ({"allowed_actions": [f"a{number}" for number in range(1001)]}, 1000),
    ],
)
def test_counts(fields: dict, most: int) -> None:
    """Each list has a largest length; one more is told as that."""
    ((path, text),) = outcome(document(**fields))
    assert path.startswith("$.endpoints[0].")
    assert text in (
        f"has {most + 1} headers, and may have {most}",
        f"has {most + 1} entries, and may have {most}",
    )
    ((name, value),) = fields.items()
    fewer = dict(list(value.items())[:most]) if isinstance(value, dict) else value[:most]
    assert outcome(document(**{name: fewer})) == []


def test_endpoint_count() -> None:
    """A thousand endpoints are taken, and their addresses are compared."""
    entry = json.loads(document())["endpoints"][0]
    entries = [{**entry, "bind-port": 10_000 + number} for number in range(1001)]
    assert outcome(json.dumps({"endpoints": entries[:1000]})) == []
    told = [("$.endpoints", "has 1001 entries, and may have 1000")]
    assert outcome(json.dumps({"endpoints": entries})) == told
