# SPDX-License-Identifier: MIT
"""Sections of the report that are tables: endpoints, targets, sources of answers, starts.

Where a line has no room for all percentiles, the table has the first and the last one.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.histogram import ERROR, PERCENTILES
from postfix_rest_inetd.admin.statistics.journal_entry import COLD, SOURCES, WOKEN
from postfix_rest_inetd.admin.statistics.layout import NAME_WIDTH, name_width, notes
from postfix_rest_inetd.admin.ui.draw import duration, share
from postfix_rest_inetd.admin.ui.terminal import BAD, DOUBTFUL, LABEL, painted
from postfix_rest_inetd.admin.ui.wrap import cut
from postfix_rest_inetd.log_entry import BACKEND, STALE, STORED
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.statistics.histogram import Histogram
    from postfix_rest_inetd.admin.statistics.totals import EndpointTotals, Totals

COLUMN = 9  # the width of a number


def endpoints(totals: Totals, width: int) -> Iterator[str]:
    """Requests, failures and latencies of each endpoint, and the backend's part of them."""
    shown = _percentiles(width)
    names = [name for name, _ in totals.endpoints]
    first = name_width(names, width - COLUMN * (3 + len(shown)))
    yield painted(f"{'endpoint':{first}}{columns('requests', 'failed')}{_names(shown)}", LABEL)
    for (name, mode), endpoint in sorted(totals.endpoints.items()):
        yield from _endpoint(name, mode, endpoint, first, shown)
    yield from notes(f"Percentiles are off by at most {ERROR:.1%}; the maximum is exact.", width)


def targets(totals: Totals, width: int) -> Iterator[str]:
    """Requests and failures of each target of the endpoints that have several."""
    rows = [
        (f"{name}: {origin}", target)
        for (name, _), endpoint in sorted(totals.endpoints.items())
        for origin, target in sorted(endpoint.targets.all.items())
    ]
    first = name_width([text for text, _ in rows], width - COLUMN * 3)
    yield painted(f"{'targets':{first}}{columns('requests', 'failed', 'instead')}", LABEL)
    for text, target in rows:
        failed = f"{target.failures:{COLUMN}}"
        yield (
            f"{cut(text, first - 1):{first}}{target.requests:{COLUMN}}"
            + (painted(failed, BAD) if target.failures else failed)
            + f"{target.instead:{COLUMN}}"
        )
    text = "The target that was asked last; instead: after another one had failed."
    yield from notes(text, width)


def sources(totals: Totals, width: int) -> Iterator[str]:
    """Where the answers of each endpoint came from, if its answers can be stored."""
    rows = [
        (name, endpoint)
        for (name, mode), endpoint in sorted(totals.endpoints.items())
        if not mode or is_lookup(mode)
    ]
    first = name_width([name for name, _ in rows], width - COLUMN * (len(SOURCES) + 1))
    yield painted(f"{'answers from':{first}}{columns(*SOURCES, 'hit rate')}", LABEL)
    for name, endpoint in rows:
        counts = endpoint.sources.counts
        stale = f"{counts[STALE]:{COLUMN}}"
        yield (
            f"{cut(name, first - 1):{first}}{counts[BACKEND]:{COLUMN}}{counts[STORED]:{COLUMN}}"
            + (painted(stale, DOUBTFUL) if counts[STALE] else stale)
            + columns(share(counts[STORED], endpoint.requests))
        )
    text = "Failed requests count for the backend; stale answers are not hits."
    yield from notes(text, width)


def starts(totals: Totals, width: int) -> Iterator[str]:
    """How long handlers took to be ready for their first request."""
    shown = _percentiles(width)
    first = min(NAME_WIDTH, width - COLUMN * (3 + len(shown)))
    yield painted(f"{'handlers':{first}}{columns('requests', '')}{_names(shown)}", LABEL)
    for kind, label in ((COLD, "  started for one"), (WOKEN, "  woken for one")):
        histogram = totals.starts[kind]
        if histogram.count:
            part = share(histogram.count, totals.requests)
            count = f"{histogram.count:{first + COLUMN - len(label)}}"
            yield f"{label}{count}{columns(part)}{_times(histogram, shown)}"
    yield from notes("These times come before the latency: Postfix waits for both.", width)


def columns(*texts: str) -> str:
    """Texts, each at the right of its column."""
    return "".join(f"{text:>{COLUMN}}" for text in texts)


def _endpoint(
    name: str, mode: str, endpoint: EndpointTotals, first: int, shown: list[tuple[str, float]]
) -> Iterator[str]:
    failed = f"{endpoint.failures:{COLUMN}}"
    yield (
        f"{cut(name, first - 1):{first}}{endpoint.requests:{COLUMN}}"
        + (painted(failed, BAD) if endpoint.failures else failed)
        + _times(endpoint.elapsed, shown)
    )
    label = f"  {mode or 'mixed'}"
    backend = f"{'the backend':>{first + 2 * COLUMN - len(label)}}"
    yield painted(f"{label}{backend}{_times(endpoint.backend, shown)}", LABEL)


def _percentiles(width: int) -> list[tuple[str, float]]:
    """Those that a line has room for."""
    has_room = width >= NAME_WIDTH + COLUMN * (3 + len(PERCENTILES))
    return list(PERCENTILES) if has_room else [PERCENTILES[0], PERCENTILES[-1]]


def _names(shown: list[tuple[str, float]]) -> str:
    """The heading of what `_times` shows."""
    return columns(*(name for name, _ in shown), "max")


def _times(histogram: Histogram, shown: list[tuple[str, float]]) -> str:
    if not histogram.count:
        return columns("-") * (len(shown) + 1)
    times = [histogram.percentile(part) for _, part in shown] + [histogram.largest]
    return columns(*map(duration, times))
