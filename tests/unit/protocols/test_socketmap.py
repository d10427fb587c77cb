# SPDX-License-Identifier: MIT
"""The codec of socketmap_table(5): which netstrings are requests, and the bytes of replies."""

from __future__ import annotations

import pytest

from harness.wire import Seen, in_every_partition, in_two_pieces, run, table
from postfix_rest_inetd import model
from postfix_rest_inetd.errors import InvalidDataError
from postfix_rest_inetd.protocols import socketmap

LIMIT = 110_000
FORMAT = "invalid request format"


def frame(payload: bytes) -> bytes:
    """A netstring, made here and not by the package."""
    return str(len(payload)).encode() + b":" + payload + b","


GOOD = {
    "an ordinary request": (b"7:map key,", (b"map", b"key")),
    "everything behind the first space is the key": (b"5:m a b,", (b"m", b"a b")),
    "a key of blanks": (b"4:m   ,", (b"m", b"  ")),
    "an empty key": (b"2:m ,", (b"m", b"")),
    "an empty name": (b"4: key,", (b"", b"key")),
    "both empty": (b"1: ,", (b"", b"")),
    "nothing is decoded": (b"8:m %41+&,,", (b"m", b"%41+&,")),
    "raw octets": (b"6:m \xff\xfe\n\x01,", (b"m", b"\xff\xfe\n\x01")),
    "UTF-8 counts in bytes": (frame(b"m \xc3\xa9"), (b"m", b"\xc3\xa9")),
    "a carriage return is a part of the key": (b"5:m k\r\n,", (b"m", b"k\r\n")),
    "the longest request": (frame(b"m " + b"k" * (LIMIT - 2)), (b"m", b"k" * (LIMIT - 2))),
}

BAD = {
    "no space": (b"3:key,", FORMAT),
    "an empty payload": (b"0:,", FORMAT),
    "a NUL in the key": (b"5:m a\0b,", FORMAT),
    "a NUL in the name": (b"4:\0m k,", FORMAT),
    "no netstring": (b"get k\n", "Expected a digit, but got: g"),
    "no comma": (b"3:m k;", "Expected comma, but got: ;"),
    "a leading zero": (b"03:m k,", "The length has a leading zero"),
    "one byte over the limit": (b"110001:", "The length is over 110000"),
    "a length without end": (b"9" * 400, "The length is over 110000"),
}

CUT_OFF = {
    "a digit": (b"1",),
    "the colon": (b"3:",),
    "a part of the payload": (b"3:m",),
    "all but the comma": (b"3:m k",),
}


@in_every_partition
@pytest.mark.parametrize("stream, request_seen", table(GOOD))
def test_request(stream, request_seen, partition):
    """A netstring of name, space and key is a request."""
    assert run(socketmap.Decoder(), partition(stream)) == Seen([request_seen])


@in_every_partition
@pytest.mark.parametrize("stream, request_seen", table(GOOD))
def test_request_with_trailing_bytes(stream, request_seen, partition):
    """What stands behind a request is the next one, and the start of one is kept."""
    seen = run(socketmap.Decoder(), partition(stream + b"3:n x,4:"), end=False)
    assert seen == Seen([request_seen, (b"n", b"x")])


def test_requests_in_two_pieces():
    """Wherever a stream is cut, the requests in it are the same."""
    expected = Seen([(b"map", b"key"), (b"", b""), (b"m", b"another key")])
    for pieces in in_two_pieces(b"7:map key,1: ,13:m another key,"):
        assert run(socketmap.Decoder(), pieces) == expected


@in_every_partition
@pytest.mark.parametrize("stream, reason", table(BAD))
@pytest.mark.parametrize("trailing", [b"", b"3:m k,"], ids=["alone", "trailing"])
def test_violation(stream, reason, trailing, partition):
    """Anything else is a broken request whose reply gives the reason in brackets."""
    seen = run(socketmap.Decoder(), partition(b"3:a b," + stream + trailing), end=False)
    assert seen == Seen([(b"a", b"b")], reason, f"Broken request! ({reason})")


@in_every_partition
@pytest.mark.parametrize("stream", table(CUT_OFF))
def test_end_inside_a_request(stream, partition):
    """The end of input in the middle of a request breaks it; until then it is pending."""
    decoder = socketmap.Decoder()
    assert run(decoder, partition(stream), end=False) == Seen([])
    assert decoder.pending
    reason = "The connection ended in the middle of the request"
    assert run(decoder, []) == Seen([], reason, f"Broken request! ({reason})")


def test_end_between_requests():
    """The end of input between requests, or before any, is a good end: nothing is pending."""
    decoder = socketmap.Decoder()
    assert not decoder.pending
    assert run(decoder, []) == Seen([])
    assert run(decoder, [b"3:m k,"]) == Seen([(b"m", b"k")])
    assert not decoder.pending


REPLIES = {
    "a value": (model.REPLY_VALUE, "v1,v2", b"8:OK v1,v2,"),
    "not found has its space": (model.REPLY_NOT_FOUND, "", b"9:NOTFOUND ,"),
    "a temporary error": (model.REPLY_TEMPORARY, "try later", b"14:TEMP try later,"),
    "a timeout": (model.REPLY_TIMEOUT, "late", b"12:TIMEOUT late,"),
    "a permanent error": (model.REPLY_PERMANENT, "no!", b"8:PERM no!,"),
    "nothing is encoded": (model.REPLY_VALUE, "a b%\n,", b"9:OK a b%\n,,"),
    "the length counts bytes": (model.REPLY_VALUE, "é", b"5:OK \xc3\xa9,"),
    "the longest reply": (model.REPLY_VALUE, "v" * 99_997, frame(b"OK " + b"v" * 99_997)),
}


@pytest.mark.parametrize("kind, text, wire", table(REPLIES))
def test_reply(kind, text, wire):
    """A reply is one netstring of status, space and text."""
    assert socketmap.encode(model.Reply(model.FOUND, kind, text)) == wire


@pytest.mark.parametrize(
    "text", table({"plain": ("v" * 99_998,), "only in bytes": ("é" * 49_999,)})
)
def test_reply_over_the_limit(text):
    """Postfix takes 100000 bytes and reads the rest as the next reply: it must never be sent."""
    with pytest.raises(InvalidDataError, match="would be 100001 bytes long"):
        socketmap.encode(model.Reply(model.FOUND, model.REPLY_VALUE, text))
