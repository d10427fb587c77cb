# SPDX-License-Identifier: MIT
"""The overview as JSON, for programs.

Durations are in microseconds, points in time in seconds since 1970. null is what is not known.
Programs rely on the keys: a version may add some, but not remove any.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.overview.remedies import REMEDIES

if TYPE_CHECKING:
    from typing import Any

    from postfix_rest_inetd.admin.overview.last_hour import LastHour
    from postfix_rest_inetd.admin.overview.looking import Listening, Overview


def report(overview: Overview) -> str:
    """The document, as one line in ASCII: a name may have characters that control a terminal."""
    return json.dumps(document(overview)) + "\n"


def document(overview: Overview) -> dict[str, Any]:
    """Everything that was seen."""
    hour = overview.hour
    return {
        "time": overview.when,
        "ok": False if overview.is_wrong else True if overview.is_complete else None,
        "since": None if hour is None else hour.since,
        "complete": None if hour is None else hour.is_whole,
        "requests": None if hour is None else hour.totals.requests,
        "failures": None if hour is None else hour.failures,
        "endpoints": [_endpoint(each, hour) for each in overview.endpoints],
        "others": None if hour is None else dict(hour.totals.others),
        "backends": None if hour is None else _backends(hour),
        "down": [
            {"origin": each.origin, "since": each.since, "endpoints": each.endpoints}
            for each in overview.down
        ],
        "last_failure": None if hour is None else _last_failure(hour),
        "lost": None if hour is None else hour.lost.document(),
        "findings": [finding._asdict() for finding in overview.findings],
        "notes": overview.notes,
        "versions": overview.versions,
    }


def _endpoint(each: Listening, hour: LastHour | None) -> dict[str, Any]:
    name, mode = each.endpoint.name, each.endpoint.mode
    found: dict[str, Any] = {
        "name": name,
        "mode": mode,
        "address": str(each.endpoint.address),
        "listening": each.listens,
        "open": each.connections.open,
        "hibernating": each.connections.hibernating,
        "requests": None,
        "failures": None,
        "p50": None,
        "p99": None,
    }
    if hour is not None:
        totals = hour.totals.endpoints.get(each.key)
        found["requests"] = totals.requests if totals else 0
        found["failures"] = totals.failures if totals else 0
        if totals:
            found["p50"], found["p99"] = map(totals.elapsed.percentile, (0.5, 0.99))
    return found


def _backends(hour: LastHour) -> list[dict[str, Any]]:
    return [
        {
            "origin": origin,
            "last": answers.last,
            "failures": answers.failures,
            "failing_since": answers.failing_since or None,
        }
        for origin, answers in hour.answers.items()
    ]


def _last_failure(hour: LastHour) -> dict[str, Any] | None:
    entry = hour.last_failure
    if entry is None:
        return None
    return {
        "time": entry.when_usec / 1_000_000,
        "endpoint": entry.endpoint or None,
        "outcome": entry.outcome,
        "status": entry.status or None,
        "request_id": hour.failed_id or None,
        "cause": entry.cause,
        "remedy": REMEDIES[entry.outcome],
    }
