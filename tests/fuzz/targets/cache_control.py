# SPDX-License-Identifier: MIT
"""A field is the directives that the grammar has in it, and no grant exceeds any of them."""

from __future__ import annotations

import re
from types import SimpleNamespace
from zlib import crc32

from postfix_rest_inetd.cache.control import MAX_SEC, delta_seconds, directives, grant

MODULES = ("cache.control", "cache.http_date", "config.cache_settings")

_TOKEN = rb"[!#$%&'*+\-.^_`|~0-9A-Za-z]+"
_QUOTED = rb'"(?:[^"\\]|\\.)*"'
_MEMBER = re.compile(
    rb"(" + _TOKEN + rb")(?:=(?:(" + _TOKEN + rb")|(" + _QUOTED + rb")))?", re.DOTALL
)
_PART = re.compile(rb'(?:[^",]|"(?:[^"\\]|\\.)*(?:"|\\?\Z))*', re.DOTALL)
_NAMES = (b"age", b"cache-control", b"date", b"expires", b"pragma", b"vary")
_NOW = 784_111_777.0  # Sun, 06 Nov 1994 08:49:37 GMT


def run(data: bytes) -> None:
    """DATA has the lines of a header: a name of _NAMES by a digit, a colon, and the value."""
    fields: dict[bytes, bytes] = {}
    for line in data.split(b"\n"):
        check_directives(line[2:])
        if line[:1].isdigit() and line[1:2] == b":":
            name = _NAMES[int(line[:1]) % len(_NAMES)]
            value = line[2:].strip(b" \t")
            fields[name] = fields[name] + b"," + value if name in fields else value
    check_grant(fields, crc32(data))


def check_directives(field: bytes) -> None:
    """Compare with the grammar."""
    assert directives(field) == model(field)
    number = delta_seconds(field)
    digits = re.fullmatch(rb"0*([0-9]{1,20})", field)
    if digits:
        assert number == min(int(digits[1]), MAX_SEC)
    elif re.fullmatch(rb"[0-9]+", field):
        assert number == MAX_SEC
    else:
        assert number is None


def model(field: bytes) -> dict[bytes, bytes | None] | None:
    """The same as directives(), by regular expressions."""
    found: dict[bytes, bytes | None] = {}
    at = 0
    while True:
        part = _PART.match(field, at)
        member = part[0].strip(b" \t")
        if member:
            match = _MEMBER.fullmatch(member.lower())
            if match is None:
                return None
            name, token, quoted = match.groups()
            argument = token
            if quoted is not None:
                argument = re.sub(rb"\\(.)", rb"\1", quoted[1:-1], flags=re.DOTALL)
            is_other = name in found and found[name] != argument
            found[name] = b"?" if is_other else argument
        at = part.end() + 1
        if at > len(field):
            return found


def check_grant(fields: dict[bytes, bytes], number: int) -> None:
    """What is granted is permitted by each of the fields."""
    settings = SimpleNamespace(
        max_age=number % 3 * 100, not_found_max_age=number % 5 * 10, stale_if_error=number % 7 * 50
    )
    is_found, delay = bool(number % 2), number % 4 / 8
    granted = grant(
        fields, is_found=is_found, settings=settings, requested_wall=_NOW, delay_sec=delay
    )
    if granted is None:
        return
    said = model(fields.get(b"cache-control", b""))
    assert said is not None
    assert not {b"no-store", b"no-cache"} & set(said)
    assert b"*" not in [name.strip(b" \t") for name in fields.get(b"vary", b"").split(b",")]
    assert 0 <= granted.lifetime_sec <= MAX_SEC
    assert 0 <= granted.stale_sec <= MAX_SEC
    assert granted.age_sec < granted.lifetime_sec + granted.stale_sec
    assert granted.age_sec >= delay
    if b"max-age" in said:
        assert granted.lifetime_sec == number_of(said[b"max-age"])
    elif b"expires" not in fields:
        assert granted.lifetime_sec == (
            settings.max_age if is_found else settings.not_found_max_age
        )
    if b"must-revalidate" in said:
        assert granted.stale_sec == 0
    elif b"stale-if-error" in said:
        assert granted.stale_sec == number_of(said[b"stale-if-error"])
    else:
        assert granted.stale_sec == settings.stale_if_error
    if not said:
        assert b"no-cache" not in fields.get(b"pragma", b"").lower().replace(b" ", b"").split(b",")


def number_of(argument: bytes | None) -> int:
    """The seconds of an argument; 0 if it is not a number."""
    return min(int(argument[-4000:]), MAX_SEC) if argument and argument.isdigit() else 0
