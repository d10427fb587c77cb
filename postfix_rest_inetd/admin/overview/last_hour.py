# SPDX-License-Identifier: MIT
"""The requests of the last hour, and the last failure, from the journal and in bounded time.

The journal is read backwards, from its end. Of more than MAX_ENTRIES, only the last ones count.
"""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.statistics import lost
from postfix_rest_inetd.admin.statistics.journal import Journal
from postfix_rest_inetd.admin.statistics.journal_entry import MAX_NAME_CHARACTERS
from postfix_rest_inetd.admin.statistics.lost import Lost
from postfix_rest_inetd.admin.statistics.totals import Totals
from postfix_rest_inetd.admin.trace import request
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry
    from postfix_rest_inetd.config.endpoint import Endpoint

PERIOD_SEC = 3600
MAX_ENTRIES = 5_000
"""Reading one takes 20 us of processor time."""
_MAX_LOOKED_THROUGH = 1000
_NO_FAULT_OF_A_BACKEND = (model.BROKEN_REQUEST, model.UNUSABLE_CONFIG, model.INTERNAL_ERROR)


class Answers:
    """How a backend has fared most recently. Times are in seconds since 1970; 0: unknown.

    Attributes:
        last: when it was asked for the last time.
        failures: how many requests have failed without a success after them.
        failing_since: when the first of these failed.
    """

    __slots__ = ("_is_over", "failing_since", "failures", "last")

    def __init__(self) -> None:
        """It was not asked yet."""
        self.last = self.failing_since = 0.0
        self.failures = 0
        self._is_over = False

    def add_earlier(self, when: float, *, failed: bool) -> None:
        """Count a request that was before those that are counted."""
        self.last = self.last or when
        self._is_over = self._is_over or not failed
        if not self._is_over:
            self.failures += 1
            self.failing_since = when


class LastHour:
    """What was found.

    Attributes:
        begin: an hour ago (seconds since 1970).
        since: when the period begins.
        is_whole: is that an hour ago? Otherwise, there were too many entries.
        totals: the requests of the period.
        answers: of the backends that were asked, by origin as `as_read` has it.
        last_failure: the last request that failed, maybe before the period; None if there is none.
        failed_id: the request id of that; empty if its entry has none.
        lost: the entries of the period that the journal does not have.
        is_flooded: are most of the last entries with our identifier not from handlers?
    """

    def __init__(self, now: float) -> None:
        """Nothing was read yet."""
        self.begin = self.since = now - PERIOD_SEC
        self.is_whole = True
        self.totals = Totals()
        self.answers: dict[str, Answers] = {}
        self.last_failure: JournalEntry | None = None
        self.failed_id = ""
        self.lost = Lost({}, 0, 0.0)
        self.is_flooded = False

    @property
    def failures(self) -> int:
        """Requests that got no answer, whether an endpoint is known or not."""
        return self.totals.failures + sum(self.totals.others.values())

    @property
    def failed_before(self) -> float:
        """When a request failed in the last hour, if it is too early to be counted; else 0."""
        when = self.last_failure.when_usec / 1_000_000 if self.last_failure else 0.0
        return when if self.begin <= when < self.since and not self.is_whole else 0.0

    @property
    def is_sure(self) -> bool:
        """Does the journal have all that handlers have written, as far as it tells?"""
        return not (self.is_flooded or self.lost.dropped or self.lost.not_taken)


def as_read(name: str) -> str:
    """The name of an endpoint, or the origin of a backend, as entries that were read have it."""
    return printable(name, MAX_NAME_CHARACTERS)


def read(endpoints: Iterable[Endpoint], now: float, directory: str | None = None) -> LastHour:
    """Read the journal of this machine, or the one in a directory.

    Args:
        endpoints: those of the configuration, without problems.
        now: in seconds since 1970.
        directory: of the journal files; None for those of this machine.

    Raises:
        JournalError: it cannot be read.
    """
    found = LastHour(now)
    backends = {
        (as_read(each.name), each.mode): [as_read(target.origin) for target in each.targets.all()]
        for each in endpoints
    }
    with Journal(directory) as journal:
        entries = list(journal.backwards(found.since, MAX_ENTRIES))
        for entry in entries:
            found.totals.add(entry)
            _add_answer(found, entry, backends.get((entry.endpoint, entry.mode), []))
        if len(entries) + journal.alien >= MAX_ENTRIES:
            found.is_whole = False
            found.is_flooded = journal.alien > len(entries)
            found.since = found.totals.first_usec / 1_000_000 or now
    with Journal(directory) as journal:
        journal.failures_only()
        _add_last_failure(found, journal)
    found.lost = lost.read(directory, found.since, None)
    if found.lost.is_cut(found.since):
        found.since = found.lost.begin
    return found


def _add_answer(found: LastHour, entry: JournalEntry, backends: list[str]) -> None:
    """Count an answer of a backend, if it was asked, and is in the configuration."""
    if not (entry.is_request and entry.asked) or entry.outcome in _NO_FAULT_OF_A_BACKEND:
        return
    # The entry of an endpoint with a single backend does not name it.
    origin = entry.target or (backends[0] if len(backends) == 1 else "")
    if origin in backends:
        answers = found.answers.setdefault(origin, Answers())
        answers.add_earlier(entry.when_usec / 1_000_000, failed=entry.target_failed)


def _add_last_failure(found: LastHour, journal: Journal) -> None:
    looked_through = 0
    for when, fields in itertools.islice(journal.newest_first(0, None), _MAX_LOOKED_THROUGH):
        failed = request.parse(fields, when, "")
        if failed is not None and _matters(failed.entry):
            found.last_failure, found.failed_id = failed.entry, failed.request_id
            return
        looked_through += failed is None
    found.is_flooded = found.is_flooded or looked_through * 2 > _MAX_LOOKED_THROUGH


def _matters(entry: JournalEntry) -> bool:
    """Did a request fail, as opposed to a stale answer, or an announcement?"""
    return entry.failed and entry.number > 0
