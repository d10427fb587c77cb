# SPDX-License-Identifier: MIT
"""From the fields of a journal entry (log_entry.py) to the data that is counted. A pure function.

Any local user can write entries with these fields, so nothing in them is trusted. An entry counts
only if its mode, its outcome, its start and its source are known ones and its numbers are numbers.
Texts are cut and made printable.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd import model
from postfix_rest_inetd.log_entry import BACKEND, STALE, STORED, advice, printable
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from collections.abc import Mapping

    Fields = Mapping[str, bytes | list[bytes]]

PREFIX = "POSTFIX_REST_"
GOOD_OUTCOMES = (model.FOUND, model.NOT_FOUND, model.ACTION)
OUTCOMES = (
    *GOOD_OUTCOMES,
    model.USER_ERROR,
    model.SERVER_ERROR,
    model.UNSPECIFIED_STATUS,
    model.TIMEOUT,
    model.UNREACHABLE,
    model.INVALID_DATA,
    model.BROKEN_REQUEST,
    model.UNUSABLE_CONFIG,
    model.INTERNAL_ERROR,
)

# What an action of a policy endpoint does to the mail. Other actions let it pass, at least for now.
REFUSED, DEFERRED = "refused", "deferred"
_HELD_UP = {"REJECT": REFUSED, "DEFER": DEFERRED, "DEFER_IF_PERMIT": DEFERRED}
_CODES = {"5": REFUSED, "4": DEFERRED}

COLD, WOKEN = "cold", "woken"
STARTS = (COLD, WOKEN)

# Where an answer came from. STALE is a stored answer that was used because the backend failed.
SOURCES = (BACKEND, STORED, STALE)

MAX_NAME_CHARACTERS = 100
MAX_CAUSE_CHARACTERS = 300

_MAX_DIGITS = 13
_OUTCOMES = frozenset(OUTCOMES)
_GOOD = frozenset(GOOD_OUTCOMES)
_STORABLE = (model.FOUND, model.NOT_FOUND)


class JournalEntry(NamedTuple):
    """The data of an entry that is counted. Times are in microseconds; a missing number is 0."""

    when_usec: int
    endpoint: str
    mode: str
    outcome: str
    is_request: bool
    """Is the entry about one request? If not, it is about a connection, or the configuration."""
    elapsed_usec: int
    backend_usec: int
    status: int
    cause: str
    """Why a request failed, or a stale answer had to be used, in the same words for the same cause;
    otherwise empty."""
    subjects: tuple[tuple[str, str], ...]
    """What the request was about, if that is logged: pairs of a kind (`key`) and a text."""
    number: int = 1
    """How many requests the entry stands for: 1, unless the configuration was unusable."""
    effect: str = ""
    """REFUSED or DEFERRED, if the action of a policy endpoint did that."""
    start: str = ""
    """COLD or WOKEN for the first request of a process; empty for others."""
    start_usec: int = 0
    source: str = BACKEND
    """One of SOURCES. BACKEND if the backend was asked and no stored answer was used."""
    age_sec: int = 0
    """How long before the request a stored answer was stored."""
    target: str = ""
    """Which of several targets was asked last; empty if there is only one, or none was asked."""
    instead: bool = False
    """Did the target answer after another one had failed?"""

    @property
    def failed(self) -> bool:
        """Did Postfix get something other than an answer of the backend?"""
        return self.outcome not in _GOOD

    @property
    def asked(self) -> bool:
        """Was the backend asked? Before a stale answer, it may have been."""
        return self.source == BACKEND or self.backend_usec > 0

    @property
    def target_failed(self) -> bool:
        """Did the target that was asked last give no answer that Postfix could use?"""
        return self.failed or self.source == STALE


_SUBJECTS = (
    ("sender", "SENDER"),
    ("recipient", "RECIPIENT"),
    ("client", "CLIENT_ADDRESS"),
    ("login", "SASL_USERNAME"),
)


def parse(fields: Fields, when_usec: int) -> JournalEntry | None:
    """The entry, or None if no handler writes such an entry."""
    try:
        outcome = _text(fields, "OUTCOME")
        mode = _text(fields, "MODE")
        elapsed = _number(fields, "ELAPSED_USEC")
        backend = _number(fields, "BACKEND_USEC")
        status = _number(fields, "HTTP_STATUS")
        start_usec = _number(fields, "START_USEC")
        count = _number(fields, "COUNT")
        age_sec = _number(fields, "AGE")
    except ValueError:
        return None
    start = _text(fields, "START")
    source = _text(fields, "SOURCE") or BACKEND
    if outcome not in _OUTCOMES or not _are_known(mode, start, source, outcome):
        return None
    is_request = PREFIX + "ELAPSED_USEC" in fields
    if is_request or PREFIX + "COUNT" not in fields:
        count = 1
    endpoint, target = _text(fields, "ENDPOINT"), _text(fields, "TARGET")
    return JournalEntry(
        when_usec,
        endpoint,
        mode,
        outcome,
        is_request,
        elapsed,
        backend,
        status,
        _cause(fields, outcome, status) if outcome not in _GOOD or source == STALE else "",
        _subjects(fields, mode),
        count,
        _effect(_text(fields, "ACTION")),
        start,
        start_usec,
        source,
        age_sec,
        target,
        # The answer of a backend has a detail only if another target has failed before.
        target != "" and outcome in _GOOD and source == BACKEND and _text(fields, "DETAIL") != "",
    )


def _are_known(mode: str, start: str, source: str, outcome: str) -> bool:
    """Does a handler write these values? Only found and not found are stored."""
    return (
        (not mode or mode in model.MODES)
        and (not start or start in STARTS)
        and (source == BACKEND or (source in SOURCES and outcome in _STORABLE))
    )


def _effect(verb: str) -> str:
    return _CODES.get(verb[:1], "") if verb.isdigit() else _HELD_UP.get(verb, "")


def _last(fields: Fields, name: str) -> bytes:
    """The value of a field; the last one of a repeated field."""
    value = fields.get(name, b"")
    return value[-1] if isinstance(value, list) else value


def _text(fields: Fields, name: str, limit: int = MAX_NAME_CHARACTERS) -> str:
    return printable(_last(fields, PREFIX + name).decode(errors="backslashreplace"), limit)


def _number(fields: Fields, name: str) -> int:
    value = _last(fields, PREFIX + name)
    if value and not (value.isdigit() and len(value) <= _MAX_DIGITS):
        raise ValueError(name)
    return int(value) if value else 0


def _subjects(fields: Fields, mode: str) -> tuple[tuple[str, str], ...]:
    if mode and not is_lookup(mode):
        found = ((kind, _text(fields, name)) for kind, name in _SUBJECTS if PREFIX + name in fields)
        return tuple(found)
    if PREFIX + "KEY" not in fields:
        return ()
    key, map_name = _text(fields, "KEY"), _text(fields, "MAP")
    return (("key", f"{map_name}: {key}" if map_name else key),)


def _cause(fields: Fields, outcome: str, status: int) -> str:
    """Why a request has failed: the detail, or else what follows from the outcome and the status.

    The first versions did not write the detail: their failures have one cause for each outcome and
    status.
    """
    return _text(fields, "DETAIL", MAX_CAUSE_CHARACTERS) or advice(outcome, status, "...")
