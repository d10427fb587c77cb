# SPDX-License-Identifier: MIT
"""What the product may cost, at most, on Debian 13 with its packages of Python and urllib3.

A target is what was set out for. Where the costs are exact, the same on every machine, busy or not,
there is a ceiling too, 4 % above what has been reached: a change that costs more than that fails a
test (test_budgets.py). If it is worth it, or Debian's packages cost more than they did, the ceiling
is raised by a commit that says so. Ratios are between what is measured in one run in turn; they
need a machine that does nothing else, and tests/bench/run tells whether they are met.
"""

from __future__ import annotations

from typing import NamedTuple


class Budget(NamedTuple):
    """`name` is where the measured value stands in the results, with a slash for each level."""

    name: str
    unit: str
    about: str
    target: float
    ceiling: float | None = None


BUDGETS = (
    Budget("instructions/http", "M", "instructions to first reply, http backend", 125, 125),
    Budget("instructions/https", "M", "instructions to first reply, https, verified", 265, 171),
    Budget("instructions/silent", "M", "instructions when nothing is sent", 40, 32.5),
    Budget(
        "instructions/unusable-config",
        "M",
        "instructions to first reply, config unusable",
        75,
        64,
    ),
    Budget("instructions/wake", "M", "instructions to first reply after hibernation", 205, 125.5),
    Budget("instructions/lookup/http", "k", "instructions of a lookup, open connection", 350, 345),
    Budget("instructions/hit", "M", "instructions to first reply, stored answer", 75, 52.4),
    Budget("instructions/in_all/hit", "M", "the same with the journal entry, to its end", 75, 53.8),
    Budget("instructions/https-hit", "M", "instructions to first reply, stored, https", 75, 52.4),
    Budget("instructions/stale", "M", "instructions to first reply, backend down", 75, 53.2),
    Budget("instructions/miss", "M", "instructions to first reply, not stored yet", 135, 129),
    Budget("instructions/first-miss", "M", "the same, nothing stored yet", 135, 125.5),
    # 150 was set out for. 48 are for the journal, and 25 for judging the response by the present
    # configuration.
    Budget("instructions/lookup/hit", "k", "instructions of a stored answer, warm", 216, 216),
    Budget("memory/tcp/waiting/private_dirty", "MB", "private memory before a request", 4, 2.81),
    Budget("memory/tcp/asked/private_dirty", "MB", "private memory after a request", 8.5, 7.14),
    Budget("memory/tcp/hibernating/private_dirty", "MB", "private memory hibernating", 3.5, 2.81),
    Budget("ratios/cold", "x", "connect to first reply, of a bare python's", 2.5),
    Budget("ratios/cold_hit", "x", "the same for a stored answer", 1.3),
    Budget("ratios/warm", "x", "warm lookup, of a plain urllib3 loop's", 0.85),
    Budget("ratios/warm_tail", "x", "warm lookup, p99 of its p50", 1.6),
    Budget("ratios/stale", "x", "stale answers, backend down, of fresh ones' time", 1.11),
)


class Verdict(NamedTuple):
    """A budget and what was measured."""

    budget: Budget
    value: float

    @property
    def met(self) -> bool:
        """Whether the target is."""
        return self.value <= self.budget.target

    @property
    def kept(self) -> bool:
        """Whether the value is below the ceiling."""
        return self.budget.ceiling is None or self.value <= self.budget.ceiling


def verdicts(results: dict) -> list[Verdict]:
    """The budgets for which RESULTS have a value."""
    found = []
    for budget in BUDGETS:
        value = results
        for part in budget.name.split("/"):
            value = value.get(part) if isinstance(value, dict) else None
        if value is not None:
            found.append(Verdict(budget, value))
    return found
