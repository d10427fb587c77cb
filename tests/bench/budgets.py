# SPDX-License-Identifier: MIT
"""What the product may cost, at most, on Debian 13 with its packages of Python and urllib3.

Targets that are exact hold on every machine, busy or not, and are tests (test_budgets.py): a change
that misses one fails. The others are ratios between what is measured in one run in turn; they need
a machine that does nothing else, and tests/bench/run tells whether they are met.
"""

from __future__ import annotations

from typing import NamedTuple


class Target(NamedTuple):
    """`name` is where the measured value stands in the results, with a slash for each level."""

    name: str
    limit: float
    unit: str
    about: str
    exact: bool = True


TARGETS = (
    Target("instructions/http", 205, "M", "instructions to the first reply, backend by http"),
    Target("instructions/https", 265, "M", "the same, by https with a verified certificate"),
    Target("instructions/silent", 40, "M", "instructions when the client sends nothing"),
    Target("instructions/unusable-config", 75, "M", "to the first reply, config unusable"),
    Target("memory/tcp/waiting/private_dirty", 4.0, "MB", "private memory before a request"),
    Target("memory/tcp/asked/private_dirty", 8.5, "MB", "after a request"),
    Target("memory/tcp/hibernating/private_dirty", 3.5, "MB", "hibernating"),
    Target("ratios/cold", 2.5, "x", "connect to reply, of a bare python handler's", exact=False),
    Target("ratios/warm", 0.85, "x", "warm lookup, of a plain urllib3 loop's", exact=False),
    Target("ratios/warm_tail", 1.6, "x", "warm lookup, p99 of its p50", exact=False),
)


class Verdict(NamedTuple):
    """A target and what was measured."""

    target: Target
    value: float

    @property
    def met(self) -> bool:
        """Whether it is."""
        return self.value <= self.target.limit


def verdicts(results: dict) -> list[Verdict]:
    """The targets for which RESULTS have a value."""
    found = []
    for target in TARGETS:
        value = results
        for part in target.name.split("/"):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            found.append(Verdict(target, value))
    return found
