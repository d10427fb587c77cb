# SPDX-License-Identifier: MIT
"""The report of `stats` for people: at most 80 columns, with colour on a terminal only.

`tables`, `charts` and `rankings` have its sections.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics import charts, rankings, tables
from postfix_rest_inetd.admin.statistics.layout import moment
from postfix_rest_inetd.admin.statistics.totals import KINDS
from postfix_rest_inetd.admin.ui.draw import length, share
from postfix_rest_inetd.admin.ui.terminal import BAD, DOUBTFUL, GOOD, TITLE, painted
from postfix_rest_inetd.admin.ui.wrap import WIDTH, wrapped
from postfix_rest_inetd.log_entry import STALE, STORED
from postfix_rest_inetd.model import BROKEN_REQUEST, INTERNAL_ERROR, UNUSABLE_CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.statistics.sources import Sources
    from postfix_rest_inetd.admin.statistics.totals import Totals

_OTHERS = {
    BROKEN_REQUEST: "Broken requests, answered without a backend",
    UNUSABLE_CONFIG: "Temporary errors because the configuration could not be used",
    INTERNAL_ERROR: "Internal errors of handlers",
}


def report(totals: Totals, since: float | None, until: float | None) -> str:
    """The whole report."""
    lines = list(_heading(totals, since, until))
    if totals.groups is not None:
        return "".join(f"{line}\n" for line in [*lines, "", *rankings.groups(totals.groups)])
    if totals.requests:
        is_stored = totals.sources().used > 0
        has_targets = any(endpoint.targets.all for endpoint in totals.endpoints.values())
        sections = [tables.targets] * has_targets + [tables.sources] * is_stored
        for section in (tables.endpoints, *sections, charts.outcomes, charts.latency):
            lines += ["", *section(totals)]
    if any(histogram.count for histogram in totals.starts.values()):
        lines += ["", *tables.starts(totals)]
    if totals.timeline.slots:
        lines += ["", *charts.timeline(totals)]
    if totals.failures or totals.others:
        lines += ["", *rankings.causes(totals)]
    if len(totals.stale):
        lines += ["", *rankings.stale(totals)]
    lines += [line for kind in KINDS for line in rankings.busiest(totals, kind)]
    return "".join(f"{line}\n" for line in lines)


def _heading(totals: Totals, since: float | None, until: float | None) -> Iterator[str]:
    begin = moment(totals.first_usec / 1_000_000 if since is None else since)
    end = "now" if until is None else moment(until)
    yield painted(f"postfix-rest-inetd, from {begin} to {end}", TITLE)
    if not totals.requests:
        yield "No backend was asked." if totals.others else "No requests."
    else:
        yield _summary(totals)
        yield from _stored(totals.sources(), totals.requests)
    for outcome, count in sorted(totals.others.items()):
        yield painted(f"{_OTHERS.get(outcome, outcome)}: {count}", BAD)


def _summary(totals: Totals) -> str:
    text = "1 request; " if totals.requests == 1 else f"{totals.requests} requests{_pace(totals)}; "
    failed = f"{totals.failures} failed"
    if totals.failures:
        failed += f" ({share(totals.failures, totals.requests)})"
    return text + painted(failed, BAD if totals.failures else GOOD)


def _stored(sources: Sources, requests: int) -> Iterator[str]:
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
        for line in wrapped(text, WIDTH):
            yield painted(line, DOUBTFUL)


def _pace(totals: Totals) -> str:
    took = max(1.0, (totals.last_usec - totals.first_usec) / 1_000_000)
    rate = totals.requests / took
    pace = f"{rate:.1f} a second" if rate >= 1 else f"{rate * 60:.1f} a minute"
    return f", {pace} from the first to the last"
