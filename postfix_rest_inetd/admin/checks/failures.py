# SPDX-License-Identifier: MIT
"""`check --probe`: which requests failed in the last hour, and why, according to the journal.

A request that got a stale answer did not fail, but its backend did: such requests are counted
apart. The questions that `check` itself asks are left out if their keys are logged. Only entries of
these two kinds are read, and at most MAX_ENTRIES of them.
"""

from __future__ import annotations

import time
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.checks import request
from postfix_rest_inetd.admin.checks.finding import NOTE, WARNING, Finding, commands
from postfix_rest_inetd.admin.statistics import latest
from postfix_rest_inetd.admin.statistics.journal import Journal, JournalError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry
    from postfix_rest_inetd.config.endpoint import Endpoint

PERIOD_SEC = 3600
MAX_ENTRIES = 100_000
MORE = commands(
    "postfix-rest-inetd stats --since=-1h",
    "journalctl -x -t postfix-rest-inetd -p warning -S -1h",
)


class _Kind(NamedTuple):
    """Requests of one endpoint that fared alike: how often for each cause, and when the last."""

    causes: Counter[str]
    last: list[float]


def findings(endpoints: list[Endpoint], until: float) -> Iterator[Finding]:
    """The failures of each endpoint in the hour before `until` (seconds since 1970)."""
    if not latest.is_open(latest.journals()):
        what = "was not checked: only root and the group systemd-journal may read it"
        yield Finding(NOTE, "journal", what)
        return
    failed = {endpoint.name: _Kind(Counter(), [0.0]) for endpoint in endpoints}
    stale = {endpoint.name: _Kind(Counter(), [0.0]) for endpoint in endpoints}
    is_all = True
    try:
        with Journal() as journal:
            journal.failures_only()
            journal.seek_time(until - PERIOD_SEC)
            for number, entry in enumerate(journal.entries(until)):
                if number == MAX_ENTRIES:
                    is_all = False
                    break
                own = (failed if entry.failed else stale).get(entry.endpoint)
                # `check` itself says so if the configuration still cannot be used.
                if own is None or entry.outcome == model.UNUSABLE_CONFIG or _is_ours(entry):
                    continue
                own.causes[_why(entry)] += 1
                own.last[0] = entry.when_usec / 1_000_000
    except JournalError as error:
        yield Finding(NOTE, "journal", f"was not checked: {error}")
    for kind, fared in ((failed, "failed"), (stale, "got a stale answer")):
        for name, own in kind.items():
            if own.causes:
                yield _told(name, own, fared, is_all=is_all)


def _told(name: str, kind: _Kind, fared: str, *, is_all: bool) -> Finding:
    number = kind.causes.total()
    cause, times = kind.causes.most_common(1)[0]
    at = time.strftime("%H:%M:%S", time.localtime(kind.last[0]))
    requests = "request" if number == 1 else "requests"
    what = f"{number} {requests} {fared} in the last hour, the last one at {at}"
    if not is_all:
        what = f"more than {number} {requests} {fared} in the last hour, these until {at}"
    most = "" if len(kind.causes) == 1 else f"most often ({times}) "
    advice = f"If it still happens, see what failed and why:\n{MORE}"
    return Finding(WARNING, f"{name}: journal", f"{what}; {most}{cause}", advice)


def reason(endpoint: Endpoint, since: float) -> str | None:
    """Why the question that we asked after `since` failed; empty if it did not.

    None if no entry tells.
    """
    entry = latest.find(lambda found: _may_be_about(found, endpoint), since)
    if entry is None:
        return None
    return _why(entry) if entry.failed else ""


def _why(entry: JournalEntry) -> str:
    """The cause; without one, the outcome. For entries that are not about a request, both."""
    outcome = entry.outcome.replace("-", " ")
    if entry.is_request:
        return entry.cause or outcome
    return f"{outcome}: {entry.cause}" if entry.cause else outcome


def _is_ours(entry: JournalEntry) -> bool:
    return any(request.DOMAIN in text for _, text in entry.subjects)


def _may_be_about(entry: JournalEntry, endpoint: Endpoint) -> bool:
    """Can it be about our question? Without a configuration, an entry does not name an endpoint."""
    is_its = entry.endpoint in (endpoint.name, "") and entry.mode == endpoint.mode
    return is_its and (not entry.subjects or _is_ours(entry))
