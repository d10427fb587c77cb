# SPDX-License-Identifier: MIT
"""The report of `stats` as JSON, for programs.

Durations are in microseconds, points in time in seconds since 1970. `error` says how far numbers
may be off: percentiles by that part of their value, and counters of `causes`, `stale` and `busiest`
by that much too low. `lost` says what the journal does not have (lost.py), so that all numbers are
too low. Programs rely on the keys: a version may add some, but not remove any.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.histogram import ERROR, PERCENTILES
from postfix_rest_inetd.admin.statistics.journal_entry import SOURCES
from postfix_rest_inetd.log_entry import STALE, STORED

if TYPE_CHECKING:
    from typing import Any

    from postfix_rest_inetd.admin.statistics.comparison import Before
    from postfix_rest_inetd.admin.statistics.groups import Groups
    from postfix_rest_inetd.admin.statistics.heavy import Heavy
    from postfix_rest_inetd.admin.statistics.histogram import Histogram
    from postfix_rest_inetd.admin.statistics.sources import Sources
    from postfix_rest_inetd.admin.statistics.timeline import Timeline
    from postfix_rest_inetd.admin.statistics.totals import EndpointTotals, Totals

TOP = 100
_COUNTS = ("requests", "failures", "stale")  # of a slot of the timeline


def report(
    totals: Totals, since: float | None, until: float | None, before: Before | None = None
) -> str:
    """The document, as one line; `before` has that of the period before, and its first entry."""
    whole = document(totals, since, until)
    if before is not None:
        whole["before"] = document(before.totals, before.begin, since)
        whole["before"]["journal_begin"] = before.first or None
    return json.dumps(whole, ensure_ascii=False) + "\n"


def document(totals: Totals, since: float | None, until: float | None) -> dict[str, Any]:
    """Everything that was counted."""
    return {
        "since": since,
        "until": until,
        "first": totals.first_usec / 1_000_000 or None,
        "last": totals.last_usec / 1_000_000 or None,
        "requests": totals.requests,
        "failures": totals.failures,
        "outcomes": dict(totals.outcomes()),
        "elapsed": _times(totals.elapsed()),
        "sources": _sources(totals.sources()),
        "endpoints": [
            {"name": name, "mode": mode, **_endpoint(endpoint)}
            for (name, mode), endpoint in sorted(totals.endpoints.items())
        ],
        "other_errors": dict(totals.others),
        "starts": {kind: _times(histogram) for kind, histogram in totals.starts.items()},
        "causes": [
            {"endpoint": endpoint, "outcome": outcome, "status": status, "cause": cause, "count": n}
            for (endpoint, outcome, status, cause), n in totals.causes.top(TOP)
        ],
        "stale": [
            {"endpoint": endpoint, "cause": cause, "count": count}
            for (endpoint, cause), count in totals.stale.top(TOP)
        ],
        "busiest": {kind: _busiest(kind, heavy) for kind, heavy in totals.subjects.items()},
        **({} if totals.groups is None else {"by": _groups(totals.groups)}),
        "timeline": _timeline(totals.timeline),
        "lost": None if totals.lost is None else totals.lost.document(),
        "error": {
            "percentiles": ERROR,
            "causes": totals.causes.missed,
            "stale": totals.stale.missed,
            **{kind: heavy.missed for kind, heavy in totals.subjects.items()},
        },
    }


def _endpoint(endpoint: EndpointTotals) -> dict[str, Any]:
    return {
        "requests": endpoint.requests,
        "failures": endpoint.failures,
        "outcomes": dict(endpoint.outcomes),
        "statuses": {str(s): n for s, n in sorted(endpoint.statuses.items()) if s},
        "elapsed": _times(endpoint.elapsed),
        "backend": _times(endpoint.backend),
        "sources": _sources(endpoint.sources),
        "targets": [
            {
                "target": origin,
                "requests": target.requests,
                "failures": target.failures,
                "instead": target.instead,
                "backend": _times(target.backend),
            }
            for origin, target in sorted(endpoint.targets.all.items())
        ],
    }


def _sources(sources: Sources) -> dict[str, Any]:
    """How many answers there were from each source, and the highest age of stored ones."""
    return {
        **{source: sources.counts[source] for source in SOURCES},
        "oldest_stored_sec": sources.oldest_sec.get(STORED, 0),
        "oldest_stale_sec": sources.oldest_sec.get(STALE, 0),
        "last_stale": sources.last_stale_usec / 1_000_000 or None,
    }


def _busiest(kind: str, heavy: Heavy[tuple[str, str]]) -> list[dict[str, Any]]:
    return [
        {"endpoint": endpoint, kind: text, "count": count}
        for (endpoint, text), count in heavy.top(TOP)
    ]


def _timeline(timeline: Timeline) -> dict[str, Any]:
    return {
        "slot_sec": timeline.length_sec,
        "slots": [
            {"at": number * timeline.length_sec, **dict(zip(_COUNTS, counts, strict=True))}
            for number, counts in sorted(timeline.slots.items())
        ],
    }


def _groups(groups: Groups) -> dict[str, Any]:
    return {
        "kind": groups.kind,
        "without": groups.without,
        "error": groups.missed,
        "groups": [
            {
                "endpoint": group.endpoint,
                groups.kind: group.text,
                "requests": group.requests,
                "refused": group.refused,
                "deferred": group.deferred,
                "failed": group.failed,
            }
            for group in groups.top(TOP)
        ],
    }


def _times(histogram: Histogram) -> dict[str, Any]:
    percentiles = {name: histogram.percentile(part) for name, part in PERCENTILES}
    return {
        **percentiles,
        "max": histogram.largest,
        "mean": round(histogram.total / histogram.count) if histogram.count else 0,
        "buckets": [[high, count] for _, high, count in histogram.ranges()],
    }
