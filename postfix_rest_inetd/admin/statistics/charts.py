# SPDX-License-Identifier: MIT
"""Sections of the report that are charts: outcomes, latencies, and the timeline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.journal_entry import GOOD_OUTCOMES, OUTCOMES
from postfix_rest_inetd.admin.statistics.layout import NAME_WIDTH
from postfix_rest_inetd.admin.ui.draw import bar, chart, length, moment, share
from postfix_rest_inetd.admin.ui.terminal import BAD, DOUBTFUL, GOOD, LABEL, TITLE, WIRE, painted

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.statistics.totals import Totals

CHART_HEIGHT = 4
_BESIDE_BAR = NAME_WIDTH + 9 + 11

# 1, 2, 5, 10, ... in microseconds, from a tenth of a millisecond on.
_STEPS_USEC = [step * 10**power for power in range(2, 8) for step in (1, 2, 5)]


def outcomes(totals: Totals, width: int) -> Iterator[str]:
    """A bar for each outcome."""
    counts = totals.outcomes()
    yield painted("outcomes", TITLE)
    for outcome in OUTCOMES:
        if counts[outcome]:
            style = GOOD if outcome in GOOD_OUTCOMES else BAD
            drawn = painted(bar(counts[outcome], totals.requests, width - _BESIDE_BAR), style)
            yield _bar_line(outcome, counts[outcome], totals.requests, drawn)


def latency(totals: Totals, width: int) -> Iterator[str]:
    """A bar for each of 1, 2, 5, 10, ... ms; a bucket counts where its middle is."""
    histogram = totals.elapsed()
    counts = [0] * (len(_STEPS_USEC) + 1)
    for low, high, count in histogram.ranges():
        middle = (low + high) // 2
        counts[sum(step < middle for step in _STEPS_USEC)] += count
    used = [index for index, count in enumerate(counts) if count]
    yield painted("latency, from the request to the reply", TITLE)
    for index in range(used[0], used[-1] + 1):
        if index == len(_STEPS_USEC):
            label = f"more than {_round(_STEPS_USEC[-1])}"
        else:
            label = f"up to {_round(_STEPS_USEC[index])}"
        drawn = painted(bar(counts[index], max(counts), width - _BESIDE_BAR), WIRE)
        yield _bar_line(label, counts[index], histogram.count, drawn)


def timeline(totals: Totals, width: int) -> Iterator[str]:
    """Requests over time and, if there were any, failures and stale answers."""
    begin, seconds, columns = totals.timeline.columns(width - 12)
    requests, failures, stale = zip(*columns, strict=True)
    yield painted(f"timeline, {length(seconds)} a column", TITLE)
    for number, line in enumerate(chart(requests, CHART_HEIGHT)):
        label = f"{max(requests):10} " if number == 0 else " " * 11
        yield painted(label, LABEL) + painted(line, WIRE)
    for counts, word, style in ((failures, "failed", BAD), (stale, "stale", DOUBTFUL)):
        if any(counts):
            worst = f"{max(counts)} {word}"
            yield painted(f"{worst:>10} ", LABEL) + painted(chart(counts, 1)[0], style)
    first, last = moment(begin), moment(begin + seconds * len(columns))
    gap = max(2, len(columns) - len(first) - len(last))
    yield painted(f"{'':11}{first}{'':{gap}}{last}", LABEL)


def _bar_line(label: str, count: int, whole: int, drawn: str) -> str:
    return f"  {label:{NAME_WIDTH - 2}}{count:9}{share(count, whole):>10} {drawn}".rstrip()


def _round(usec: int) -> str:
    for unit, size in (("s", 1_000_000), ("ms", 1000)):
        if usec >= size:
            return f"{usec // size} {unit}"
    return f"{usec} us"
