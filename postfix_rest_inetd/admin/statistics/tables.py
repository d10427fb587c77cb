# SPDX-License-Identifier: MIT
"""Sections of the report that are tables: endpoints, targets, sources of answers, starts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.histogram import ERROR, PERCENTILES
from postfix_rest_inetd.admin.statistics.journal_entry import COLD, SOURCES, WOKEN
from postfix_rest_inetd.admin.statistics.layout import NAME_WIDTH, cut
from postfix_rest_inetd.admin.ui.draw import duration, share
from postfix_rest_inetd.admin.ui.terminal import BAD, DOUBTFUL, LABEL, painted
from postfix_rest_inetd.admin.ui.wrap import WIDTH
from postfix_rest_inetd.log_entry import BACKEND, STALE, STORED
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.statistics.histogram import Histogram
    from postfix_rest_inetd.admin.statistics.totals import EndpointTotals, Totals


def endpoints(totals: Totals) -> Iterator[str]:
    """Requests, failures and latencies of each endpoint, and the backend's part of them."""
    columns = "".join(f"{text:>9}" for text in ("requests", "failed"))
    yield painted(f"{'endpoint':{NAME_WIDTH}}{columns}{_names()}", LABEL)
    for (name, mode), endpoint in sorted(totals.endpoints.items()):
        yield from _endpoint(name, mode, endpoint)
    yield painted(f"Percentiles are off by at most {ERROR:.1%}; the maximum is exact.", LABEL)


def targets(totals: Totals) -> Iterator[str]:
    """Requests and failures of each target of the endpoints that have several."""
    columns = "".join(f"{text:>9}" for text in ("requests", "failed", "instead"))
    yield painted(f"{'targets':{WIDTH - 27}}{columns}", LABEL)
    for (name, _), endpoint in sorted(totals.endpoints.items()):
        for origin, target in sorted(endpoint.targets.all.items()):
            failed = f"{target.failures:9}"
            yield (
                f"{cut(f'{name}: {origin}', WIDTH - 28):{WIDTH - 27}}{target.requests:9}"
                + (painted(failed, BAD) if target.failures else failed)
                + f"{target.instead:9}"
            )
    yield painted("The target that was asked last; instead: after another one had failed.", LABEL)


def sources(totals: Totals) -> Iterator[str]:
    """Where the answers of each endpoint came from, if its answers can be stored."""
    columns = "".join(f"{text:>9}" for text in (*SOURCES, "hit rate"))
    yield painted(f"{'answers from':{NAME_WIDTH}}{columns}", LABEL)
    for (name, mode), endpoint in sorted(totals.endpoints.items()):
        counts = endpoint.sources.counts
        if mode and not is_lookup(mode):
            continue
        stale = f"{counts[STALE]:9}"
        yield (
            f"{cut(name, NAME_WIDTH):{NAME_WIDTH}}{counts[BACKEND]:9}{counts[STORED]:9}"
            + (painted(stale, DOUBTFUL) if counts[STALE] else stale)
            + f"{share(counts[STORED], endpoint.requests):>9}"
        )
    yield painted("Failed requests count for the backend; stale answers are not hits.", LABEL)


def starts(totals: Totals) -> Iterator[str]:
    """How long handlers took to be ready for their first request."""
    yield painted(f"{'handlers':{NAME_WIDTH}}{'requests':>9}{'':9}{_names()}", LABEL)
    for kind, label in ((COLD, "started for one"), (WOKEN, "woken for one")):
        histogram = totals.starts[kind]
        if histogram.count:
            part = share(histogram.count, totals.requests)
            yield f"  {label:{NAME_WIDTH - 2}}{histogram.count:9}{part:>9}{_times(histogram)}"
    yield painted("These times come before the latency: Postfix waits for both.", LABEL)


def _endpoint(name: str, mode: str, endpoint: EndpointTotals) -> Iterator[str]:
    failed = f"{endpoint.failures:9}"
    yield (
        f"{cut(name, NAME_WIDTH):{NAME_WIDTH}}{endpoint.requests:9}"
        + (painted(failed, BAD) if endpoint.failures else failed)
        + _times(endpoint.elapsed)
    )
    label = f"  {mode or 'mixed'}"
    yield painted(f"{label:{NAME_WIDTH}}{'the backend':>18}{_times(endpoint.backend)}", LABEL)


def _names() -> str:
    """The heading of what `_times` shows."""
    return "".join(f"{name:>9}" for name in (*(name for name, _ in PERCENTILES), "max"))


def _times(histogram: Histogram) -> str:
    if not histogram.count:
        return f"{'-':>9}" * (len(PERCENTILES) + 1)
    times = [histogram.percentile(part) for _, part in PERCENTILES] + [histogram.largest]
    return "".join(f"{duration(usec):>9}" for usec in times)
