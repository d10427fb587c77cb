# SPDX-License-Identifier: MIT
"""Any bytes in a file are the stored answer, exactly, or no answer, and never an exception."""

from __future__ import annotations

import hashlib
from zlib import crc32

from postfix_rest_inetd.cache import record
from postfix_rest_inetd.cache.clock import Moment

MODULES = ("cache.record", "cache.clock", "blake2")

_KEY, _OTHER_KEY = b"k" * 32, b"o" * 32
_MAC_BYTES = 32
_BOOT_ID = b"0123456789abcdef" * 2
_NOW, _FOREVER = Moment(2e9, 2e5, _BOOT_ID), 1e13
_STATUSES = (200, 404)
_OPERATOR = (b"", b"m", b"n", b"s", b"ms", b"ns")


def run(data: bytes) -> None:
    """DATA is the content of a file, what the MAC is for, and the parts of an answer."""
    # Whatever it is, it is no answer, unless its last 32 bytes are the right MAC.
    look(data)
    # As if somebody had the key: the format alone has to bear it.
    sealed = data + hashlib.blake2b(data, key=_KEY, digest_size=_MAC_BYTES).digest()
    found = look(sealed)
    assert record.from_bytes(sealed, _OTHER_KEY) is None
    assert found is None or found.use_at(_NOW)[0] in (record.FRESH, record.STALE, record.UNUSABLE)
    stored = answer_of(data)
    content = record.to_bytes(stored, _KEY)
    assert record.unverified(content) is not None
    read = look(content)
    assert read is not None
    assert parts_of(read) == parts_of(stored)
    damaged = damage(content, data)
    if damaged != content:
        assert record.from_bytes(damaged, _KEY) is None
        look(damaged)


def look(content: bytes) -> record.StoredAnswer | None:
    """What handlers and operators see in a file."""
    shown = record.unverified(content)
    found = record.from_bytes(content, _KEY)
    is_sealed = (
        content[-_MAC_BYTES:]
        == hashlib.blake2b(content[:-_MAC_BYTES], key=_KEY, digest_size=_MAC_BYTES).digest()
    )
    assert found is None or is_sealed
    assert shown is None or found is not None or not is_sealed
    if shown is not None:
        parts = (shown.map_name or b"") + shown.key + shown.body
        assert content[:-_MAC_BYTES].partition(b"\n")[2] == parts
        how, age = shown.use_at(_NOW)
        assert how in (record.FRESH, record.STALE, record.UNUSABLE)
        assert 0 <= age < _FOREVER
        assert 0 <= shown.lifetime_sec + shown.stale_sec < _FOREVER
    return found


def answer_of(data: bytes) -> record.StoredAnswer:
    """An answer that is made from an input."""
    number = crc32(data)
    first, _, rest = data.partition(b"\x1f")
    key, _, body = rest.partition(b"\x1f")
    stored = Moment(number / 8, number % 1000 / 8, _BOOT_ID if number % 3 else b"")
    return record.StoredAnswer(
        key,
        None if number % 5 == 0 else first,
        _STATUSES[number % 2],
        body,
        stored=stored,
        lifetime_sec=number % 2**31,
        stale_sec=number % 7 * 1000,
        age_sec=number % 1001 / 8,
        by_operator=_OPERATOR[number % len(_OPERATOR)],
    )


def parts_of(answer: record.StoredAnswer) -> tuple[object, ...]:
    """An answer as a value; times in milliseconds, as they are stored."""
    stored = answer.stored
    return (
        *(answer.key, answer.map_name, answer.status, answer.body),
        *(answer.lifetime_sec, answer.stale_sec, answer.by_operator, stored.boot_id),
        *(round(each * 1000) for each in (stored.wall, stored.boot, answer.age_sec)),
    )


def damage(content: bytes, data: bytes) -> bytes:
    """A file that was torn, or in which octets changed."""
    at = crc32(data) % len(content)
    if len(data) % 2:
        return content[:at]
    changed = bytearray(content)
    changed[at] ^= 1 + len(data) % 255
    return bytes(changed)
