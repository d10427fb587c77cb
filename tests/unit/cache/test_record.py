# SPDX-License-Identifier: MIT
"""A stored answer comes back from its bytes as it was, or not at all."""

from __future__ import annotations

import pytest

from postfix_rest_inetd.cache.clock import Moment
from postfix_rest_inetd.cache.record import (
    FRESH,
    STALE,
    TOMBSTONE,
    UNUSABLE,
    StoredAnswer,
    from_bytes,
    to_bytes,
    unverified,
)
from postfix_rest_inetd.config.cache_settings import CacheSettings

KEY = b"k" * 32
BOOT = b"0123456789abcdef" * 2
STORED = Moment(1_700_000_000.25, 5000.5, BOOT)


def answer(key=b"user@example.com", map_name=None, status=200, body=b'"x"', **values):
    """An answer that is fresh for a minute and may be used for a day after that."""
    times = {"stored": STORED, "lifetime_sec": 60, "stale_sec": 86400, "age_sec": 1.5} | values
    return StoredAnswer(key, map_name, status, body, **times)


def facts(stored: StoredAnswer):
    """All that is in a stored answer."""
    moment = stored.stored
    values = {name: getattr(stored, name) for name in StoredAnswer.__slots__ if name != "stored"}
    return values | {"stored": (moment.wall, moment.boot, moment.boot_id)}


ANSWERS = [
    answer(),
    answer(map_name=b"aliases"),
    answer(map_name=b""),
    answer(key=b"", body=b""),
    answer(status=404, body=b""),
    answer(key=bytes(range(256)), map_name=bytes(range(256)), body=bytes(range(256)) * 100),
    answer(key=b"\n - \n", map_name=b"-"),
    answer(stored=Moment(-1.5, 0.0, b"")),
    answer(lifetime_sec=0, stale_sec=2**31, age_sec=0),
    answer(by_operator=b"fs"),
]


@pytest.mark.parametrize("stored", ANSWERS)
def test_round_trip(stored):
    """Everything comes back."""
    content = to_bytes(stored, KEY)
    assert facts(from_bytes(content, KEY)) == facts(stored)
    assert facts(unverified(content)) == facts(stored)


@pytest.mark.parametrize("stored", ANSWERS[:2])
def test_another_identity(stored):
    """What was asked with another token, or for another key, is not an answer."""
    assert from_bytes(to_bytes(stored, KEY), b"K" * 32) is None


@pytest.mark.parametrize("stored", ANSWERS[:5])
def test_every_bit_counts(stored):
    """A file with one bit flipped is not an answer."""
    content = to_bytes(stored, KEY)
    for bit in range(len(content) * 8):
        damaged = bytearray(content)
        damaged[bit // 8] ^= 1 << bit % 8
        assert from_bytes(bytes(damaged), KEY) is None


@pytest.mark.parametrize("stored", ANSWERS[:5])
def test_every_byte_counts(stored):
    """A torn file is not an answer, nor is one with something after it, or filled up with zeros."""
    content = to_bytes(stored, KEY)
    for length in range(len(content)):
        assert from_bytes(content[:length], KEY) is None
        assert from_bytes(content[:length].ljust(len(content), b"\0"), KEY) is None
    assert from_bytes(content + b"\0", KEY) is None


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0" * 4096,
        TOMBSTONE,
        b"ANSWER 1 ",
        b"ANSWER 1 \n",
        b"x" * 32,
        b"\n" * 100,
        b"ANSWER 1 0 0 - 0 0 0 200 - 9 9\nk" + b"m" * 32,
        b"ANSWER 2" + to_bytes(answer(), KEY)[8:],
    ],
)
def test_other_content(content):
    """Anything else is not an answer, whether it is to be used or only to be shown."""
    assert from_bytes(content, KEY) is None
    assert unverified(content) is None


def later(seconds: float, wall_sec: float | None = None, boot_id: bytes = BOOT) -> Moment:
    """So many seconds after STORED, by the clock since boot and by the wall clock."""
    wall_sec = seconds if wall_sec is None else wall_sec
    return Moment(STORED.wall + wall_sec, STORED.boot + seconds, boot_id)


@pytest.mark.parametrize(
    "stored, moment, use, age",
    [
        (answer(), later(0), FRESH, 1.5),
        (answer(), later(58), FRESH, 59.5),
        # Fresh means that the lifetime is greater than the age (RFC 9111, 4.2).
        (answer(), later(58.5), STALE, 60.0),
        (answer(), later(86458), STALE, 86459.5),
        (answer(), later(86458.5), UNUSABLE, 86460.0),
        (answer(), later(10, wall_sec=-5000), FRESH, 11.5),
        (answer(), later(10, wall_sec=10**6), FRESH, 11.5),
        (answer(), later(-10), UNUSABLE, 0.0),
        (answer(), later(-4990, wall_sec=10, boot_id=b"f" * 32), STALE, 11.5),
        (answer(), later(10, wall_sec=-1, boot_id=b"f" * 32), UNUSABLE, 0.0),
        (answer(), later(10, boot_id=b""), STALE, 11.5),
        (answer(stale_sec=0), later(10, boot_id=b""), UNUSABLE, 11.5),
        (answer(stale_sec=0), later(60), UNUSABLE, 61.5),
        (answer(lifetime_sec=0), later(0), STALE, 1.5),
    ],
)
def test_use(stored, moment, use, age):
    """Fresh for its lifetime, if the time is known exactly; then for outages; then never."""
    assert stored.use_at(moment) == (use, age)


@pytest.mark.parametrize(
    "by_operator, lifetime_sec, stale_sec",
    [(b"", 60, 86400), (b"f", 1, 86400), (b"n", 2, 86400), (b"s", 60, 3), (b"ns", 2, 3)],
)
def test_the_operators_present_values(by_operator, lifetime_sec, stale_sec):
    """They replace those of the operator, and not the backend's."""
    stored = answer(by_operator=by_operator)
    stored.follow(CacheSettings(max_age=1, not_found_max_age=2, stale_if_error=3))
    assert (stored.lifetime_sec, stored.stale_sec) == (lifetime_sec, stale_sec)


def test_what_the_operator_has_declared_stale():
    """It may be used in an outage only."""
    stored = answer()
    stored.is_expired = True
    assert stored.use_at(later(1)) == (STALE, 2.5)


def forged(wall=b"1000", lifetime=b"60", age=b"0", lengths=b"- 3 2"):
    """A file without a right MAC, which may say anything."""
    head = b"ANSWER 1 %b 5000 - %b 3600 - %b 200 %b\n" % (wall, lifetime, age, lengths)
    return head + b"key[]" + bytes(32)


IMPOSSIBLE = {
    "a time that no float can hold": {"wall": b"9" * 400},
    "a time with which nobody can calculate": {"wall": b"9" * 100},
    "a time long before 1970": {"wall": b"-" + b"9" * 100},
    "a lifetime that no float can hold": {"lifetime": b"9" * 400},
    "a lifetime below zero": {"lifetime": b"-1"},
    "an age below zero": {"age": b"-1000"},
    "more digits than Python takes": {"wall": b"9" * 5000},
    "a length below zero, with which parts overlap": {"lengths": b"4 -3 4"},
}


@pytest.mark.parametrize("parts", IMPOSSIBLE.values(), ids=IMPOSSIBLE)
def test_impossible_numbers(parts):
    """What no handler writes is not shown as an answer, and not an error."""
    assert unverified(forged()) is not None
    assert unverified(forged(**parts)) is None
