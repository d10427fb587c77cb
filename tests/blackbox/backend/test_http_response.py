# SPDX-License-Identifier: MIT
"""What a backend may send: unusual forms of good responses, empty ones, redirects, refusals.

Responses that are incomplete, foreign or hostile are in faults/table.py.
"""

from __future__ import annotations

import pytest
from blackbox.support import (
    INVALID,
    NOT_FOUND,
    temporary_user_error,
    unspecified,
    user_error,
)

from harness.certificates import Authority
from harness.handler_process import endpoint, write_config
from harness.modes import FOUND, FOUND_BODY, LOOKUPS, MODES, POLICY, TCP
from harness.scripted_backend import (
    ScriptedBackend,
    answer,
    chunked,
    response,
    send_and_close,
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


# -- redirects


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(lanes, mode, status):
    """A redirect would carry the token elsewhere: nobody connects to its Location."""
    with ScriptedBackend() as elsewhere:
        location = b"Location: " + elsewhere.url().encode()
        reply = lanes.get(mode).ask(answer(status, b"", location))
        assert elsewhere.connections == []
    assert reply == unspecified(status)[mode]


# -- empty bodies

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
        # Without this, the next request may be on its way before the connection is closed.
        early(response(status, b"no", b"Connection: close"))(connection)

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
