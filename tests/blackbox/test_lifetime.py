# SPDX-License-Identifier: MIT
"""When the handler leaves: at the end of file, after a violation, at SIGTERM between requests.

It never closes an idle connection first: Postfix pays for that with a second for each lookup.
"""

from __future__ import annotations

import socket
import threading
import time

import pytest

from harness.handler_process import WAIT_SEC, accepted, endpoint, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, TCP
from harness.scripted_backend import answer, response, send_and_close, when

IDLE_SEC = 1.0
"""How long nothing must happen. Any timer of the handler that a test can find is shorter."""


@pytest.mark.parametrize("mode", MODES)
def test_idle_connections_stay_open(handler_for, backend, mode):
    """Before, between and after requests the handler neither closes nor says anything."""
    backend.script(*[answer(200, FOUND_BODY[mode])] * 2)
    handler = handler_for(mode, request_timeout=500)
    assert not handler.pending(IDLE_SEC)
    for _ in range(2):
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
        assert not handler.pending(IDLE_SEC)
    assert handler.process.poll() is None


@pytest.mark.parametrize("mode", MODES)
def test_an_idle_half_request_stays_open(handler_for, backend, mode):
    """A client may take longer than request-timeout to say what it wants."""
    backend.script(answer(200, FOUND_BODY[mode]))
    handler = handler_for(mode, request_timeout=500)
    handler.send(REQUEST[mode][:3])
    assert not handler.pending(IDLE_SEC)
    handler.send(REQUEST[mode][3:])
    assert handler.read_reply(mode) == FOUND[mode]


def test_the_backend_closing_does_not_close_the_connection(handler_for, backend):
    """The backend's keep-alive timeout is no business of Postfix."""
    backend.script(send_and_close(response(200, b'["value"]')))
    handler = handler_for(TCP)
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    backend.wait_for_end_of(0)
    assert not handler.pending(IDLE_SEC)


@pytest.mark.parametrize("mode", MODES)
def test_sigterm_while_idle(handler_for, backend, mode):
    """Between requests SIGTERM ends the handler promptly, with status 0 and without a word."""
    backend.script(answer(200, FOUND_BODY[mode]))
    handler = handler_for(mode)
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    before = time.monotonic()
    handler.terminate()
    assert handler.wait() == 0
    assert time.monotonic() - before < WAIT_SEC / 3
    assert handler.read_to_end() == b""


@pytest.mark.parametrize("mode", MODES)
def test_sigterm_during_a_request(handler_for, backend, mode):
    """A request in flight is finished first: its reply arrives, then the connection ends."""
    go_on = threading.Event()
    backend.script(when(go_on, answer(200, FOUND_BODY[mode])))
    handler = handler_for(mode)
    handler.send(REQUEST[mode])
    backend.wait_for_requests(1)
    handler.terminate()
    assert not handler.pending(0.2)
    go_on.set()
    assert handler.result()[:2] == (FOUND[mode], 0)


def test_sigterm_twice_during_a_request(handler_for, backend):
    """An impatient second SIGTERM loses the reply no more than the first."""
    go_on = threading.Event()
    backend.script(when(go_on, answer(200, b"DUNNO")))
    handler = handler_for(POLICY)
    handler.send(REQUEST[POLICY])
    backend.wait_for_requests(1)
    handler.terminate()
    handler.terminate()
    go_on.set()
    assert handler.result()[:2] == (FOUND[POLICY], 0)


@pytest.mark.parametrize("mode", MODES)
def test_sigterm_inside_a_request(handler_for, backend, mode):
    """A request of which a part has arrived is in flight: its rest is awaited and answered."""
    backend.script(*[answer(200, FOUND_BODY[mode])] * 2)
    handler = handler_for(mode)
    handler.send(REQUEST[mode] + REQUEST[mode][:4])
    assert handler.read_reply(mode) == FOUND[mode]
    handler.terminate()
    assert not handler.pending(0.3)
    handler.send(REQUEST[mode][4:])
    assert handler.result()[:2] == (FOUND[mode], 0)


def test_the_client_leaves_during_a_request(handler_for, backend):
    """A client that does not wait for its reply is no error: nobody is there to be told."""
    go_on = threading.Event()
    backend.script(when(go_on, answer(200, b'["value"]')))
    handler = handler_for(TCP)
    handler.send(REQUEST[TCP])
    backend.wait_for_requests(1)
    handler.client.close()
    go_on.set()
    assert handler.wait() == 0
    assert "Traceback" not in handler.log


@pytest.fixture
def on_tcp(tmp_path, launch, backend):
    """A handler on a TCP connection, which hibernates soon, and the client's socket."""
    backend.script(*[answer(200, FOUND_BODY[TCP])] * 2)
    config = write_config(tmp_path, endpoint(TCP, backend.url(), hibernate_after=1))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        handler = launch("--config", config, "--endpoint", TCP, ends=accepted(listener))
    return handler, handler.client.sock


@pytest.mark.parametrize("asleep", [False, True], ids=["first request", "hibernating"])
@pytest.mark.parametrize("pause", [0.0, 0.3], ids=["at once", "apart"])
def test_an_urgent_byte(on_tcp, backend, asleep, pause):
    """TCP's urgent byte, which Postfix never sends, is not the end of a connection that waits."""
    handler, sock = on_tcp
    if asleep:
        assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
        backend.wait_for_end_of(0)
    sock.send(b"!", socket.MSG_OOB)
    assert not handler.pending(pause)
    handler.send(REQUEST[TCP])
    assert handler.finish()[:2] == (FOUND[TCP], 0)


def test_an_urgent_byte_and_the_end(on_tcp):
    """An urgent byte alone is no request: the handler leaves as if nothing had been said."""
    handler, sock = on_tcp
    sock.send(b"!", socket.MSG_OOB)
    assert handler.finish() == (b"", 0, "")
