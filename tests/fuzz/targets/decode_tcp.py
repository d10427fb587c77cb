# SPDX-License-Identifier: MIT
"""However its bytes arrive, a stream is the same requests, spelled so, and the same error."""

from __future__ import annotations

from urllib.parse import unquote_to_bytes

from fuzz.decoding import requests_of
from fuzz.pieces import limits

from postfix_rest_inetd.protocols import tcp_table

MODULES = ("protocols.tcp_table",)
_SHORT = 24


def run(data: bytes) -> None:
    """DATA is what arrives."""
    check(data, tcp_table.MAX_REQUEST_BYTES)
    with limits(tcp_table, MAX_REQUEST_BYTES=_SHORT):
        check(data, _SHORT)


def check(data: bytes, limit: int) -> None:
    """Compare with the lines of DATA."""
    seen = requests_of(tcp_table.Decoder, data)
    *lines, rest = data.split(b"\n")
    for line, (map_name, key) in zip(lines, seen.requests, strict=False):
        assert line.startswith(b"get ")
        assert len(line) < limit
        assert not line[4:].translate(None, bytes(range(0x21, 0x7F)))
        assert (map_name, key) == (None, unquote_to_bytes(line[4:]))
        assert b"\0" not in key
    if seen.reason is None:
        assert (len(seen.requests), rest) == (len(lines), b"")
    else:
        assert seen.reply_text == "Broken request!"
        assert len(seen.requests) <= len(lines)
        if len(seen.requests) == len(lines):
            assert rest
        else:
            assert not is_good(lines[len(seen.requests)], limit)


def is_good(line: bytes, limit: int) -> bool:
    """Could Postfix have sent this line? Octets that need no %XX may have it."""
    command, key = line[:4], line[4:]
    if command != b"get " or len(line) + 1 > limit:
        return False
    for at, octet in enumerate(key):
        if not 0x21 <= octet <= 0x7E:
            return False
        digits = key[at + 1 : at + 3].decode("latin-1")
        if octet == 0x25 and (
            len(digits) < 2
            or not all(digit in "0123456789abcdefABCDEF" for digit in digits)
            or digits == "00"
        ):
            return False
    return True
