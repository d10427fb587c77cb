# SPDX-License-Identifier: MIT
"""Which answers may be stored, and for how long. Pure: times are arguments.

The rules are those of a private cache (RFC 9111) for the answers to lookups, which are GETs, with
`stale-if-error` (RFC 5861, 4). Section numbers below are of RFC 9111.

- No permission, no storing: the freshness lifetime comes from `max-age`, or else from Expires
  (4.2.1), or else from the operator. It never comes from `s-maxage`, which is for shared caches, or
  from a guess (4.2.2).
- `no-store`, and `no-cache` in any form, mean that the answer is not stored (5.2.2.4, 5.2.2.5): it
  could only be used after a question whether it is still right, and these are never asked. Without
  any directive, `Pragma: no-cache` means the same.
- `must-revalidate` forbids the use of a stale answer, in an outage as well (5.2.2.2).
- A Vary that names `*` or X-Request-Id, the only field that differs between requests for the same
  key, means that the answer is not stored (4.1).
- The operator's values count where the backend says nothing about that matter. Which of them did
  is stored as well, because the operator may change them (StoredAnswer.follow).
- What cannot be understood does not permit anything. A member of a list that violates the grammar
  may hide another one, so the answer is not stored. What should be a number and is not, and two
  numbers that differ, count as 0 (4.2.1). Numbers of any length are understood (1.2.2).
"""

from __future__ import annotations

from ..config.cache_settings import MAX_AGE, NOT_FOUND_MAX_AGE, STALE_IF_ERROR
from . import http_date

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Permissions(Protocol):
        """The operator's values: seconds, 0 where nothing is permitted."""

        max_age: int
        not_found_max_age: int
        stale_if_error: int


MAX_SEC = 2**31  # 1.2.2

# RFC 9110, 5.6.2
_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_FORBIDDING = frozenset((b"no-store", b"no-cache"))
_DIFFERING = frozenset((b"*", b"x-request-id"))
_CONTRADICTION = b"?"  # is not a number
_QUOTE, _BACKSLASH, _COMMA = b'"\\,'


class Grant:
    """How long a stored answer may be used.

    Attributes:
        lifetime_sec: for so long after its origin it is fresh.
        stale_sec: for so long after that it may be used while the backend fails.
        age_sec: its age when the response was complete (4.2.3).
        by_operator: the durations that are the operator's, as StoredAnswer has them.
    """

    __slots__ = ("age_sec", "by_operator", "lifetime_sec", "stale_sec")

    def __init__(
        self, lifetime_sec: int, stale_sec: int, age_sec: float, by_operator: bytes
    ) -> None:
        """Both durations are at most MAX_SEC."""
        self.lifetime_sec = lifetime_sec
        self.stale_sec = stale_sec
        self.age_sec = age_sec
        self.by_operator = by_operator


def grant(
    fields: dict[bytes, bytes],
    *,
    is_found: bool,
    settings: Permissions,
    requested_wall: float,
    delay_sec: float,
) -> Grant | None:
    """What the backend and the operator permit; None: the answer must not be stored.

    `fields` is model.Response.caching. The request was sent at `requested_wall`, in seconds since
    1970, and the response was complete `delay_sec` later. An answer that could never be used is not
    stored either.
    """
    said = directives(fields.get(b"cache-control", b""))
    if said is None or not _FORBIDDING.isdisjoint(said):
        return None
    if not said and b"pragma" in fields:
        pragma = directives(fields[b"pragma"])
        if pragma is None or b"no-cache" in pragma:
            return None
    if b"vary" in fields and _differs(fields[b"vary"]):
        return None
    received_wall = requested_wall + max(0.0, delay_sec)
    date = http_date.seconds(fields[b"date"], received_wall) if b"date" in fields else None
    by_operator = b""
    if b"max-age" in said:
        lifetime = delta_seconds(said[b"max-age"]) or 0
    elif b"expires" in fields:
        lifetime = _until(fields[b"expires"], date, received_wall)
    else:
        lifetime = settings.max_age if is_found else settings.not_found_max_age
        by_operator = MAX_AGE if is_found else NOT_FOUND_MAX_AGE
    if b"must-revalidate" in said:
        stale = 0
    elif b"stale-if-error" in said:
        stale = delta_seconds(said[b"stale-if-error"]) or 0
    else:
        stale = settings.stale_if_error
        by_operator += STALE_IF_ERROR
    age = (_age(fields[b"age"]) if b"age" in fields else 0) + max(0.0, delay_sec)
    if date is not None:
        age = max(age, received_wall - date)
    return Grant(lifetime, stale, age, by_operator) if age < lifetime + stale else None


def directives(field: bytes) -> dict[bytes, bytes | None] | None:
    """The members of Cache-Control (5.2), name in lower case to argument; None: not a list of them.

    An argument is the same with quotes and without. Two different ones for a name are replaced by
    one that is not a number.
    """
    found: dict[bytes, bytes | None] = {}
    for member in _members(field) if b'"' in field else field.split(b","):
        name, equals, text = member.strip(b" \t").lower().partition(b"=")
        if not name and not equals:
            continue  # RFC 9110, 5.6.1.2: an empty member
        argument: bytes | None = text
        if not equals:
            argument = None
        elif text[:1] == b'"':
            argument = _unquoted(text)
            if argument is None:
                return None
        elif not text or text.translate(None, _TOKEN):
            return None
        if not name or name.translate(None, _TOKEN):
            return None
        is_other = name in found and found[name] != argument
        found[name] = _CONTRADICTION if is_other else argument
    return found


def delta_seconds(argument: bytes | None) -> int | None:
    """Seconds for a number (1.2.2), at most MAX_SEC; None if it is not a number."""
    if argument is None or not argument.isdigit():
        return None
    digits = argument.lstrip(b"0")
    return MAX_SEC if len(digits) > 10 else min(int(digits or b"0"), MAX_SEC)


def _members(field: bytes) -> list[bytes]:
    """A list with quoted strings (RFC 9110, 5.6.4), split at the commas outside of these."""
    members, start, is_quoted, is_escaped = [], 0, False, False
    for at, byte in enumerate(field):
        if is_escaped:
            is_escaped = False
        elif byte == _QUOTE:
            is_quoted = not is_quoted
        elif is_quoted:
            is_escaped = byte == _BACKSLASH
        elif byte == _COMMA:
            members.append(field[start:at])
            start = at + 1
    members.append(field[start:])
    return members


def _unquoted(text: bytes) -> bytes | None:
    """The content of a quoted string (RFC 9110, 5.6.4); None if it is not just one."""
    content, is_escaped = bytearray(), False
    for at in range(1, len(text)):
        byte = text[at]
        if is_escaped or byte not in b'"\\':
            content.append(byte)
            is_escaped = False
        elif byte == _BACKSLASH:
            is_escaped = True
        else:
            return bytes(content) if at == len(text) - 1 else None
    return None


def _differs(vary: bytes) -> bool:
    """May the same request be answered differently? So it is if Vary is not a list of names."""
    names = [name.strip(b" \t").lower() for name in vary.split(b",")]
    return any(name in _DIFFERING or name.translate(None, _TOKEN) for name in names)


def _until(expires: bytes, date: int | None, now: float) -> int:
    """The lifetime that Expires gives (4.2.1); what is not a date is in the past (5.3).

    The clock of the backend, which is in Date, decides. Without it, Expires would have to be
    compared with the clock of this machine, which may be wrong by years after a start.
    """
    end = http_date.seconds(expires, now)
    return 0 if end is None or date is None else max(0, min(end - date, MAX_SEC))


def _age(field: bytes) -> int:
    """The first member of Age; what is not a number does not count (5.1)."""
    return delta_seconds(field.partition(b",")[0].strip(b" \t")) or 0
