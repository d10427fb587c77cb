# SPDX-License-Identifier: MIT
r"""A stored answer as the content of a file.

    ANSWER 1 WALL BOOT BOOT_ID LIFETIME STALE OPERATOR AGE STATUS MAP KEY BODY\n
    map name, key, body, MAC

WALL, BOOT and AGE are milliseconds, LIFETIME and STALE seconds. OPERATOR has a letter for each
value of the operator's that counts (config/cache_settings.py). MAP, KEY and BODY are lengths in
bytes; `-` stands for no map name, for no known boot_id, and for no value of the operator's. The MAC
is BLAKE2b (RFC 7693) of all that is before it, keyed by what the answer is the answer to. So a file
that is torn or forged, or that belongs to another answer, is not a stored answer. A tombstone takes
the place of an answer that the operator has purged, and is none.

Nothing here does any I/O.
"""

from __future__ import annotations

from ..blake2 import blake2b
from ..config.cache_settings import MAX_AGE, NOT_FOUND_MAX_AGE, STALE_IF_ERROR
from .clock import Moment, elapsed_sec, is_exact

TYPE_CHECKING = False
if TYPE_CHECKING:
    import os

    from ..config.cache_settings import CacheSettings

    Mark = tuple[int, int, int, int, int]

# How an answer may be used.
FRESH = "fresh"
STALE = "stale"
UNUSABLE = "unusable"

# The content of a tombstone.
TOMBSTONE = b"TOMBSTONE 1\n"

# A file counts with whole blocks.
BLOCK_BYTES = 4096

_MAGIC = b"ANSWER 1 "
_MAC_BYTES = 32
_NONE = b"-"
_END_OF_TIME = 1e12  # seconds


class StoredAnswer:
    """An answer as it is stored.

    Attributes:
        key: the key that was looked up.
        map_name: the name of the map; None if the protocol has none.
        status: the HTTP status, 200 or 404.
        body: the body of the response.
        stored: when the response was complete.
        lifetime_sec: the age up to which the answer is fresh (RFC 9111, 4.2.1).
        stale_sec: for how long after that it may be used in an outage (RFC 5861, 4).
        age_sec: its age when it was complete (RFC 9111, 4.2.3).
        by_operator: which durations are the operator's: MAX_AGE or NOT_FOUND_MAX_AGE, then
            STALE_IF_ERROR. Those of the backend are not among them.
        is_expired: has the operator declared it stale? The file is read-only then.
    """

    __slots__ = (
        "age_sec",
        "body",
        "by_operator",
        "is_expired",
        "key",
        "lifetime_sec",
        "map_name",
        "stale_sec",
        "status",
        "stored",
    )

    def __init__(  # noqa: PLR0913 - what there is to store
        self,
        key: bytes,
        map_name: bytes | None,
        status: int,
        body: bytes,
        *,
        stored: Moment,
        lifetime_sec: int,
        stale_sec: int,
        age_sec: float,
        by_operator: bytes = b"",
    ) -> None:
        """All times are 0 or more."""
        self.key = key
        self.map_name = map_name
        self.status = status
        self.body = body
        self.stored = stored
        self.lifetime_sec = lifetime_sec
        self.stale_sec = stale_sec
        self.age_sec = age_sec
        self.by_operator = by_operator
        self.is_expired = False

    def follow(self, settings: CacheSettings) -> None:
        """Set the durations that are the operator's to the present values."""
        if MAX_AGE in self.by_operator:
            self.lifetime_sec = settings.max_age
        if NOT_FOUND_MAX_AGE in self.by_operator:
            self.lifetime_sec = settings.not_found_max_age
        if STALE_IF_ERROR in self.by_operator:
            self.stale_sec = settings.stale_if_error

    def use_at(self, now: Moment) -> tuple[str, float]:
        """FRESH, STALE (for outages) or UNUSABLE, and the age in seconds.

        The age is 0 if it is unknown; the answer is UNUSABLE then.
        """
        elapsed = elapsed_sec(self.stored, now)
        if elapsed is None:
            return UNUSABLE, 0.0
        age = self.age_sec + elapsed
        if age < self.lifetime_sec and not self.is_expired and is_exact(self.stored, now):
            return FRESH, age
        # Within the lifetime as well, because the age may be a wrong estimate.
        is_permitted = self.stale_sec > 0 and age < self.lifetime_sec + self.stale_sec
        return STALE if is_permitted else UNUSABLE, age


def to_bytes(answer: StoredAnswer, mac_key: bytes) -> bytes:
    """The content of a file; `mac_key` has 1 to 64 bytes."""
    stored, map_name = answer.stored, answer.map_name
    content = b"%s%d %d %s %d %d %s %d %d %s %d %d\n%s%s%s" % (
        _MAGIC,
        stored.wall * 1000,
        stored.boot * 1000,
        stored.boot_id or _NONE,
        answer.lifetime_sec,
        answer.stale_sec,
        answer.by_operator or _NONE,
        answer.age_sec * 1000,
        answer.status,
        _NONE if map_name is None else b"%d" % len(map_name),
        len(answer.key),
        len(answer.body),
        map_name or b"",
        answer.key,
        answer.body,
    )
    return content + _mac_of(content, mac_key)


def from_bytes(content: bytes, mac_key: bytes) -> StoredAnswer | None:
    """The answer in a file; None if it is not one, or not the one that `mac_key` belongs to."""
    if _mac_of(content[:-_MAC_BYTES], mac_key) != content[-_MAC_BYTES:]:
        return None
    return _parsed(content)


def unverified(content: bytes) -> StoredAnswer | None:
    """The answer in a file, whatever its MAC is; only to be shown. None if it is not one.

    Without a MAC, anything may be in the file. Numbers that no handler writes, with which those who
    show the answer could not calculate, mean that it is not an answer.
    """
    answer = _parsed(content)
    if answer is None:
        return None
    stored = answer.stored
    durations = (stored.boot, answer.age_sec, answer.lifetime_sec, answer.stale_sec)
    parts = (answer.map_name or b"") + answer.key + answer.body
    is_possible = (
        abs(stored.wall) < _END_OF_TIME
        and all(0 <= each < _END_OF_TIME for each in durations)
        and content[:-_MAC_BYTES].endswith(b"\n" + parts)
    )
    return answer if is_possible else None


def _parsed(content: bytes) -> StoredAnswer | None:
    """The answer in a file; None if it does not have the form of one."""
    if not content.startswith(_MAGIC):
        return None
    head, _, rest = content[len(_MAGIC) : -_MAC_BYTES].partition(b"\n")
    try:
        wall, boot, boot_id, lifetime, stale, operator, age, *rest_of_head = head.split(b" ")
        status, of_map, of_key, of_body = rest_of_head
        map_end = 0 if of_map == _NONE else int(of_map)
        key_end = map_end + int(of_key)
        if key_end + int(of_body) != len(rest):
            return None
        return StoredAnswer(
            rest[map_end:key_end],
            None if of_map == _NONE else rest[:map_end],
            int(status),
            rest[key_end:],
            stored=Moment(int(wall) / 1000, int(boot) / 1000, b"" if boot_id == _NONE else boot_id),
            lifetime_sec=int(lifetime),
            stale_sec=int(stale),
            age_sec=int(age) / 1000,
            by_operator=b"" if operator == _NONE else operator,
        )
    except (ValueError, OverflowError):
        return None


def _mac_of(content: bytes, mac_key: bytes) -> bytes:
    return blake2b(content, key=mac_key, digest_size=_MAC_BYTES).digest()


def rounded(size: int) -> int:
    """What a file of so many bytes takes up."""
    return (size + BLOCK_BYTES - 1) // BLOCK_BYTES * BLOCK_BYTES


def mark_of(found: os.stat_result) -> Mark:
    """What changes when a file is replaced or declared stale; the last is its rounded size."""
    return (
        found.st_ino,
        found.st_ctime_ns,
        found.st_mtime_ns,
        found.st_mode,
        rounded(found.st_size),
    )
