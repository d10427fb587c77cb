# SPDX-License-Identifier: MIT
"""The output of `cache` as JSON, for programs.

Durations are in seconds, points in time in seconds since 1970, sizes in bytes on the disk. Programs
rely on the keys: a version may add some, but not remove any.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.journal_entry import SOURCES
from postfix_rest_inetd.admin.stored.entries import USES, outcome_of

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable
    from typing import Any

    from postfix_rest_inetd.admin.stored.down import Down
    from postfix_rest_inetd.admin.stored.entries import Entry
    from postfix_rest_inetd.admin.stored.summary import Summary
    from postfix_rest_inetd.cache.record import StoredAnswer
    from postfix_rest_inetd.config.endpoint import Endpoint


def overview(
    directory: str,
    summaries: Iterable[Summary],
    asked: dict[tuple[str, str], Counter[str]],
    down: Iterable[Down],
    since: float,
) -> dict[str, Any]:
    """What there is, and where answers came from since then."""
    return {
        "directory": directory,
        "since": since,
        "endpoints": [
            {**_summary(summary), "answers": _sources(asked.get((summary.name, summary.mode)))}
            for summary in summaries
        ],
        "down": [
            {
                "target": backend.origin,
                "since": backend.since,
                "next_sec": backend.wait_sec,
                "endpoints": backend.endpoints,
            }
            for backend in down
        ],
    }


def listing(entries: Iterable[Entry], endpoint: Endpoint) -> list[dict[str, Any]]:
    """The stored answers of an endpoint."""
    return [
        {
            **_answer(entry.answer, endpoint),
            "use": entry.use,
            "age_sec": round(entry.age_sec, 3),
            "fresh_sec": round(entry.fresh_sec, 3),
            "outage_sec": round(entry.outage_sec, 3),
            "bytes": entry.size,
        }
        for entry in entries
    ]


def _answer(answer: StoredAnswer | None, endpoint: Endpoint) -> dict[str, Any]:
    """Nothing is known about a damaged file."""
    if answer is None:
        return dict.fromkeys(("key", "map", "outcome"))
    map_name = answer.map_name
    return {
        "key": answer.key.decode(errors="backslashreplace"),
        "map": None if map_name is None else map_name.decode(errors="backslashreplace"),
        "outcome": outcome_of(endpoint, answer),
    }


def _summary(summary: Summary) -> dict[str, Any]:
    settings = summary.settings
    return {
        "name": summary.name or None,
        "mode": summary.mode or None,
        "directory": summary.folder,
        "entries": summary.uses.total(),
        "bytes": summary.size,
        **{use: summary.uses[use] for use in USES},
        "max_entries": None if settings is None else settings.max_entries,
        "max_bytes": None if settings is None else settings.max_bytes,
    }


def _sources(counts: Counter[str] | None) -> dict[str, int]:
    return {source: counts[source] if counts else 0 for source in SOURCES}
