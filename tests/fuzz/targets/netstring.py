# SPDX-License-Identifier: MIT
"""A stream is the netstrings that the grammar has in it, up to the same octet."""

from __future__ import annotations

import re

from fuzz.pieces import splittings

from postfix_rest_inetd.protocols import netstring

MODULES = ("protocols.netstring",)

_MOST = 20
_LENGTH = re.compile(rb"(0|[1-9][0-9]*):")
_BEGINNING = re.compile(rb"(?:0|[1-9][0-9]*)?")


def run(data: bytes) -> None:
    """DATA is the stream."""
    expected = model(data)
    for pieces in ([data], *splittings(data)):
        assert decoded(pieces) == expected
    for payload in expected[0]:
        assert model(netstring.encode(payload)) == ([payload], "")


def decoded(pieces: list[bytes]) -> tuple[list[bytes], str]:
    """The payloads, and how the stream ended: well, in the middle, or wrong."""
    decoder = netstring.NetstringDecoder(_MOST)
    found = []
    reason = ""
    try:
        for piece in pieces:
            decoder.feed(piece)
            while (payload := decoder.next_payload()) is not None:
                found.append(payload)
    except netstring.NetstringError as error:
        reason = str(error)
    if reason:
        assert reason.isprintable()
        assert reason.isascii()
        return found, "wrong"
    return found, "more" if decoder.pending else ""


def model(rest: bytes) -> tuple[list[bytes], str]:
    """The same, by the grammar."""
    found = []
    while rest:
        match = _LENGTH.match(rest)
        if match is None:
            digits = _BEGINNING.match(rest)[0]
            is_begun = digits == rest and int(digits) <= _MOST
            return found, "more" if is_begun else "wrong"
        length = int(match[1])
        end = match.end() + length
        if length > _MOST:
            return found, "wrong"
        if len(rest) <= end:
            return found, "more"
        if rest[end : end + 1] != b",":
            return found, "wrong"
        found.append(rest[match.end() : end])
        rest = rest[end + 1 :]
    return found, ""
