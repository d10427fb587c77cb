# SPDX-License-Identifier: MIT
"""An outage of a target: when the next attempt is due, and its form as the content of a file.

The pause until the next attempt begins with RETRY_SEC, and doubles up to MAX_PAUSE_SEC.

A record has a fixed size and a MAC. One that is torn, corrupt or of another format is none. One of
another boot, or of the future, says nothing.
"""

from __future__ import annotations

from os import urandom

from ..blake2 import blake2b
from .clock import Moment, elapsed_sec

RETRY_SEC = 1.0
MAX_PAUSE_SEC = 30.0

FORMAT = "1"
RECORD_BYTES = 192
_MAC_BYTES = 16
_FIELDS = 8
_UNKNOWN = "-"
_END_OF_TIME = 1e12


class Outage:
    """An outage.

    Attributes:
        since: when it began, by the wall clock; tells one outage from another.
        at: when the last attempt was claimed or has failed.
        wait_sec: how long after that the next attempt is due.
        pause_sec: what `wait_sec` was made from.
        tag: of the only lookup for which the target is down; empty if it is down for all.
    """

    __slots__ = ("at", "pause_sec", "since", "tag", "wait_sec")

    def __init__(
        self, since: float, at: Moment, wait_sec: float, pause_sec: float, tag: str = ""
    ) -> None:
        """See the class."""
        self.tag = tag
        self.since = since
        self.at = at
        self.wait_sec = wait_sec
        self.pause_sec = pause_sec

    def is_valid(self, moment: Moment) -> bool:
        """Does the record say something at this moment?"""
        before, after = self.at.boot_id, moment.boot_id
        is_other_boot = before and after and before != after
        return not is_other_boot and elapsed_sec(self.at, moment) is not None

    def is_due(self, moment: Moment) -> bool:
        """May the target be asked again?"""
        elapsed = elapsed_sec(self.at, moment)
        return elapsed is None or elapsed >= self.wait_sec

    def after_claim(self, moment: Moment) -> Outage:
        """The record while the handler that has claimed the attempt asks."""
        pause_sec = min(2 * self.pause_sec, MAX_PAUSE_SEC)
        return Outage(self.since, moment, _jittered(pause_sec), pause_sec, self.tag)

    def after_failure(self, moment: Moment) -> Outage:
        """The record when the claimed attempt has failed: the pause begins anew."""
        return Outage(self.since, moment, _jittered(self.pause_sec), self.pause_sec, self.tag)

    def for_all(self, moment: Moment) -> Outage:
        """The record when a request with another tag has failed as well."""
        return Outage(self.since, moment, RETRY_SEC, RETRY_SEC)

    def packed(self, key: bytes) -> bytes:
        """The content of the file."""
        at = self.at
        text = (
            f"{FORMAT} {self.since!r} {at.wall!r} {at.boot!r} {self.wait_sec:.3f} "
            f"{self.pause_sec:.3f} {self.tag or _UNKNOWN} "
            f"{at.boot_id.decode('latin-1') or _UNKNOWN}"
        ).encode("latin-1")
        text = text[: RECORD_BYTES - 2 * _MAC_BYTES].ljust(RECORD_BYTES - 2 * _MAC_BYTES)
        return _mac(text, key) + text


def began(moment: Moment, tag: str) -> Outage:
    """The outage that begins at this moment, for the lookup with this tag or for all."""
    return Outage(moment.wall, moment, RETRY_SEC, RETRY_SEC, tag)


def unpacked(data: bytes, key: bytes) -> Outage | None:
    """The outage that the content of a file tells of; None if that cannot be used."""
    mac, text = data[: 2 * _MAC_BYTES], data[2 * _MAC_BYTES :]
    if len(data) != RECORD_BYTES or mac != _mac(text, key):
        return None
    fields = text.decode("latin-1").split()
    if len(fields) != _FIELDS or fields[0] != FORMAT:
        return None
    try:
        since, wall, boot, wait_sec, pause_sec = map(float, fields[1:6])
    except ValueError:
        return None
    are_times = all(0 <= each < _END_OF_TIME for each in (since, wall, boot))  # not NaN either
    if not (are_times and 0 <= wait_sec <= MAX_PAUSE_SEC and 0 < pause_sec <= MAX_PAUSE_SEC):
        return None
    tag, boot_id = ("" if field == _UNKNOWN else field for field in fields[6:])
    at = Moment(wall, boot, boot_id.encode("latin-1"))
    return Outage(since, at, wait_sec, pause_sec, tag)


def _mac(text: bytes, key: bytes) -> bytes:
    return blake2b(text, digest_size=_MAC_BYTES, key=key).hexdigest().encode("ascii")


def _jittered(seconds: float) -> float:
    """Between half of it and all of it, so that not all machines ask a backend at once."""
    return seconds * (0.5 + urandom(1)[0] / 510)
