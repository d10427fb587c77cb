# SPDX-License-Identifier: MIT
"""Any bytes in a file are the outage that was recorded, or none, and never an exception."""

from __future__ import annotations

import hashlib
import math
import os
from zlib import crc32

from postfix_rest_inetd.cache import outage, outages
from postfix_rest_inetd.cache.clock import Moment

MODULES = ("cache.outages", "cache.outage", "cache.clock", "blake2")

_KEY = b"k" * 64
_HEX_BYTES = 32
_TEXT_BYTES = 160
_PRECISION_SEC = 0.001
_TAG_DIGITS, _BOOT_ID_DIGITS = 16, 32
_NOW = Moment(2e9, 2e5, b"0123456789abcdef" * 2)


def run(data: bytes) -> None:
    """DATA is the content of a file, and the text in it."""
    assert read(data) is None or is_sealed(data)
    text = data[:_TEXT_BYTES].ljust(_TEXT_BYTES)
    found = read(mac_of(text) + text)
    if found is not None:
        check(found)
    number = crc32(data)
    at = Moment(number / 8, number % 1000 / 8, _NOW.boot_id if number % 2 else b"")
    tag = "" if number % 3 else f"{number:016x}"
    recorded = outage.Outage(at.wall, at, number % 30, 1 + number % 29, tag)
    packed = recorded.packed(_KEY)
    again = read(packed)
    assert again is not None
    assert parts_of(again) == parts_of(recorded)
    changed = bytearray(packed)
    changed[number % len(packed)] ^= 1 + len(data) % 255
    assert read(bytes(changed)) is None
    assert read(packed[: number % len(packed)]) is None


def read(content: bytes) -> outage.Outage | None:
    """What a handler reads from a file with this content."""
    os.ftruncate(_FILE, 0)
    os.pwrite(_FILE, content, 0)
    return outages._read(_FILE, _KEY)


def check(record: outage.Outage) -> None:
    """It can be used at any moment: times are finite, and no pause is longer than the longest."""
    for number in (record.since, record.at.wall, record.at.boot):
        assert math.isfinite(number)
        assert number >= 0
    assert 0 <= record.wait_sec <= outage.MAX_PAUSE_SEC
    assert 0 < record.pause_sec <= outage.MAX_PAUSE_SEC
    assert outages._valid(record, lambda: _NOW) in (None, record)
    for after in (record.after_claim(_NOW), record.after_failure(_NOW), record.for_all(_NOW)):
        assert 0 <= after.wait_sec <= outage.MAX_PAUSE_SEC
        is_of_ours = len(after.tag) <= _TAG_DIGITS and len(after.at.boot_id) <= _BOOT_ID_DIGITS
        if is_of_ours and after.pause_sec >= _PRECISION_SEC:
            assert read(after.packed(_KEY)) is not None


def parts_of(record: outage.Outage) -> tuple[object, ...]:
    """A record as a value."""
    at = record.at
    return (
        record.since,
        at.wall,
        at.boot,
        at.boot_id,
        record.wait_sec,
        record.pause_sec,
        record.tag,
    )


def mac_of(text: bytes) -> bytes:
    """The MAC, from the standard library."""
    return hashlib.blake2b(text, key=_KEY, digest_size=_HEX_BYTES // 2).hexdigest().encode()


def is_sealed(content: bytes) -> bool:
    """Does a file have the right MAC?"""
    return content[:_HEX_BYTES] == mac_of(content[_HEX_BYTES:])


_FILE = os.memfd_create("fuzz")
