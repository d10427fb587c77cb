# SPDX-License-Identifier: MIT
"""Summaries of measured times.

A percentile needs samples beyond it to mean something: p95 is given from 100 samples on, p99 from
1000. Ratios and tails are formed from rounds: in each, all that is compared has been measured at
about the same time. Whatever else the machine does only adds, so of the rounds' values the lower
quartile counts.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence

_PERCENTILES = {"p50": 1, "p95": 100, "p99": 1000}


def summary(samples: Sequence[float]) -> dict[str, float]:
    """Number, minimum and percentiles of SAMPLES (p50 has no need for many)."""
    result: dict[str, float] = {"n": len(samples), "min": min(samples)}
    cuts = _percentiles(samples)
    for name, needed in _PERCENTILES.items():
        if len(samples) >= needed:
            result[name] = cuts[int(name[1:]) - 1]
    return result


def batches(samples: Sequence[float], size: int) -> list[Sequence[float]]:
    """SAMPLES in rounds of SIZE."""
    return [samples[start : start + size] for start in range(0, len(samples), size)]


def ratio(ours: Sequence[float], theirs: Sequence[float], batch: int) -> float:
    """How many times as long OURS take as THEIRS, by the medians of rounds of BATCH samples."""
    assert len(ours) == len(theirs), "these were not measured together"
    ours_calm, theirs_calm = (
        _calm([statistics.median(each) for each in batches(samples, batch)])
        for samples in (ours, theirs)
    )
    return ours_calm / theirs_calm


def tail(samples: Sequence[float], batch: int) -> float:
    """p99 of p50, of rounds of BATCH samples."""
    rounds = [_percentiles(each) for each in batches(samples, batch)]
    return _calm([cuts[98] / cuts[49] for cuts in rounds])


def _calm(values: Sequence[float]) -> float:
    return sorted(values)[len(values) // 4]


def _percentiles(samples: Sequence[float]) -> list[float]:
    return statistics.quantiles(samples, n=100, method="inclusive")
