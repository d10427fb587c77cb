# SPDX-License-Identifier: MIT
"""However its bytes arrive, a stream is the same requests, spelled so, and the same error."""

from __future__ import annotations

from fuzz.decoding import requests_of
from fuzz.pieces import limits
from property.postfix_client import policy_request

from postfix_rest_inetd.protocols import policy

MODULES = ("protocols.policy",)
_SHORT_BYTES, _SHORT_COUNT = 40, 3


def run(data: bytes) -> None:
    """DATA is what arrives."""
    check(data, policy.MAX_REQUEST_BYTES, policy.MAX_ATTRIBUTES)
    with limits(policy, MAX_REQUEST_BYTES=_SHORT_BYTES, MAX_ATTRIBUTES=_SHORT_COUNT):
        check(data, _SHORT_BYTES, _SHORT_COUNT)


def check(data: bytes, limit: int, most: int) -> None:
    """Compare with what Postfix sends for these requests."""
    seen = requests_of(policy.Decoder, data)
    rest = data
    for attributes in seen.requests:
        wire = policy_request(attributes)
        assert rest.startswith(wire)
        assert is_good(wire, limit, most)
        rest = rest[len(wire) :]
    assert seen.reply_text is None
    if seen.reason is None:
        assert rest == b""
    else:
        first, end, _ = rest.partition(b"\n\n")
        assert not (end and is_good(first + end, limit, most))


def is_good(wire: bytes, limit: int, most: int) -> bool:
    """Is this a request as attr_print_plain() makes it?"""
    lines = wire.split(b"\n")[:-2]
    return (
        len(wire) <= limit and 1 <= len(lines) <= most and all(is_attribute(line) for line in lines)
    )


def is_attribute(line: bytes) -> bool:
    """Is this a name of printable characters, `=`, and a value without NUL?"""
    name, equals, value = line.partition(b"=")
    is_printable = all(0x21 <= octet <= 0x7E for octet in name)
    return bool(name and equals) and is_printable and b"\0" not in value
