# SPDX-License-Identifier: MIT
"""Summaries of measured times.

A percentile needs samples beyond it to mean something: p95 is given from 100 samples on, p99 from
1000. Ratios are formed round by round, from medians taken at about the same time, so that whatever
else the machine does meanwhile is on both sides; the median of these ratios is what is told. To a
tail other work only adds, and it is in one term alone: so it is the lower quartile of the rounds'.
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
    """How many times as long OURS take as THEIRS, both in rounds of BATCH samples."""
    pairs = zip(batches(ours, batch), batches(theirs, batch), strict=True)
    return statistics.median(statistics.median(a) / statistics.median(b) for a, b in pairs)


def tail(samples: Sequence[float], batch: int) -> float:
    """p99 of p50, the lower quartile of the rounds'."""
    rounds = [_percentiles(each) for each in batches(samples, batch)]
    return _percentiles([cuts[98] / cuts[49] for cuts in rounds])[24]


def _percentiles(samples: Sequence[float]) -> list[float]:
    return statistics.quantiles(samples, n=100, method="inclusive")
