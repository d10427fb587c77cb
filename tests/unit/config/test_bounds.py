# SPDX-License-Identifier: MIT
"""Any config.json is used or refused in bounded time, and with a bounded text.

Calls are counted, not seconds: a file of twice the size costs at most two and a half times as many.
What the C code of one call does is not seen by that: tests/bench/test_large_configs.py counts it.
"""

from __future__ import annotations

import json
import sys

import pytest

from harness.large_configs import KINDS, document, outcome
from postfix_rest_inetd.config import loading, problems

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
