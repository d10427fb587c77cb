# SPDX-License-Identifier: MIT
"""What a backend may send, and what becomes of responses that are incomplete, foreign or hostile.

One rule stands above all: a response that did not arrive whole and well-formed is a temporary
error; it is never "not found" (mail would bounce) and never "found".
"""

from __future__ import annotations

import gzip
import zlib

import pytest
from blackbox.support import (
    INVALID,
    NOT_FOUND,
    UNREACHABLE,
    temporary_user_error,
    unspecified,
    user_error,
)

from harness.certificates import Authority
from harness.handler_process import endpoint, write_config
from harness.modes import FOUND, FOUND_BODY, LOOKUPS, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import (
    ScriptedBackend,
    answer,
    chunked,
    endless,
    response,
    send,
    send_and_close,
    send_and_reset,
)

# -- forms of a good response; BODY stands for one that is an answer

WELL_FORMED = [
    ("HTTP/1.1 with Content-Length", b"HTTP/1.1 200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("HTTP/1.0 with Content-Length", b"HTTP/1.0 200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("HTTP/1.0 until the close", b"HTTP/1.0 200 OK\r\n\r\nBODY"),
    ("HTTP/1.1 until the close", b"HTTP/1.1 200 OK\r\n\r\nBODY"),
    ("HTTP/1.1 that announces the close", b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nBODY"),
    ("no reason phrase", b"HTTP/1.1 200 \r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("no reason phrase and no space", b"HTTP/1.1 200\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("no space behind the colon", b"HTTP/1.1 200 OK\r\ncontent-length:LENGTH\r\n\r\nBODY"),
    ("bare newlines", b"HTTP/1.1 200 OK\nContent-Length: LENGTH\n\nBODY"),
    (
        "some other Content-Type",
        b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: LENGTH\r\n\r\nBODY",
    ),
    (
        "100 Continue first",
        b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY",
    ),
    (
        "many headers",
        b"HTTP/1.1 200 OK\r\n%sContent-Length: LENGTH\r\n\r\nBODY"
        % (b"X-Filler: %s\r\n" % (b"x" * 100) * 60),
    ),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("raw", [c[1] for c in WELL_FORMED], ids=[c[0] for c in WELL_FORMED])
def test_well_formed(lanes, mode, raw):
    """HTTP/1.0 and 1.1, by length or by close; no Content-Type is required."""
    body = FOUND_BODY[mode]
    raw = raw.replace(b"LENGTH", b"%d" % len(body)).replace(b"BODY", body)
    assert lanes.get(mode).ask(send_and_close(raw)) == FOUND[mode]


@pytest.mark.parametrize("mode", MODES)
def test_chunked(lanes, mode):
    """Chunks of any size, extensions and trailers are one body."""
    body = FOUND_BODY[mode]
    single = [bytes([octet]) for octet in body]
    end = b"0;x=y\r\nX-Trailer: 1\r\n\r\n"
    lane = lanes.get(mode)
    for raw in (chunked(body), chunked(*single), chunked(body[:2], body[2:], end=end)):
        assert lane.ask(send_and_close(raw)) == FOUND[mode]


@pytest.mark.parametrize("mode", MODES)
def test_in_pieces(lanes, mode):
    """It does not matter how the bytes of a response are cut."""

    def one_by_one(connection) -> None:
        for octet in response(200, FOUND_BODY[mode]):
            connection.send(bytes([octet]))

    assert lanes.get(mode).ask(one_by_one) == FOUND[mode]


# -- statuses with a catch

SECOND_BODY = {TCP: b'["late"]', SOCKETMAP: b'["late"]', POLICY: b"DISCARD"}
SECOND_FOUND = {TCP: b"200 late\n", SOCKETMAP: b"7:OK late,", POLICY: b"action=DISCARD\n\n"}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_nothing_but_an_interim_response(lanes, mode, status):
    """A 1xx after which nothing comes is a lost connection."""
    reply = lanes.get(mode).ask(send_and_close(b"HTTP/1.1 %d Interim\r\n\r\n" % status))
    assert reply == UNREACHABLE[mode]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [100, 102, 103, 199])
def test_interim_responses(lanes, mode, status):
    """What follows interim responses is the answer, and leaves nothing for the next request."""
    lane = lanes.get(mode)
    interim = b"HTTP/1.1 %d Interim\r\nLink: x\r\n\r\n" % status
    first = lane.ask(send(interim * 2 + response(200, SECOND_BODY[mode])))
    assert first == SECOND_FOUND[mode]
    assert lane.ask(answer(200, FOUND_BODY[mode])) == FOUND[mode]


@pytest.mark.parametrize("mode", MODES)
def test_endless_interim_responses(lanes, mode):
    """Interim responses without end are cut off."""
    assert lanes.get(mode).ask(endless(b"", b"HTTP/1.1 103 Hints\r\n\r\n")) == INVALID[mode]


@pytest.mark.parametrize("mode", MODES)
def test_another_protocol(lanes, mode):
    """101 changes the protocol, which nobody asked for: what follows is not read as HTTP."""
    lane = lanes.get(mode)
    switched = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\n\r\n"
    reply = lane.ask(send(switched + response(200, SECOND_BODY[mode])))
    assert reply == unspecified(101)[mode]
    assert lane.ask(answer(200, FOUND_BODY[mode])) == FOUND[mode]


@pytest.mark.parametrize("mode", MODES)
def test_bytes_behind_a_response(lanes, mode):
    """A second response that nobody asked for never becomes the answer to the next request."""
    lane = lanes.get(mode)
    twice = response(200, FOUND_BODY[mode]) + response(200, SECOND_BODY[mode])
    assert lane.ask(send(twice)) == FOUND[mode]
    assert lane.ask(answer(200, FOUND_BODY[mode])) == FOUND[mode]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(lanes, mode, status):
    """A redirect would carry the token elsewhere: nobody connects to its Location."""
    with ScriptedBackend() as elsewhere:
        location = b"Location: " + elsewhere.url().encode()
        reply = lanes.get(mode).ask(answer(status, b"", location))
        assert elsewhere.connections == []
    assert reply == unspecified(status)[mode]


# -- sizes


def _in_every_framing(body: bytes) -> list[bytes]:
    return [
        response(200, body),
        chunked(body[:9], body[9:]),
        b"HTTP/1.0 200 OK\r\n\r\n" + body,
    ]


@pytest.mark.parametrize("mode", MODES)
def test_the_largest_body(lanes, mode):
    """A body of exactly max-response-bytes is read, by whatever framing."""
    body = FOUND_BODY[mode] + b" " * (64 - len(FOUND_BODY[mode]))
    lane = lanes.get(mode, max_response_bytes=64)
    for raw in _in_every_framing(body):
        assert lane.ask(send_and_close(raw)) == FOUND[mode]


@pytest.mark.parametrize("mode", MODES)
def test_a_body_that_is_too_large(lanes, mode):
    """One byte more is invalid data, by whatever framing."""
    body = FOUND_BODY[mode] + b" " * (65 - len(FOUND_BODY[mode]))
    lane = lanes.get(mode, max_response_bytes=64)
    for raw in _in_every_framing(body):
        assert lane.ask(send_and_close(raw)) == INVALID[mode]


ENDLESS = [
    ("a huge Content-Length", b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\n", b" "),
    ("chunks", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1000\r\nX\r\n"),
    ("until a close", b"HTTP/1.1 200 OK\r\n\r\n", b" "),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("head, piece", [c[1:] for c in ENDLESS], ids=[c[0] for c in ENDLESS])
def test_an_endless_body(lanes, mode, head, piece):
    """A backend that never stops sending is stopped at the default limit of 1 MiB."""
    piece = piece.replace(b"X", b" " * 4096) if b"X" in piece else piece * 65536
    assert lanes.get(mode).ask(endless(head, piece)) == INVALID[mode]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [301, 400, 503])
def test_the_body_of_a_failure_is_not_needed(lanes, mode, status):
    """For any status but 200 the body says nothing, so an endless one costs nothing."""
    head = b"HTTP/1.1 %d Whatever\r\nContent-Length: 99999999999999\r\n\r\n" % status
    reply = lanes.get(mode).ask(endless(head, b"x" * 65536))
    assert b"REST%20server" in reply or b"REST server" in reply
    assert str(status).encode() in reply or mode == POLICY


# -- responses that end too early

TRUNCATED = [
    ("shorter than Content-Length", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nBODY"),
    ("nothing of Content-Length", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
    ("inside a chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n64\r\nBODY"),
    (
        "between chunks",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nLENGTH\r\nBODY\r\n",
    ),
    ("before the first chunk", b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"),
    (
        "inside a chunk's length",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nLENGTH\r\nBODY\r\n0",
    ),
    (
        "a chunk length that is none",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\nBODY\r\n0\r\n\r\n",
    ),
    (
        "a negative chunk length",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\nBODY\r\n0\r\n\r\n",
    ),
    ("inside the headers", b"HTTP/1.1 200 OK\r\nContent-Le"),
    ("before the headers end", b"HTTP/1.1 200 OK\r\nContent-Length: LENGTH\r\n"),
    ("behind the status line", b"HTTP/1.1 200 OK\r\n"),
    ("inside the status line", b"HTTP/1.1 20"),
    ("404 inside its headers", b"HTTP/1.1 404 Not Found\r\nContent-Le"),
    ("404 inside its status line", b"HTTP/1.1 404"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ending", [send_and_close, send_and_reset], ids=["close", "reset"])
@pytest.mark.parametrize("raw", [c[1] for c in TRUNCATED], ids=[c[0] for c in TRUNCATED])
def test_truncated(lanes, mode, ending, raw):
    """Half a response is a temporary error, be the half as plausible as it may."""
    body = FOUND_BODY[mode]
    length = b"%x" if b"chunked" in raw else b"%d"
    raw = raw.replace(b"LENGTH", length % len(body)).replace(b"BODY", body)
    reply = lanes.get(mode).ask(ending(raw))
    assert reply in (INVALID[mode], UNREACHABLE[mode])


# -- responses that are none

FOREIGN = [
    ("no HTTP at all", b"220 mail.example.org ESMTP\r\n"),
    ("binary", bytes(range(256))),
    ("HTTP/0.9", b'["value"]'),
    ("SSH", b"SSH-2.0-OpenSSH_9.2\r\n"),
    ("another version", b"HTTP/9.9 200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("no status", b"HTTP/1.1\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("a status that is no number", b"HTTP/1.1 abc OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("two digits and nothing else", b"HTTP/1.1 20\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("a status of two digits", b"HTTP/1.1 20 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("a negative status", b"HTTP/1.1 -200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("an empty line first", b"\r\nHTTP/1.1 200 OK\r\nContent-Length: LENGTH\r\n\r\nBODY"),
    ("a status line without end", b"HTTP/1.1 200 " + b"x" * 70000),
    (
        "a header line of 70 kB",
        b"HTTP/1.1 200 OK\r\nX-Filler: " + b"x" * 70000 + b"\r\nContent-Length: LENGTH\r\n\r\nBODY",
    ),
    (
        "a thousand headers",
        b"HTTP/1.1 200 OK\r\n" + b"X-Filler: x\r\n" * 1000 + b"Content-Length: LENGTH\r\n\r\nBODY",
    ),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("raw", [c[1] for c in FOREIGN], ids=[c[0] for c in FOREIGN])
def test_foreign(lanes, mode, raw):
    """What is no HTTP response is a temporary error."""
    body = FOUND_BODY[mode]
    raw = raw.replace(b"LENGTH", b"%d" % len(body)).replace(b"BODY", body)
    reply = lanes.get(mode).ask(send_and_close(raw))
    assert reply in (INVALID[mode], UNREACHABLE[mode])


@pytest.mark.parametrize("mode", MODES)
def test_endless_headers(lanes, mode):
    """A header section without end is cut off."""
    reply = lanes.get(mode).ask(endless(b"HTTP/1.1 200 OK\r\n", b"X-Filler: x\r\n" * 100))
    assert reply in (INVALID[mode], UNREACHABLE[mode])


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "compress, fields",
    [
        (gzip.compress, (b"Content-Encoding: gzip",)),
        (zlib.compress, (b"Content-Encoding: deflate",)),
        (gzip.compress, ()),
    ],
    ids=["gzip", "deflate", "gzip that is not labelled"],
)
def test_compressed(handler_for, backend, mode, compress, fields):
    """Compression was not asked for: a compressed body is invalid data, and the journal says so."""
    backend.script(answer(200, compress(FOUND_BODY[mode]), *fields))
    handler = handler_for(mode)
    assert handler.ask(mode, REQUEST[mode]) == INVALID[mode]
    (line,) = handler.log_lines(1)
    assert "the body of the response is compressed" in line


COMPLETE_AND_EMPTY = [response(200), chunked(), chunked(end=b"0\r\nX-Trailer: 1\r\n\r\n")]
ENDED_AND_EMPTY = [
    b"HTTP/1.0 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\n\r\n",
    b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Type: text/html\r\n\r\n",
]


@pytest.mark.parametrize("mode", LOOKUPS)
def test_an_empty_body(lanes, mode):
    """An empty 200 is "not found" if its length or a last chunk says that it has arrived whole.

    One that only the close ends is as much as a backend sends that dies behind its header.
    """
    lane = lanes.get(mode)
    for raw in COMPLETE_AND_EMPTY:
        assert lane.ask(send_and_close(raw)) == NOT_FOUND[mode]
    for raw in ENDED_AND_EMPTY:
        assert lane.ask(send_and_close(raw)) == INVALID[mode]
        assert lane.ask(send_and_close(raw + b"[]")) == NOT_FOUND[mode]


@pytest.mark.parametrize("mode", LOOKUPS)
def test_an_empty_body_that_is_temporary(lanes, mode):
    """With empty-body, no empty body is an answer; an empty array is, and so is 404."""
    lane = lanes.get(mode, empty_body="temporary")
    for raw in (*COMPLETE_AND_EMPTY, *ENDED_AND_EMPTY):
        assert lane.ask(send_and_close(raw)) == INVALID[mode]
    for raw in (response(200, b"[]"), response(200, b'[""]'), response(404)):
        assert lane.ask(send_and_close(raw)) == NOT_FOUND[mode]


def test_the_body_is_the_action_alone(handler_for, backend):
    """A backend that answers with the whole of a policy reply is told what is expected."""
    backend.script(answer(200, b"action=DUNNO\n\n"))
    handler = handler_for(POLICY)
    assert handler.ask(POLICY, REQUEST[POLICY]) == INVALID[POLICY]
    (line,) = handler.log_lines(1)
    assert "it has to be the action alone, as in DUNNO" in line


# -- an answer before the request has been read


def early(raw: bytes):
    """A backend that reads the beginning of a request, answers, and closes."""

    def step(connection) -> None:
        assert connection.sock.recv(100)
        connection.send(raw)
        connection.sock.close()  # with the rest unread: a RST follows the response

    return step


LARGE = b"n=" + b"\xff" * 500_000 + b"\n\n"


@pytest.mark.parametrize("tls", [False, True], ids=["http", "https"])
@pytest.mark.parametrize("status", [401, 413])
def test_an_early_refusal(tmp_path, launch, tls, status):
    """A backend that refuses a large request before it has read it keeps its status.

    More of this is in unit/backend/test_early_response.py.
    """
    authority = Authority(tmp_path) if tls else None
    keys = {"tls_ca_file": str(authority.ca_file)} if authority else {}

    def on_accept(connection) -> None:
        if authority:
            context = authority.server("127.0.0.1")
            connection.sock = context.wrap_socket(connection.sock, server_side=True)
        early(response(status, b"no"))(connection)

    with ScriptedBackend(on_accept=on_accept, receive_buffer=4096) as backend:
        target = backend.url().replace("http:", "https:") if tls else backend.url()
        config = write_config(tmp_path, endpoint(POLICY, target, **keys))
        handler = launch("--config", config, "--endpoint", POLICY)
        for _ in range(2):
            assert handler.ask(POLICY, LARGE) == user_error(status)[POLICY]
        assert len(backend.connections) == 2


# -- temporary-statuses


@pytest.mark.parametrize("mode", MODES)
def test_temporary_statuses(lanes, mode):
    """A listed 4xx is temporary, in the words of the user error; others stay what they are."""
    lane = lanes.get(mode, temporary_statuses=[401, 404, 429])
    for status in (401, 404, 429):
        assert lane.ask(answer(status, b"")) == temporary_user_error(status)[mode]
    assert lane.ask(answer(403, b"")) == user_error(403)[mode]
    assert lane.ask(answer(200, FOUND_BODY[mode])) == FOUND[mode]


def test_404_is_not_found_unless_listed(lanes):
    """Listing another status does not touch what a 404 means."""
    assert lanes.get(TCP, temporary_statuses=[401]).ask(answer(404)) == NOT_FOUND[TCP]


def test_a_request_after_each_failure(handler_for, backend):
    """A connection that a bad response has spoilt is not used again."""
    handler = handler_for(TCP)
    for _, raw in FOREIGN:
        backend.script(send_and_close(raw), answer(200, b'["value"]'))
        assert handler.ask(TCP, REQUEST[TCP])[:3] == b"400"
        backend.wait_until_idle()
        assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
