# SPDX-License-Identifier: MIT
"""Properties of the reader of responses: whatever a backend sends, and in whatever pieces."""

from __future__ import annotations

import http.client
import io

from hypothesis import given
from hypothesis import strategies as st
from property.strategies import partitions
from unit.backend.test_response import read

from postfix_rest_inetd.errors import BackendError

LIMIT = 20

lengths = st.integers(0, 30).map(str)
fields = st.one_of(
    st.tuples(st.sampled_from(["Content-Length", "content-length"]), lengths),
    st.tuples(st.just("Transfer-Encoding"), st.sampled_from(["chunked", "Chunked", "gzip"])),
    st.tuples(st.just("Connection"), st.sampled_from(["close", "keep-alive", "x, close"])),
    st.tuples(st.sampled_from(["X-A", "Date"]), st.text("ab \t:,", max_size=5)),
)
line_ends = st.sampled_from(["\r\n", "\n"])
empty_lines = st.text("\r\n", max_size=6).map(str.encode)
chunks = st.lists(st.binary(min_size=1, max_size=12), max_size=3).map(
    lambda pieces: b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces) + b"0\r\n\r\n"
)
pieces_of_responses = st.one_of(
    st.sampled_from(
        [b"\r\n", b"\n", b"\r\n\r\n", b"HTTP/1.1 200 OK\r\n", b"HTTP/1.0 404\r\n", b"0"]
    ),
    st.sampled_from([b"HTTP/1.1 103 x\n", b"HTTP/1.1 2", b"HTTP/1.1 101\r\n", b"\r\n\n"]),
    st.sampled_from([b"Content-Length: 3\r\n", b"Transfer-Encoding: chunked\r\n", b"3\r\nabc\r\n"]),
    st.binary(max_size=8),
)
"""What looks like a part of a response, in any order."""

streams = st.lists(pieces_of_responses, max_size=12).map(b"".join)


@st.composite
def responses(draw):
    """A response that may be a good one."""
    head = draw(st.sampled_from(["HTTP/1.1", "HTTP/1.0"])) + draw(
        st.sampled_from([" 200 OK\r\n", " 404 Not Found\r\n", " 500\r\n", " 204 x\r\n"])
    )
    for name, value in draw(st.lists(fields, max_size=4)):
        head += f"{name}: {value}{draw(line_ends)}"
    head += draw(line_ends)
    return head.encode() + draw(st.one_of(st.binary(max_size=30), chunks, empty_lines))


def outcome(pieces, limit=LIMIT):
    """What reading them gives: a result, or an error that is meant to be."""
    try:
        return read(*pieces, limit=limit)
    except (BackendError, EOFError) as error:
        return type(error), str(error)


@given(st.data(), st.one_of(streams, responses()))
def test_a_result_or_a_declared_error(data, raw):
    """Whatever arrives is a response or one of the declared errors, however it is cut."""
    expected = outcome([raw])
    result = outcome(data.draw(partitions(raw)))
    # Only what comes behind a response may be seen or not: it may not have arrived yet.
    if isinstance(expected[0], int) and isinstance(result[0], int):
        expected, result = expected[:2], result[:2]
    assert result == expected


@given(responses())
def test_each_cut(raw):
    """A response that is cut once, at any place, is the same response."""
    expected = outcome([raw])[:2]
    assert [outcome([raw[:at], raw[at:]])[:2] for at in range(len(raw))] == [expected] * len(raw)


@given(responses())
def test_never_more_than_http_client(raw):
    """What is read as a response, http.client reads in the same way.

    Not a 204: http.client looks for chunks there, where RFC 9112, 6.3, says that there is no body.
    """
    result = outcome([raw], len(raw))
    if result[0] not in (200, 404, 500):
        return
    status, body, _ = result

    class Socket:
        def makefile(self, _mode):
            return io.BytesIO(raw)

    reference = http.client.HTTPResponse(Socket())
    reference.begin()
    assert reference.status == status
    assert reference.read() == body
