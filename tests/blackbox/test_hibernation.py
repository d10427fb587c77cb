# SPDX-License-Identifier: MIT
"""Hibernation: an idle handler starts over as a bare interpreter, and Postfix notices nothing.

The sign of it that can be awaited is the end of the handler's connection to its backend.
"""

from __future__ import annotations

import socket
import time

import pytest

from harness.handler_process import WAIT_SEC, accepted, endpoint, pipes, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, TCP
from harness.scripted_backend import ScriptedBackend, answer

SOON = {"hibernate_after": 1}
STILL_SEC = 1.5
"""Longer than SOON: what must not happen would have begun by then."""


def asleep(handler, backend, mode=TCP, number=0):
    """Ask HANDLER something, and wait until it hibernates."""
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    backend.wait_for_end_of(number)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["socket pair", "tcp", "pipes"])
def test_nobody_notices(tmp_path, launch, backend, mode, kind):
    """The same process answers before and after on the same connection, whatever that is."""
    backend.script(*[answer(200, FOUND_BODY[mode])] * 3)
    config = write_config(tmp_path, endpoint(mode, backend.url(), **SOON))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ends = {"socket pair": lambda: None, "pipes": pipes, "tcp": lambda: accepted(listener)}
        handler = launch("--config", config, "--endpoint", mode, ends=ends[kind]())
    asleep(handler, backend, mode)
    assert not handler.pending(0.2)
    asleep(handler, backend, mode, 1)
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    assert handler.finish()[:2] == (b"", 0)
    assert len(backend.connections) == 3
    assert handler.log.count("\n") == 3


def test_gaps_about_as_long(handler_for, backend):
    """A request that comes just when the handler falls asleep is answered like any other."""
    gaps = [0.9, 0.95, 0.98, 0.99, 1.0, 1.005, 1.01, 1.02, 1.05]
    backend.script(*[answer(200, FOUND_BODY[TCP])] * (len(gaps) + 1))
    handler = handler_for(TCP, **SOON)
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    for gap in gaps:
        time.sleep(gap)  # the gap itself is what is tested
        assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    assert handler.finish()[:2] == (b"", 0)


def test_several_requests_at_once(handler_for, backend):
    """All that arrives while a handler sleeps is answered, in order."""
    backend.script(*[answer(200, FOUND_BODY[TCP])] * 4)
    handler = handler_for(TCP, **SOON)
    asleep(handler, backend)
    handler.send(REQUEST[TCP] * 3)
    assert [handler.read_reply(TCP) for _ in range(3)] == [FOUND[TCP]] * 3


@pytest.mark.parametrize("mode", MODES)
def test_a_half_closed_sender(handler_for, backend, mode):
    """A last request, behind which the client closes its side, is answered."""
    backend.script(*[answer(200, FOUND_BODY[mode])] * 2)
    handler = handler_for(mode, **SOON)
    asleep(handler, backend, mode)
    handler.send(REQUEST[mode])
    assert handler.finish()[:2] == (FOUND[mode], 0)


def test_the_client_leaves(handler_for, backend):
    """The end of the connection ends the handler without a word."""
    backend.script(answer(200, FOUND_BODY[TCP]))
    handler = handler_for(TCP, **SOON)
    asleep(handler, backend)
    handler.client.close()
    assert handler.wait() == 0
    assert handler.log.count("\n") == 1


def test_sigterm(handler_for, backend):
    """SIGTERM ends a handler that hibernates, promptly and with status 0."""
    backend.script(answer(200, FOUND_BODY[TCP]))
    handler = handler_for(TCP, **SOON)
    asleep(handler, backend)
    before = time.monotonic()
    handler.terminate()
    assert handler.wait() == 0
    assert time.monotonic() - before < WAIT_SEC / 3
    assert handler.read_to_end() == b""


def test_sigterm_behind_a_request(handler_for, backend):
    """A request that has arrived is answered first, though the handler was not awake."""
    backend.script(*[answer(200, FOUND_BODY[TCP])] * 2)
    handler = handler_for(TCP, **SOON)
    asleep(handler, backend)
    handler.send(REQUEST[TCP])
    handler.terminate()
    assert handler.read_reply(TCP) == FOUND[TCP]
    assert handler.wait() == 0


def test_the_config_changes_meanwhile(tmp_path, handler_for, backend):
    """Who wakes reads the configuration that is there then."""
    backend.script(answer(200, FOUND_BODY[POLICY]))
    handler = handler_for(POLICY, **SOON)
    asleep(handler, backend, POLICY)
    with ScriptedBackend(answer(200, b"HOLD")) as other:
        write_config(tmp_path, endpoint(POLICY, other.url()))
        assert handler.ask(POLICY, REQUEST[POLICY]) == b"action=HOLD\n\n"


@pytest.mark.parametrize("mode", MODES)
def test_not_inside_a_request(handler_for, backend, mode):
    """While a request has arrived in part, the handler stays awake for its rest."""
    backend.script(*[answer(200, FOUND_BODY[mode])] * 2)
    handler = handler_for(mode, **SOON)
    handler.send(REQUEST[mode] + REQUEST[mode][:3])
    assert handler.read_reply(mode) == FOUND[mode]
    assert not handler.pending(STILL_SEC)
    assert not backend.connections[0].over
    handler.send(REQUEST[mode][3:])
    assert handler.read_reply(mode) == FOUND[mode]
    # A policy request does not use a connection that has been idle for so long.
    assert len(backend.connections) == (2 if mode == POLICY else 1)


def test_never(handler_for, backend):
    """With 0 a handler stays awake for good."""
    backend.script(*[answer(200, FOUND_BODY[TCP])] * 2)
    handler = handler_for(TCP, hibernate_after=0)
    for _ in range(2):
        assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
        assert not handler.pending(STILL_SEC)
    assert len(backend.connections) == 1


def test_fd_2_stays_silent(handler_for, backend):
    """Where fd 2 is the client's connection, it is as silent after hibernation as before."""
    backend.script(*[answer(200, FOUND_BODY[TCP])] * 2)
    handler = handler_for(TCP, launch_with={"stderr": "connection"}, **SOON)
    asleep(handler, backend)
    handler.send(REQUEST[TCP])
    assert handler.finish()[:2] == (FOUND[TCP], 0)
