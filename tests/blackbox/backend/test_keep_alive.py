# SPDX-License-Identifier: MIT
"""One backend connection for all requests of a handler, and what happens when it dies.

A kept connection that died while idle is replaced before it is used. One that dies under a request
is another matter: a lookup is sent once more, on a fresh connection, when it died on a *kept* one
before the first byte of the response; nothing else that the backend has read is ever sent twice.
What it cannot have read is in unit/backend/test_kept_connection.py, and how a kept connection may
die at each moment in faults/table.py.
"""

from __future__ import annotations

import pytest
from blackbox.support import NOT_FOUND, UNREACHABLE

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
def test_a_lookup_is_sent_once_more_and_not_twice(handler_for, backend, mode, death):
    """When the fresh connection dies as well, the backend could not be reached."""
    backend.script(answer(404), death, death)
    handler = handler_for(mode)
    assert handler.ask(mode, REQUEST[mode]) == NOT_FOUND[mode]
    assert handler.ask(mode, REQUEST[mode]) == UNREACHABLE[mode]
    assert _connections(backend) == [0, 0, 1]


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
