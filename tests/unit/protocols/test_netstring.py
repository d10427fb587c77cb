# SPDX-License-Identifier: MIT
"""Netstrings: the framing alone, apart from what socketmap puts into it."""

from __future__ import annotations

import pytest

from harness.wire import in_every_partition, in_two_pieces, table
from postfix_rest_inetd.protocols import netstring

LIMIT = 12


def payloads(pieces, limit=LIMIT):
    """The payloads of a stream, and the text of the error that ended it."""
    decoder = netstring.NetstringDecoder(limit)
    found = []
    try:
        for piece in pieces:
            decoder.feed(piece)
            while (payload := decoder.next_payload()) is not None:
                found.append(payload)
    except netstring.NetstringError as error:
        return found, str(error)
    return found, None


GOOD = {
    "an ordinary payload": (b"3:abc,", [b"abc"]),
    "the empty payload has a comma too": (b"0:,", [b""]),
    "nothing is left behind the comma of an empty one": (b"0:,1:x,0:,", [b"", b"x", b""]),
    "a payload of punctuation": (b"4:1:,,,", [b"1:,,"]),
    "all octets": (b"4:\0\n\xff,,", [b"\0\n\xff,"]),
    "two digits": (b"10:0123456789,", [b"0123456789"]),
    "a zero inside the length": (b"10:..........,2:ok,", [b"." * 10, b"ok"]),
    "the longest": (b"12:............,", [b"." * 12]),
}

BAD = {
    "no length": (b":abc,", "Expected a digit, but got: :"),
    "a negative length": (b"-1:,", "Expected a digit, but got: -"),
    "a sign": (b"+1:x,", "Expected a digit, but got: +"),
    "a blank": (b" 1:x,", "Expected a digit, but got: 0x20"),
    "a newline": (b"\n", "Expected a digit, but got: 0x0a"),
    "another protocol": (b"get k\n", "Expected a digit, but got: g"),
    "a letter in the length": (b"1x:y,", "Expected a digit, but got: x"),
    "the octet below the digits": (b"/", "Expected a digit, but got: /"),
    "the octet above them in the length": (b"1;", "Expected a digit, but got: ;"),
    "an 8-bit octet": (b"\x80", "Expected a digit, but got: 0x80"),
    "the last printable octet": (b"~", "Expected a digit, but got: ~"),
    "the one behind it": (b"\x7f", "Expected a digit, but got: 0x7f"),
    "the first printable octet": (b"!", "Expected a digit, but got: !"),
    "zeros": (b"00:,", "The length has a leading zero"),
    "a leading zero": (b"01:x,", "The length has a leading zero"),
    "one over the limit, at the digit": (b"13", "The length is over 12"),
    "far over the limit": (b"99999999999999999999", "The length is over 12"),
    "a payload longer than said": (b"1:xy,", "Expected comma, but got: y"),
    "a line end for a comma": (b"1:x\n", "Expected comma, but got: 0x0a"),
    "an empty payload without comma": (b"0:1:x,", "Expected comma, but got: 1"),
}


@in_every_partition
@pytest.mark.parametrize("stream, expected", table(GOOD))
def test_payload(stream, expected, partition):
    """A netstring gives its payload, in whatever pieces it comes."""
    assert payloads(partition(stream)) == (expected, None)


@in_every_partition
@pytest.mark.parametrize("stream, expected", table(GOOD))
def test_payload_with_trailing_bytes(stream, expected, partition):
    """What stands behind a netstring is not lost."""
    assert payloads(partition(stream + b"2:ok,5:ab")) == ([*expected, b"ok"], None)


@in_every_partition
@pytest.mark.parametrize("stream, text", table(BAD))
@pytest.mark.parametrize("trailing", [b"", b"1:x,"], ids=["alone", "trailing"])
def test_violation(stream, text, trailing, partition):
    """A violation names what was expected and the octet that stood there, in printable ASCII."""
    assert payloads(partition(b"1:a," + stream + trailing)) == ([b"a"], text)


def test_payloads_in_two_pieces():
    """Wherever a stream is cut, the payloads in it are the same."""
    for pieces in in_two_pieces(b"3:abc,0:,11:hello world,1:x,"):
        assert payloads(pieces) == ([b"abc", b"", b"hello world", b"x"], None)


@pytest.mark.parametrize("head", [b"", b"1"], ids=["first", "second"])
def test_digits(head):
    """Of all octets only the ten digits may stand in a length, and the colon ends it."""
    refused = [
        octet
        for octet in range(256)
        if (payloads([head + bytes([octet])], limit=99)[1] or "").startswith("Expected a digit")
    ]
    others = set(range(256)) - set(b"0123456789") - set(b":" if head else b"")
    assert set(refused) == others


def test_pending():
    """A netstring is pending from its first digit to its comma."""
    decoder = netstring.NetstringDecoder(LIMIT)
    states = [decoder.pending]
    for octet in b"1:x,":
        decoder.feed(bytes([octet]))
        decoder.next_payload()
        states.append(decoder.pending)
    assert states == [False, True, True, True, False]


@pytest.mark.parametrize(
    "payload, frame", table({"empty": (b"", b"0:,"), "octets": (b"\xff,\n", b"3:\xff,\n,")})
)
def test_encode(payload, frame):
    """A payload is framed by its length in bytes and a comma."""
    assert netstring.encode(payload) == frame
