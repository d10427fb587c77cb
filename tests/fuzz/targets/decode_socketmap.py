# SPDX-License-Identifier: MIT
"""However its bytes arrive, a stream is the same requests, spelled so, and the same error."""

from __future__ import annotations

from fuzz.decoding import requests_of
from fuzz.pieces import limits
from property.postfix_client import socketmap_request

from postfix_rest_inetd.protocols import socketmap

MODULES = ("protocols.socketmap", "protocols.netstring")
_SHORT = 12


def run(data: bytes) -> None:
    """DATA is what arrives."""
    check(data, socketmap.MAX_REQUEST_BYTES)
    with limits(socketmap, MAX_REQUEST_BYTES=_SHORT):
        check(data, _SHORT)


def check(data: bytes, limit: int) -> None:
    """Compare with what Postfix sends for these requests."""
    seen = requests_of(socketmap.Decoder, data)
    rest = data
    for name, key in seen.requests:
        wire = socketmap_request(name, key)
        assert rest.startswith(wire)
        assert b" " not in name
        assert b"\0" not in name + key
        assert len(name) + 1 + len(key) <= limit
        rest = rest[len(wire) :]
    if seen.reason is None:
        assert rest == b""
    else:
        assert seen.reply_text == f"Broken request! ({seen.reason})"
        assert not begins_well(rest, limit)


def begins_well(rest: bytes, limit: int) -> bool:
    """Does this begin with a request that is complete and as it should be?"""
    digits, colon, after = rest.partition(b":")
    if not colon or not 1 <= len(digits) <= len(str(limit)) or not digits.isdigit():
        return False
    length = int(digits)
    payload = after[:length]
    is_framed = str(length).encode() == digits and after[length : length + 1] == b","
    return length <= limit and is_framed and b" " in payload and b"\0" not in payload
