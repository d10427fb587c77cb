# SPDX-License-Identifier: MIT
"""Reading a response: what is one, how long its body is, and whether its connection can be kept.

Each case is read whole, byte by byte, and cut at each place: how it arrives must not matter.
"""

from __future__ import annotations

import pytest

from harness.wire import table
from postfix_rest_inetd.backend.response import (
    BROKEN_OFF,
    MAX_FIELDS,
    MAX_HEAD_BYTES,
    ResponseReader,
)
from postfix_rest_inetd.errors import InvalidDataError, UnreachableError

LIMIT = 20


class Stream:
    """Gives pieces, one at a time, and then the end."""

    def __init__(self, *pieces):
        self.pieces = [piece for piece in pieces if piece]

    def receive(self):
        """The next piece."""
        return self.pieces.pop(0) if self.pieces else b""


def read(*pieces, limit=LIMIT):
    """Status, body, and whether the connection can be kept."""
    response = ResponseReader(Stream(*pieces))
    response.begin()
    body = response.read(limit)
    return response.status, body, response.reusable


def cuts(raw):
    """Ways in which bytes may arrive."""
    yield [raw]
    yield [raw[index : index + 1] for index in range(len(raw))]
    yield from ([raw[:at], raw[at:]] for at in range(1, len(raw)))


OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

GOOD = {
    "by length": (OK + b"Content-Length: 3\r\n\r\nabc", (200, b"abc", True)),
    "an empty body": (OK + b"Content-Length: 0\r\n\r\n", (200, b"", True)),
    "until the close": (OK + b"\r\nabc", (200, b"abc", False)),
    "nothing until the close": (OK + b"\r\n", (200, b"", False)),
    "bare newlines": (b"HTTP/1.1 200 OK\nContent-Length: 3\n\nabc", (200, b"abc", True)),
    "both kinds of line ends": (OK + b"A: b\nContent-Length: 3\r\n\nabc", (200, b"abc", True)),
    "a bare newline behind CR LF, and a body that begins with a line end": (
        OK + b"Content-Length: 5\r\n\n\r\nabc",
        (200, b"\r\nabc", True),
    ),
    "the same with a bare newline": (
        OK + b"Content-Length: 4\r\n\n\nabc",
        (200, b"\nabc", True),
    ),
    "CR LF behind a bare newline": (
        OK + b"Content-Length: 5\n\r\n\r\nabc",
        (200, b"\r\nabc", True),
    ),
    "the body looks like a head": (
        OK + b"Content-Length: 4\r\n\r\n\n\n\n\n",
        (200, b"\n" * 4, True),
    ),
    "no reason": (b"HTTP/1.1 404\r\nContent-Length: 0\r\n\r\n", (404, b"", True)),
    "an empty reason": (b"HTTP/1.1 404 \r\nContent-Length: 0\r\n\r\n", (404, b"", True)),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nabc", (200, b"abc", False)),
    "HTTP/1.0 that stays": (
        b"HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 3\r\n\r\nabc",
        (200, b"abc", True),
    ),
    "HTTP/1.1 that goes": (
        OK + b"Connection: x , CLOSE\r\nContent-Length: 3\r\n\r\nabc",
        (200, b"abc", False),
    ),
    "two fields of one name": (
        OK + b"Connection: x\r\nConnection: close\r\nContent-Length: 0\r\n\r\n",
        (200, b"", False),
    ),
    "the same length twice": (
        OK + b"Content-Length: 3\r\nContent-Length: 3, 3\r\n\r\nabc",
        (200, b"abc", True),
    ),
    "blanks around a value": (OK + b"Content-Length:\t 3 \t\r\n\r\nabc", (200, b"abc", True)),
    "a name in capitals": (OK + b"CONTENT-LENGTH:3\r\n\r\nabc", (200, b"abc", True)),
    "a field in two lines": (OK + b"Content-Length:\r\n 3\r\n\r\nabc", (200, b"abc", True)),
    "a field in two lines, by a tab": (
        OK + b"Content-Length:\r\n\t3\r\n\r\nabc",
        (200, b"abc", True),
    ),
    "a length of as many digits as there may be": (
        OK + b"Content-Length: 0000000000000003\r\n\r\nabc",
        (200, b"abc", True),
    ),
    "an option that ends like another": (
        OK + b"Connection: Xclose\r\nContent-Length: 0\r\n\r\n",
        (200, b"", True),
    ),
    "a body that 204 cannot have": (
        b"HTTP/1.1 204 No Content\r\nContent-Length: 3\r\n\r\n",
        (204, b"", True),
    ),
    "nothing but a head with 304": (b"HTTP/1.1 304 x\r\n\r\n", (304, b"", True)),
    "100 Continue first": (
        b"HTTP/1.1 100 Continue\r\nContent-Length: 9\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n",
        (200, b"", True),
    ),
    "other interim responses first": (
        b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 103 Early Hints\nLink: x\r\n\n"
        b"HTTP/1.1 199\r\n\r\n" + OK + b"Content-Length: 1\r\n\r\na",
        (200, b"a", True),
    ),
    "as many interim responses as there may be": (
        b"HTTP/1.1 103 x\r\n\r\n" * 20 + OK + b"Content-Length: 0\r\n\r\n",
        (200, b"", True),
    ),
    "another protocol, which nobody has asked for": (
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n" + OK + b"Content-Length: 0\r\n\r\n",
        (101, b"", False),
    ),
    "chunked": (CHUNKED + b"2\r\nab\r\n1\r\nc\r\n0\r\n\r\n", (200, b"abc", True)),
    "chunks with bare newlines": (CHUNKED + b"2\nab\n1\nc\n0\n\n", (200, b"abc", True)),
    "a chunk's length of as many digits as there may be": (
        CHUNKED + b"0000000000000003\r\nabc\r\n0\r\n\r\n",
        (200, b"abc", True),
    ),
    "no chunk": (CHUNKED + b"0\r\n\r\n", (200, b"", True)),
    "chunks with extensions": (CHUNKED + b"02 ;x=y\r\nab\r\n0;z\r\n\r\n", (200, b"ab", True)),
    "trailers": (CHUNKED + b"A\r\n0123456789\r\n0\r\nX: y\r\n\r\n", (200, b"0123456789", True)),
    "chunked outranks a length": (
        OK + b"Content-Length: 1\r\nTransfer-Encoding: Chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n",
        (200, b"ab", True),
    ),
    "HTTP/1.0 and chunked": (
        b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        (200, b"", False),
    ),
    "just not too long": (OK + b"Content-Length: 20\r\n\r\n" + b"x" * 20, (200, b"x" * 20, True)),
    "too long": (OK + b"Content-Length: 21\r\n\r\n" + b"x" * 21, (200, b"x" * 21, False)),
    "far too long": (OK + b"Content-Length: 999\r\n\r\n" + b"x" * 99, (200, b"x" * 21, False)),
    "too long until the close": (OK + b"\r\n" + b"x" * 40, (200, b"x" * 21, False)),
    "just not too long in chunks": (
        CHUNKED + b"14\r\n" + b"x" * 20 + b"\r\n0\r\n\r\n",
        (200, b"x" * 20, True),
    ),
    "too long in chunks": (CHUNKED + b"28\r\n" + b"x" * 40, (200, b"x" * 21, False)),
    "too long in the second chunk": (
        CHUNKED + b"5\r\nxxxxx\r\n28\r\n" + b"x" * 40,
        (200, b"x" * 21, False),
    ),
}


LINE_ENDS = (b"\r\n", b"\n")


@pytest.mark.parametrize("first", LINE_ENDS)
@pytest.mark.parametrize("last", LINE_ENDS)
@pytest.mark.parametrize("empty", LINE_ENDS)
@pytest.mark.parametrize("body", [b"", b"\n", b"\r\n", b"\n\n", b"\r\n\r\n", b"\n\r\n", b"ab"])
def test_line_ends(first, last, empty, body):
    """Whatever ends the lines, the head ends with the first empty one, and the body follows."""
    raw = b"HTTP/1.1 200 OK%bContent-Length: %d%b%b%b" % (first, len(body), last, empty, body)
    for pieces in cuts(raw):
        assert read(*pieces) == (200, body, True), pieces


@pytest.mark.parametrize("raw, expected", table(GOOD))
def test_good(raw, expected):
    """A response is what RFC 9112 says, however it is cut."""
    for pieces in cuts(raw):
        assert read(*pieces) == expected


FRAMINGS = {
    "by length": (OK + b"Content-Length: 0\r\n\r\n", False),
    "by a last chunk": (CHUNKED + b"0\r\n\r\n", False),
    "by its status": (b"HTTP/1.1 204 x\r\n\r\n", False),
    "by the close": (OK + b"\r\n", True),
    "by the close that was announced": (OK + b"Connection: close\r\n\r\n", True),
    "by the close of HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\n", True),
    "by the close, behind a byte": (OK + b"\r\nx", True),
}


@pytest.mark.parametrize("raw, ended_by_close", table(FRAMINGS))
def test_ended_by_close(raw, ended_by_close):
    """It is known whether anything but the close says that a body is over."""
    response = ResponseReader(Stream(raw))
    response.begin()
    response.read(LIMIT)
    assert response.ended_by_close == ended_by_close


CODINGS = {
    "none": (b"", False),
    **{
        coding: (b"Content-Encoding: %b\r\n" % coding.encode(), True)
        for coding in "gzip x-gzip deflate compress x-compress br zstd".split()
    },
    "several": (b"Content-Encoding: x\r\ncontent-encoding: identity,\tBR \r\n", True),
    "several without blanks": (b"Content-Encoding: gzip,identity\r\n", True),
    "one that ends like gzip": (b"Content-Encoding: xXgzip,Xgzip\r\n", False),
    "one behind a form feed, which is no blank": (b"Content-Encoding: x,\fgzip\r\n", False),
    "identity": (b"Content-Encoding: identity\r\n", False),
    "a character set": (b"Content-Encoding: utf-8\r\n", False),
    "a transfer coding": (b"Transfer-Encoding: chunked\r\nX-Content-Encoding: gzip\r\n", False),
}


@pytest.mark.parametrize("fields, compressed", table(CODINGS))
def test_is_compressed(fields, compressed):
    """A compression is told from whatever else stands in Content-Encoding."""
    response = ResponseReader(Stream(OK + fields + b"\r\n"))
    response.begin()
    assert response.is_compressed() == compressed


CACHING_FIELDS = {
    "none": (b"Content-Type: x\r\nETag: x\r\nLast-Modified: x\r\n", {}),
    "one": (b"Cache-Control: \tmax-age=60 \r\n", {b"cache-control": b"max-age=60"}),
    "all": (
        b"AGE:1\r\nCache-Control:2\r\ndate: 3\r\nExpires: 4\r\nPragma:5\r\nVary:6\r\n",
        {
            b"age": b"1",
            b"cache-control": b"2",
            b"date": b"3",
            b"expires": b"4",
            b"pragma": b"5",
            b"vary": b"6",
        },
    ),
    "several lines": (
        b'Cache-Control: a\r\nVary: x\r\ncache-control: \r\nCACHE-CONTROL: b="c"\r\n',
        {b"cache-control": b'a,,b="c"', b"vary": b"x"},
    ),
    "a folded line": (b"Cache-Control: a,\r\n b\r\n", {b"cache-control": b"a, b"}),
    "a line folded by a tab": (b"Cache-Control: a,\n\tb\r\n", {b"cache-control": b"a, b"}),
    "a value with colons": (b"Date: 12:34:56\r\n", {b"date": b"12:34:56"}),
    "a value in capitals": (b"Vary: X-A, X\r\n", {b"vary": b"X-A, X"}),
    "a form feed, which is no blank": (b"Vary: \fx\f \r\n", {b"vary": b"\fx\f"}),
    "names that begin like them": (b"Cache-Control-X: a\r\nX-Vary: b\r\n", {}),
}


@pytest.mark.parametrize("status", [b"200", b"404"])
@pytest.mark.parametrize("fields, caching", table(CACHING_FIELDS))
def test_caching(fields, caching, status):
    """The fields for a cache are those of the final response: not of interim ones, nor trailers."""
    interim = b"HTTP/1.1 103 x\r\nCache-Control: max-age=9\r\nAge: 9\r\nVary: *\r\n\r\n"
    head = b"HTTP/1.1 %b x\r\n%bTransfer-Encoding: chunked\r\n\r\n" % (status, fields)
    raw = interim + head + b"1\r\na\r\n0\r\nCache-Control: max-age=9\r\nVary: *\r\n\r\n"
    for pieces in cuts(raw):
        response = ResponseReader(Stream(*pieces))
        response.begin()
        assert response.read(LIMIT) == b"a"
        assert response.reusable
        assert response.caching == caching


def test_framing_is_not_for_caches():
    """What a cache reads, and how a response is framed, do not mix."""
    response = ResponseReader(Stream(OK + b"Content-Length: 1\r\nAge: 5\r\n\r\na"))
    response.begin()
    assert (response.read(LIMIT), response.caching) == (b"a", {b"age": b"5"})


def test_more_than_a_response():
    """Bytes behind a response that have come with it are no reason to trust its connection."""
    assert read(OK + b"Content-Length: 1\r\n\r\nab") == (200, b"a", False)


BAD = {
    "no HTTP": (b"SSH-2.0-OpenSSH\r\n", "it does not begin with HTTP/1."),
    "HTTP/2": (b"HTTP/2 200\r\n\r\n", "it does not begin with HTTP/1."),
    "an empty line first": (b"\r\n" + OK, "it does not begin with HTTP/1."),
    "no minor version": (b"HTTP/1. 200\r\n\r\n", "its first line is not a status line"),
    "a version of two digits": (b"HTTP/1.10 200\r\n\r\n", "its first line is not a status line"),
    "no status": (b"HTTP/1.1 OK\r\n\r\n", "its status is not a number of three digits"),
    "a short status": (b"HTTP/1.1 20 OK\r\n\r\n", "its status is not a number of three digits"),
    "two digits at the end": (
        b"HTTP/1.1 20\r\n\r\n",
        "its status is not a number of three digits",
    ),
    "one digit at the end": (b"HTTP/1.1 2\n\n", "its status is not a number of three digits"),
    "nothing behind the version": (
        b"HTTP/1.1 \r\n\r\n",
        "its status is not a number of three digits",
    ),
    "too many interim responses": (
        b"HTTP/1.1 103 x\r\n\r\n" * 21 + OK + b"\r\n",
        "it has more than 20 interim responses before it",
    ),
    "a long status": (b"HTTP/1.1 2000 OK\r\n\r\n", "its status is not a number of three digits"),
    "a status below 100": (b"HTTP/1.1 099 x\r\n\r\n", "its status is not a number of three digits"),
    "a negative status": (b"HTTP/1.1 -20 OK\r\n\r\n", "its status is not a number of three digits"),
    "a field without colon": (
        OK + b"foo\r\n\r\n",
        "a line in its header is not a field",
    ),
    "a field without name": (OK + b": x\r\n\r\n", "a line in its header is not a field"),
    "a blank behind a name": (
        OK + b"Content-Length : 3\r\n\r\nabc",
        "a line in its header is not a field",
    ),
    "a NUL": (OK + b"A: \0\r\n\r\n", "there is a control character in its header"),
    "a lonely CR": (OK + b"A: b\rC: d\r\n\r\n", "there is a control character in its header"),
    "a length that is none": (
        OK + b"Content-Length: x\r\n\r\n",
        "its Content-Length is not a number",
    ),
    "a negative length": (OK + b"Content-Length: -1\r\n\r\n", "its Content-Length is not a number"),
    "a length with a sign": (
        OK + b"Content-Length: +1\r\n\r\n",
        "its Content-Length is not a number",
    ),
    "no length": (OK + b"Content-Length:\r\n\r\n", "its Content-Length is not a number"),
    "two lengths": (
        OK + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "it has several lengths",
    ),
    "an endless length": (
        OK + b"Content-Length: " + b"1" * 17 + b"\r\n\r\n",
        "its Content-Length is not a number",
    ),
    "a length behind a form feed": (
        OK + b"Content-Length: 3,\f3\r\n\r\nabc",
        "it has several lengths",
    ),
    "a length with a letter": (
        OK + b"Content-Length: 3X\r\n\r\nabc",
        "its Content-Length is not a number",
    ),
    "another coding": (
        OK + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "its transfer coding is unknown",
    ),
    "chunked twice": (
        OK + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "its transfer coding is unknown",
    ),
    "a chunk without length": (CHUNKED + b"\r\n\r\n", "the length of a chunk is not a number"),
    "a negative chunk": (CHUNKED + b"-1\r\n", "the length of a chunk is not a number"),
    "a chunk in Python's hexadecimal": (
        CHUNKED + b"0x1\r\n",
        "the length of a chunk is not a number",
    ),
    "a chunk with a letter": (CHUNKED + b"3X\r\nabc", "the length of a chunk is not a number"),
    "a chunk before a form feed": (
        CHUNKED + b"3\f\r\nabc",
        "the length of a chunk is not a number",
    ),
    "an endless chunk": (CHUNKED + b"1" * 17 + b"\r\n", "the length of a chunk is not a number"),
    "a chunk without its end": (CHUNKED + b"1\r\nabc\r\n", "a chunk is longer than announced"),
    "an endless extension": (
        CHUNKED + b"1;" + b"x" * 5000,
        "there is a line without end in its chunks",
    ),
}


@pytest.mark.parametrize("raw, why", table(BAD))
def test_bad(raw, why):
    """What is no response is invalid data, however it is cut; the text repeats nothing of it."""
    expected = f"the response is not HTTP/1.1: {why}; does the target's port speak HTTP?"
    for pieces in cuts(raw) if len(raw) < 1000 else [[raw]]:
        with pytest.raises(InvalidDataError) as raised:
            read(*pieces)
        assert str(raised.value) == expected


def test_many_fields():
    """A hundred fields are read, more are refused; so are trailers."""
    head = OK + b"Content-Length: 0\r\n"
    assert read(head + b"A: b\r\n" * (MAX_FIELDS - 1) + b"\r\n") == (200, b"", True)
    with pytest.raises(InvalidDataError, match="more than 100 header fields"):
        read(head + b"A: b\r\n" * MAX_FIELDS + b"\r\n")
    assert read(CHUNKED + b"0\r\n" + b"A: b\r\n" * MAX_FIELDS + b"\r\n") == (200, b"", True)
    with pytest.raises(InvalidDataError, match="more than 100 trailer fields"):
        read(CHUNKED + b"0\r\n" + b"A: b\r\n" * (MAX_FIELDS + 1) + b"\r\n")


def test_large_head():
    """A head that does not end is given up at its limit, not at the end of the stream."""
    stream = Stream(*[OK + b"A: ", *[b"x" * 1024] * 1000])
    with pytest.raises(InvalidDataError, match="its header is larger than 65536 bytes"):
        ResponseReader(stream).begin()
    assert len(stream.pieces) > 1000 - MAX_HEAD_BYTES // 1024 - 1


def test_the_limit_of_a_head():
    """A head has at most 65536 bytes, with its empty line, also if all of it is there."""
    end = b"\r\nContent-Length: 0\r\n\r\n"
    head = (OK + b"A: ").ljust(65536 - len(end), b"x") + end
    assert read(head) == (200, b"", True)
    for raw in (head.replace(b"A: ", b"A: x"), head.replace(b"\r\n\r\n", b"\r\nx:")):
        with pytest.raises(InvalidDataError, match="its header is larger than 65536 bytes"):
            read(raw)


def test_the_limit_of_a_line_in_chunks():
    """The line before a chunk has at most 4096 bytes, its end included."""
    line = b"1;".ljust(4094, b"x") + b"\r\n"
    rest = b"a\r\n0\r\n\r\n"
    assert read(CHUNKED + line + rest) == (200, b"a", True)
    for raw in (line.replace(b"1;", b"1;x") + rest, b"1;".ljust(4096, b"x")):
        with pytest.raises(InvalidDataError, match="there is a line without end in its chunks"):
            read(CHUNKED + raw)


KEPT_FOR = {
    "nothing": (b"", None),
    "a time": (b"Keep-Alive: timeout=5\r\n", 5),
    "a name in capitals, and a time in quotes": (b'Keep-Alive: max=9 , TIMEOUT = "5"\r\n', 5),
    "a name that ends like it": (b"Keep-Alive: Xtimeout=5\r\n", None),
    "a form feed, which is no blank": (b"Keep-Alive: \ftimeout=5\r\n", None),
    "a time with a letter": (b"Keep-Alive: timeout=5X\r\n", None),
    "two times in one": (b"Keep-Alive: timeout=5=6, timeout=7\r\n", None),
}


@pytest.mark.parametrize("fields, seconds", table(KEPT_FOR))
def test_keep_alive(fields, seconds):
    """How long a backend keeps the connection, where it can be read without a doubt."""
    response = ResponseReader(Stream(OK + fields + b"\r\n"))
    response.begin()
    assert response.keep_alive_sec() == seconds


TRUNCATED = [
    name
    for name, (_, (status, _, reusable)) in GOOD.items()
    if reusable and status not in (204, 304)
]


@pytest.mark.parametrize("name", TRUNCATED)
def test_truncated(name):
    """A response of known length that ends anywhere before its end is a lost connection."""
    raw = GOOD[name][0]
    for end in range(1, len(raw)):
        with pytest.raises(UnreachableError) as raised:
            read(raw[:end])
        assert str(raised.value) == BROKEN_OFF


def test_nothing():
    """A connection that ends before the first byte is told apart: it may be worth a second try."""
    with pytest.raises(EOFError):
        read()


@pytest.mark.parametrize("status", [100, 103])
def test_nothing_behind_an_interim_response(status):
    """That is no such end: there was an answer."""
    with pytest.raises(UnreachableError):
        read(b"HTTP/1.1 %d Interim\r\n\r\n" % status)
