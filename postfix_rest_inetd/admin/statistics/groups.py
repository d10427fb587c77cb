# SPDX-License-Identifier: MIT
"""Requests by endpoint, or by what policy requests have: how many were refused or deferred.

Memory is bounded: there is one counter of the most frequent (heavy.py) for all requests, and one
each for refused, deferred and failed ones. So a sender that is often refused is not lost among many
senders that are not. A number is never too high, and is too low by at most `missed`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.statistics.heavy import Heavy
from postfix_rest_inetd.admin.statistics.journal_entry import DEFERRED, REFUSED
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry

MAX_GROUPS = 2000
ENDPOINT = "endpoint"
GROUPS = ("sender", "login", "client", ENDPOINT)


class Group(NamedTuple):
    """The requests of one sender, client or login to one endpoint, or of an endpoint."""

    endpoint: str
    text: str
    """The sender, client or login; of a group for an endpoint, its name again."""
    requests: int
    refused: int
    """Requests for which the backend's action was REJECT or 5xx."""
    deferred: int
    """Requests for which it was DEFER, DEFER_IF_PERMIT or 4xx."""
    failed: int
    """Requests to which the backend gave no answer."""


class Groups:
    """Counts requests by their sender, login, client or endpoint.

    Attributes:
        kind: one of GROUPS.
        without: the number of requests of policy endpoints that have none.
    """

    def __init__(self, kind: str) -> None:
        """Nothing is counted yet."""
        self.kind = kind
        self.without = 0
        self._requests: Heavy[tuple[str, str]] = Heavy(MAX_GROUPS)
        names = (REFUSED, DEFERRED, "failed")
        self._fared: dict[str, Heavy[tuple[str, str]]] = {n: Heavy(MAX_GROUPS) for n in names}

    @property
    def missed(self) -> int:
        """By how much a number may be too low, at most."""
        return max(self._requests.missed, *(heavy.missed for heavy in self._fared.values()))

    def __len__(self) -> int:
        return len(self._things())

    def add(self, entry: JournalEntry) -> None:
        """Count a request."""
        text = dict(entry.subjects).get(self.kind)
        if self.kind == ENDPOINT:
            text = entry.endpoint
        if text is None:
            self.without += bool(entry.mode) and not is_lookup(entry.mode)
            return
        thing = (entry.endpoint, text)
        self._requests.add(thing)
        fared = "failed" if entry.failed else entry.effect
        if fared:
            self._fared[fared].add(thing)

    def top(self, number: int) -> list[Group]:
        """The groups that were refused or deferred most often, then those with most requests."""
        found = []
        for thing in self._things():
            fared = [heavy[thing] for heavy in self._fared.values()]
            found.append(Group(*thing, max(self._requests[thing], sum(fared)), *fared))
        found.sort(key=lambda g: (-g.refused - g.deferred, -g.requests, g.endpoint, g.text))
        return found[:number]

    def _things(self) -> set[tuple[str, str]]:
        return {thing for heavy in (self._requests, *self._fared.values()) for thing in heavy}
