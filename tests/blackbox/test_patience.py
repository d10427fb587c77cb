# SPDX-License-Identifier: MIT
"""A client that does not send the rest of a request, or does not take its reply, is given up.

The handlers here have less patience than others; how long it is for those is in a test of its own.
A client that sends nothing, or that is idle between requests, is never given up.
"""

from __future__ import annotations

import os
import pty
import termios
import tty

import pytest
from blackbox.broken_functions import other_constant

from harness.handler_process import Ends, PipeClient, endpoint, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import answer
from postfix_rest_inetd import connection

SHORT_SEC = 0.5
LATE = f"its rest did not arrive within {SHORT_SEC} s"
IMPATIENT = {"code": other_constant("connection", "PATIENCE_SEC", SHORT_SEC)}


def test_as_long_as_postfix() -> None:
    """It is what Postfix's clients have for a whole exchange: 100 s."""
    assert connection.PATIENCE_SEC == 100


@pytest.mark.parametrize("mode", MODES)
def test_half_a_request(handler_for, mode):
    """The connection is closed without a reply, and the journal says why."""
    handler = handler_for(mode, launch_with=IMPATIENT)
    handler.send(REQUEST[mode][:-1])
    assert handler.read_to_end() == b""
    assert handler.wait() == 0
    assert LATE in handler.log


@pytest.mark.parametrize("mode", MODES)
def test_half_of_a_later_request(handler_for, backend, mode):
    """So it is after a request that was answered, also if the half came together with that."""
    backend.script(answer(200, FOUND_BODY[mode]))
    handler = handler_for(mode, launch_with=IMPATIENT)
    handler.send(REQUEST[mode] + REQUEST[mode][:4])
    assert handler.read_to_end() == FOUND[mode]
    assert handler.wait() == 0
    assert LATE in handler.log


def test_a_drip(handler_for):
    """Bytes that arrive one by one do not extend the time: it is for the whole request."""
    handler = handler_for(TCP, launch_with=IMPATIENT)
    handler.send(b"get ")
    sent = 0
    while not handler.pending(SHORT_SEC / 5):
        handler.send(b"x")
        sent += 1
        assert sent < 1000
    assert handler.read_to_end() == b""
    assert LATE in handler.log


def test_an_unknown_protocol(tmp_path, launch):
    """So it is while too little has arrived to recognise the protocol, without a configuration."""
    handler = launch("--config", tmp_path / "missing.json", **IMPATIENT)
    handler.send(b"1")
    assert handler.read_to_end() == b""
    assert handler.wait() == 0
    assert LATE in handler.log


@pytest.mark.parametrize("mode", MODES)
def test_silence(handler_for, backend, mode):
    """Before the first request, and between requests, a client may be silent for longer."""
    backend.script(*[answer(200, FOUND_BODY[mode])] * 2)
    handler = handler_for(mode, launch_with=IMPATIENT)
    for _ in range(2):
        assert not handler.pending(2 * SHORT_SEC)
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]


def test_pieces(handler_for, backend):
    """Each request has the whole time, whenever an earlier one in pieces has begun."""
    patience_sec = 2.0
    backend.script(*[answer(200, FOUND_BODY[POLICY])] * 3)
    code = other_constant("connection", "PATIENCE_SEC", patience_sec)
    handler = handler_for(POLICY, launch_with={"code": code})
    assert handler.ask(POLICY, REQUEST[POLICY]) == FOUND[POLICY]
    for silence_sec in (0, patience_sec):
        assert not handler.pending(silence_sec)
        handler.send(REQUEST[POLICY][:9])
        assert not handler.pending(0.3)
        handler.send(REQUEST[POLICY][9:])
        assert handler.read_reply(POLICY) == FOUND[POLICY]


def test_never_reading(handler_for, backend):
    """A client that asks and asks and takes no reply is given up; its handler ends."""
    value = "x" * 90_000
    backend.default = answer(200, f'["{value}"]'.encode())
    handler = handler_for(SOCKETMAP, launch_with=IMPATIENT, max_response_bytes=100_000)
    for _ in range(20):
        handler.send(REQUEST[SOCKETMAP])
    assert handler.wait() == 0
    assert len(backend.requests) < 20


def test_slow_reading(handler_for, backend):
    """A reply that the kernel does not take at once arrives whole if the client takes it."""
    value = "x" * 90_000
    backend.default = answer(200, f'["{value}"]'.encode())
    handler = handler_for(SOCKETMAP, max_response_bytes=100_000)
    for _ in range(8):
        handler.send(REQUEST[SOCKETMAP])
    backend.wait_for_requests(2)
    expected = b"%d:OK %s," % (3 + len(value), value.encode())
    assert [handler.read_reply(SOCKETMAP) for _ in range(8)] == [expected] * 8
    assert handler.finish()[:2] == (b"", 0)


def test_a_stopped_terminal(tmp_path, launch, backend):
    """After ^S, a terminal takes no reply; the handler waits, in the mode that the shell needs."""
    backend.script(answer(200, FOUND_BODY[TCP]))
    config = write_config(tmp_path, endpoint(TCP, backend.url()))
    ours, theirs = pty.openpty()
    tty.setraw(theirs)
    termios.tcflow(theirs, termios.TCOOFF)
    stdin, writer = os.pipe()
    ends = Ends(PipeClient(writer, ours), stdin, os.dup(theirs))
    handler = launch("--config", config, "--endpoint", TCP, ends=ends, **IMPATIENT)
    handler.send(REQUEST[TCP])
    backend.wait_for_requests(1)
    assert not handler.pending(4 * SHORT_SEC)
    assert handler.process.poll() is None
    assert os.get_blocking(theirs)
    termios.tcflow(theirs, termios.TCOON)
    assert handler.read_reply(TCP) == FOUND[TCP]
    handler.half_close()
    assert handler.wait() == 0
    os.close(theirs)
