# SPDX-License-Identifier: MIT
"""A row of the table of backend faults, and the answers that its columns name.

What is expected comes from the manual pages (postfix-rest-inetd-handler(8): REPLIES, HTTP, JOURNAL)
and is written out here and in blackbox/support.py; nothing of it is computed by the package.
"""

from __future__ import annotations

from typing import NamedTuple

from blackbox import support

from harness.modes import FOUND, LOOKUPS, MODES, POLICY
from harness.scripted_backend import Step

HTTP, HTTPS = "http", "https"
SCHEMES = (HTTP, HTTPS)

REQUEST, ACCEPT, CERTIFICATE, IDLE, PLACE = "request", "accept", "certificate", "idle", "place"
"""When the fault happens: see Row.at."""

QUICK, SLOW, COLD, UNPLUGGED = "quick", "slow", "cold", "unplugged"
"""Kinds of handlers: one goes through many cases of its kind. COLD: it has only this one, the first
request of its life. UNPLUGGED: it has no network, not even loopback."""

TIMEOUT_MS = 20_000
"""So long that a reply before WITHIN_MS cannot have waited for it."""

WITHIN_MS = 10_000

SHORT_TIMEOUT_MS = 500
EARLY_MS = 5
"""The rounding of timers."""

TIMES_LATE = 10
"""A busy machine may take this many times the deadline; test_deadline.py has the real promise."""

WORDS = {
    "found": "found",
    "not-found": "not found",
    "action": "action",
    "user-error": "refused by the backend",
    "server-error": "backend failed",
    "unspecified-status": "unexpected status from the backend",
    "timeout": "timed out",
    "unreachable": "backend unreachable",
    "invalid-data": "invalid data",
}
"""What the message of a journal entry says for each outcome; test_journal.py has the fields."""

EXPLAINED = ("timeout", "unreachable", "invalid-data")
"""The outcomes whose message always says why."""


class Answer(NamedTuple):
    """What a request ends with.

    A `reply` of None is the answer to this very request, from a backend that does nothing wrong.
    `sent` is how often a backend may get the request, if the fault lets it get it at all.
    """

    reply: bytes | None
    outcome: str
    status: int = 0
    sent: int = 1


Expected = dict[str, Answer]
"""An Answer for each mode."""


def _expected(replies: dict[str, bytes], outcome: str, status: int = 0) -> Expected:
    return {mode: Answer(reply, outcome, status) for mode, reply in replies.items()}


FOUND_IT = {mode: Answer(FOUND[mode], "action" if mode == POLICY else "found") for mode in MODES}
"""The response is an answer in spite of all."""

NOT_FOUND = _expected(support.NOT_FOUND, "not-found")
LOST = _expected(support.UNREACHABLE, "unreachable")
"""No connection, a lost connection, or a failure of TLS."""

BAD = _expected(support.INVALID, "invalid-data")
"""A response that cannot be used."""

LATE = _expected(support.TIMED_OUT, "timeout")
"""The deadline has passed."""

OWN = {mode: Answer(None, FOUND_IT[mode].outcome) for mode in MODES}
"""The fault does no harm: the request is answered, on another connection if need be."""

RESENT = {**{mode: OWN[mode]._replace(sent=2) for mode in LOOKUPS}, POLICY: LOST[POLICY]}
"""A lookup that dies on a kept connection is sent once more, a policy request never."""


def status(code: int) -> Expected:
    """The answer to a complete response with this status."""
    if 400 <= code <= 499:
        refused = _expected(support.user_error(code), "user-error", code)
        return {**refused, **NOT_FOUND} if code == 404 else refused
    if 500 <= code <= 599:
        return _expected(support.server_error(code), "server-error", code)
    return _expected(support.unspecified(code), "unspecified-status", code)


class Row(NamedTuple):
    """One fault.

    Attributes:
        name: what the backend does.
        does: how it does it: a Step for REQUEST, ACCEPT and IDLE; the name of a TLS context for
            CERTIFICATE (world.py), and of a place for PLACE.
        expected: the answer on a new connection, and on a kept one unless `later` has another.
        told: a regular expression for what the journal has to tell the operator.
        kept: is the connection used for the next request? None if that is not the point.
        at: REQUEST: does it with a request. ACCEPT: with a new connection; that for a later request
            replaces one that has ended. CERTIFICATE: has this certificate and these demands, from
            the next connection on. IDLE: does it with the request before this one. PLACE: the
            target is there.
        least_ms: the least time until the reply.
        within_ms: the most.
        keys: of the endpoint; the value of a tls- key is the name of a file (world.py).
        kind: of the handlers that try it.
        is_cold: is it tried by COLD handlers as well?
        needs_names: do its names need a private mount namespace?
    """

    name: str
    does: Step | str
    expected: Expected
    told: str = ""
    later: Expected | None = None
    kept: bool | None = False
    at: str = REQUEST
    modes: tuple[str, ...] = MODES
    schemes: tuple[str, ...] = SCHEMES
    least_ms: int = 0
    within_ms: int = WITHIN_MS
    keys: dict[str, object] = {}  # noqa: RUF012 - never changed
    kind: str = QUICK
    is_cold: bool = False
    needs_names: bool = False

    def slow(self) -> Row:
        """The same, for a fault that lasts until the deadline."""
        return self._replace(
            keys={**self.keys, "request_timeout": SHORT_TIMEOUT_MS},
            least_ms=SHORT_TIMEOUT_MS - EARLY_MS,
            within_ms=SHORT_TIMEOUT_MS * TIMES_LATE,
            kind=SLOW,
        )

    def cases(self) -> list[Case]:
        """Every combination of what the row is tried with."""
        positions = (True,) if self.at == IDLE else (False, True)
        cases = [
            Case(mode, scheme, self.kind, is_later)
            for mode in self.modes
            if mode in self.expected
            for scheme in self.schemes
            for is_later in positions
        ]
        cold = [Case(cases[0].mode, self.schemes[0], COLD, is_later=False)]
        return cases + cold * self.is_cold


class Case(NamedTuple):
    """What a row is tried with; `is_later`: with a request after the first one of its client."""

    mode: str
    scheme: str
    kind: str
    is_later: bool
