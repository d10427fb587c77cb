# SPDX-License-Identifier: MIT
"""One backend connection for all requests of a handler, and what happens when it dies.

A kept connection that died while idle is replaced before it is used. One that dies under a request
is another matter: a lookup is sent once more, on a fresh connection, when it died on a *kept* one
before the first byte of the response; nothing else that the backend has read is ever sent twice.
What it cannot have read is in unit/backend/test_kept_connection.py.
"""

from __future__ import annotations

import pytest
from blackbox.support import INVALID, NOT_FOUND, UNREACHABLE, server_error

from harness.certificates import Authority
from harness.handler_process import endpoint, write_config
from harness.modes import FOUND, FOUND_BODY, LOOKUPS, MODES, POLICY, REQUEST, TCP
from harness.scripted_backend import (
    ScriptedBackend,
    answer,
    chunked,
    hang_up,
    reset,
    response,
    send,
    send_and_close,
    send_and_reset,
    silence,
)


def _connections(backend) -> list[int]:
    """On which connection each request came."""
    return [request.connection for request in backend.requests]


@pytest.mark.parametrize("mode", MODES)
def test_one_connection_for_all_requests(handler_for, backend, mode):
    """Found, not found, failures: as long as responses are complete, the connection is kept."""
    steps = [
        answer(200, FOUND_BODY[mode]),
        send(chunked(FOUND_BODY[mode])),
        answer(404, b"nothing here"),
        answer(503, b"later"),
        answer(302, b"elsewhere"),
        answer(200, b"\xff"),
        send(b"HTTP/1.1 204 No Content\r\n\r\n"),
        answer(200, FOUND_BODY[mode]),
    ]
    backend.script(*steps)
    handler = handler_for(mode)
    for _ in steps:
        handler.ask(mode, REQUEST[mode])
    assert _connections(backend) == [0] * len(steps)


def test_the_connection_ends_with_the_handler(handler_for, backend):
    """Nothing of a handler stays behind at the backend."""
    backend.script(answer(404))
    handler = handler_for(TCP)
    assert handler.ask(TCP, REQUEST[TCP]) == NOT_FOUND[TCP]
    handler.finish()
    backend.wait_for_end_of(0)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("ending", [send_and_close, send_and_reset], ids=["closed", "reset"])
def test_a_connection_that_died_while_idle(handler_for, backend, mode, ending):
    """It is noticed before use and replaced: no error, and no request is sent on the dead one."""
    backend.script(*[ending(response(200, FOUND_BODY[mode]))] * 3)
    handler = handler_for(mode)
    for number in range(3):
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
        backend.wait_for_end_of(number)
    assert _connections(backend) == [0, 1, 2]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "head",
    [
        pytest.param(b"HTTP/1.1 200 OK\r\nConnection: close\r\n", id="announced"),
        pytest.param(b"HTTP/1.0 200 OK\r\n", id="HTTP/1.0"),
    ],
)
def test_a_connection_that_is_not_to_be_kept(handler_for, backend, mode, head):
    """A response that ends its connection is followed by a new one, even if it stays open."""
    body = FOUND_BODY[mode]
    raw = head + b"Content-Length: %d\r\n\r\n" % len(body) + body
    backend.script(send(raw), send(raw))
    handler = handler_for(mode)
    for _ in range(2):
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    assert _connections(backend) == [0, 1]


@pytest.mark.parametrize("mode", MODES)
def test_a_connection_that_is_kept_for_no_time(handler_for, backend, mode):
    """A backend that announces when it will close is believed."""
    step = answer(200, FOUND_BODY[mode], b"Connection: keep-alive", b"Keep-Alive: timeout=0")
    backend.script(step, step)
    handler = handler_for(mode)
    for _ in range(2):
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    assert _connections(backend) == [0, 1]


@pytest.mark.parametrize("mode", MODES)
def test_a_backend_that_closes_without_notice(handler_for, backend, mode):
    """After the first such surprise each policy request gets a connection; lookups risk it."""
    body = FOUND_BODY[mode]
    backend.script(send_and_close(response(200, body)), *[answer(200, body)] * 2)
    handler = handler_for(mode)
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    backend.wait_for_end_of(0)
    for _ in range(2):
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    assert _connections(backend) == ([0, 1, 2] if mode == POLICY else [0, 1, 1])


def test_the_journal_of_a_kept_tls_connection(tmp_path, launch):
    """A kept connection that dies has nothing to do with a client certificate; a new one may."""
    authority = Authority(tmp_path)
    with ScriptedBackend(tls=authority.server("127.0.0.1")) as backend:
        keys = {"tls_ca_file": str(authority.ca_file)}
        config = write_config(tmp_path, endpoint(POLICY, backend.url(), **keys))
        handler = launch("--config", config, "--endpoint", POLICY)
        backend.script(answer(200, b"DUNNO"), hang_up, hang_up)
        replies = [handler.ask(POLICY, REQUEST[POLICY]) for _ in range(3)]
    assert replies == [FOUND[POLICY], UNREACHABLE[POLICY], UNREACHABLE[POLICY]]
    _, kept, new = handler.log_lines(3)
    assert "it had been kept, and the backend ended it just when" in kept
    assert ("client certificate" in kept, "client certificate" in new) == (False, True)


DEATHS = [("closed", hang_up), ("reset", reset)]


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("death", [d[1] for d in DEATHS], ids=[d[0] for d in DEATHS])
def test_a_lookup_that_dies_on_a_kept_connection(handler_for, backend, mode, death):
    """It is sent once more, on a fresh connection, with the same request line."""
    backend.script(answer(404), death, answer(200, FOUND_BODY[mode]))
    handler = handler_for(mode)
    assert handler.ask(mode, REQUEST[mode]) == NOT_FOUND[mode]
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    assert _connections(backend) == [0, 0, 1]
    assert backend.requests[1].line == backend.requests[2].line


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("death", [d[1] for d in DEATHS], ids=[d[0] for d in DEATHS])
def test_a_lookup_is_sent_once_more_and_not_twice(handler_for, backend, mode, death):
    """When the fresh connection dies as well, the backend could not be reached."""
    backend.script(answer(404), death, death)
    handler = handler_for(mode)
    assert handler.ask(mode, REQUEST[mode]) == NOT_FOUND[mode]
    assert handler.ask(mode, REQUEST[mode]) == UNREACHABLE[mode]
    assert _connections(backend) == [0, 0, 1]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("death", [d[1] for d in DEATHS], ids=[d[0] for d in DEATHS])
def test_nothing_is_repeated_that_dies_on_a_fresh_connection(handler_for, backend, mode, death):
    """A backend that hangs up on a new connection means it: the request is not repeated."""
    backend.script(death)
    assert handler_for(mode).ask(mode, REQUEST[mode]) == UNREACHABLE[mode]
    assert _connections(backend) == [0]


BEGINNINGS = [
    ("one byte", b"H"),
    ("the status line", b"HTTP/1.1 200 OK\r\n"),
    ("the headers", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n"),
    ("half of the body", b'HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n["va'),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("raw", [b[1] for b in BEGINNINGS], ids=[b[0] for b in BEGINNINGS])
def test_nothing_is_repeated_behind_the_first_byte(handler_for, backend, mode, raw):
    """A response that has begun shows that the backend has taken the request."""
    backend.script(answer(500), send_and_close(raw))
    handler = handler_for(mode)
    assert handler.ask(mode, REQUEST[mode]) == server_error(500)[mode]
    assert handler.ask(mode, REQUEST[mode]) in (UNREACHABLE[mode], INVALID[mode])
    assert _connections(backend) == [0, 0]


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("death", [d[1] for d in DEATHS], ids=[d[0] for d in DEATHS])
def test_a_policy_request_is_never_sent_twice(handler_for, backend, method, death):
    """A policy backend counts (rate limits, greylisting): it is asked once, whatever happens."""
    backend.script(answer(200, b"DUNNO"), death, answer(200, b"DUNNO"))
    handler = handler_for(POLICY, method=method)
    assert handler.ask(POLICY, REQUEST[POLICY]) == FOUND[POLICY]
    assert handler.ask(POLICY, REQUEST[POLICY]) == UNREACHABLE[POLICY]
    assert handler.ask(POLICY, REQUEST[POLICY]) == FOUND[POLICY]
    assert _connections(backend) == [0, 0, 1]


@pytest.mark.parametrize("mode", MODES)
def test_a_timeout_ends_the_connection(handler_for, backend, mode):
    """The late answer of a request that timed out is never read as the answer to the next."""
    backend.script(answer(200, FOUND_BODY[mode]), silence, answer(200, FOUND_BODY[mode]))
    handler = handler_for(mode, request_timeout=400)
    replies = [handler.ask(mode, REQUEST[mode]) for _ in range(3)]
    assert replies[0] == replies[2] == FOUND[mode]
    assert b"timed" in replies[1]
    assert _connections(backend) == [0, 0, 1]


def test_a_tls_connection_is_kept_too(tmp_path, launch):
    """With https all requests of a handler share one handshake."""
    authority = Authority(tmp_path)
    with ScriptedBackend(default=answer(404), tls=authority.server("127.0.0.1")) as backend:
        config = write_config(
            tmp_path, endpoint(TCP, backend.url(), tls_ca_file=str(authority.ca_file))
        )
        handler = launch("--config", config, "--endpoint", TCP)
        for _ in range(3):
            assert handler.ask(TCP, REQUEST[TCP]) == NOT_FOUND[TCP]
        assert _connections(backend) == [0, 0, 0]
