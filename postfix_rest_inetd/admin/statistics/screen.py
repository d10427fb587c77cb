# SPDX-License-Identifier: MIT
"""The report of `stats` for people, in sections, with colour on a terminal only.

`tables`, `charts` and `rankings` have its sections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics import charts, comparison, rankings, tables
from postfix_rest_inetd.admin.statistics.totals import KINDS
from postfix_rest_inetd.admin.ui.draw import length, moment, share
from postfix_rest_inetd.admin.ui.sections import Section, text_of
from postfix_rest_inetd.admin.ui.terminal import BAD, DOUBTFUL, GOOD, TITLE, painted
from postfix_rest_inetd.admin.ui.wrap import WIDTH, wrapped
from postfix_rest_inetd.log_entry import STALE, STORED
from postfix_rest_inetd.model import BROKEN_REQUEST, INTERNAL_ERROR, UNUSABLE_CONFIG

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from postfix_rest_inetd.admin.statistics.comparison import Before
    from postfix_rest_inetd.admin.statistics.sources import Sources
    from postfix_rest_inetd.admin.statistics.totals import Totals

_OTHERS = {
    BROKEN_REQUEST: "Broken requests, answered without a backend",
    UNUSABLE_CONFIG: "Temporary errors because the configuration could not be used",
    INTERNAL_ERROR: "Internal errors of handlers",
}


def report(totals: Totals, since: float | None, until: float | None, width: int = WIDTH) -> str:
    """The whole report."""
    return text_of(sections(totals, since, until, width))


def compared(
    totals: Totals, since: float | None, until: float | None, before: Before, width: int = WIDTH
) -> str:
    """The comparison with the period before, and no other section."""
    summary, *_ = sections(totals, since, until, width)
    lines = list(comparison.section(totals, before, width))
    return text_of([summary, Section("comparison", lines)])


def sections(
    totals: Totals, since: float | None, until: float | None, width: int
) -> Iterator[Section]:
    """The parts of the report: first what the others add up to."""
    yield Section("summary", list(_heading(totals, since, until, width)))
    if totals.groups is not None:
        yield Section(f"{totals.groups.kind}s", list(rankings.groups(totals.groups, width)))
        return
    for name, section in _chosen(totals):
        yield Section(name, list(section(totals, width)))
    for kind in KINDS:
        if len(totals.subjects[kind]):
            yield Section(f"busiest {kind}s", list(rankings.busiest(totals, width, kind)))


def _chosen(totals: Totals) -> Iterator[tuple[str, Callable[[Totals, int], Iterator[str]]]]:
    """The sections that have something to say."""
    if totals.requests:
        yield "endpoints", tables.endpoints
        if any(endpoint.targets.all for endpoint in totals.endpoints.values()):
            yield "targets", tables.targets
        if totals.sources().used:
            yield "sources", tables.sources
        yield "outcomes", charts.outcomes
        yield "latency", charts.latency
    if any(histogram.count for histogram in totals.starts.values()):
        yield "handlers", tables.starts
    if totals.timeline.slots:
        yield "timeline", charts.timeline
    if totals.failures or totals.others:
        yield "failures", rankings.causes
    if len(totals.stale):
        yield "stale answers", rankings.stale


def _heading(totals: Totals, since: float | None, until: float | None, width: int) -> Iterator[str]:
    begin = moment(totals.first_usec / 1_000_000 if since is None else since)
    end = "now" if until is None else moment(until)
    for line in wrapped(f"postfix-rest-inetd, from {begin} to {end}", width):
        yield painted(line, TITLE)
    if not totals.requests:
        yield "No backend was asked." if totals.others else "No requests."
    else:
        yield from _summary(totals, width)
        yield from _stored(totals.sources(), totals.requests, width)
    for outcome, count in sorted(totals.others.items()):
        for line in wrapped(f"{_OTHERS.get(outcome, outcome)}: {count}", width):
            yield painted(line, BAD)
    yield from _lost(totals, since, width)


def _lost(totals: Totals, since: float | None, width: int) -> Iterator[str]:
    """Why there may have been more; nothing if the journal has all entries."""
    if totals.lost is None:
        return
    for text in totals.lost.sentences():
        for line in wrapped(f"Too low: {text}", width):
            yield painted(line, DOUBTFUL)
    if totals.lost.is_cut(since):
        for line in wrapped(f"Incomplete: {totals.lost.beginning()}", width):
            yield painted(line, DOUBTFUL)


def _summary(totals: Totals, width: int) -> Iterator[str]:
    text = "1 request;" if totals.requests == 1 else f"{totals.requests} requests{_pace(totals)};"
    failed = f"{totals.failures} failed"
    if totals.failures:
        failed += f" ({share(totals.failures, totals.requests)})"
    shown = painted(failed, BAD if totals.failures else GOOD)
    yield from [f"{text} {shown}"] if len(text) + len(failed) < width else [text, shown]


def _stored(sources: Sources, requests: int, width: int) -> Iterator[str]:
    """How many answers were stored ones; nothing if none was."""
    stored, stale = sources.counts[STORED], sources.counts[STALE]
    if stored:
        yield f"{stored} answered from memory ({share(stored, requests)})"
    if stale:
        oldest, last = sources.oldest_sec[STALE], sources.last_stale_usec / 1_000_000
        text = (
            f"{stale} answered with a stale answer ({share(stale, requests)}), up to "
            f"{length(oldest)} old, the last one at {moment(last)}: is a backend down?"
        )
        for line in wrapped(text, width):
            yield painted(line, DOUBTFUL)


def _pace(totals: Totals) -> str:
    took = max(1.0, (totals.last_usec - totals.first_usec) / 1_000_000)
    rate = totals.requests / took
    pace = f"{rate:.1f} a second" if rate >= 1 else f"{rate * 60:.1f} a minute"
    return f", {pace} from the first to the last"
