# SPDX-License-Identifier: MIT
"""Where fd 2 is the client's connection, as under inetd and spawn(8), only replies are written.

Whatever else came there would be read by Postfix as a part of a reply. The cases here are those in
which something has to be told, or in which the interpreter itself would like to say something.
"""

from __future__ import annotations

import socket

import pytest
from blackbox.broken_functions import PLACES, broken_function
from blackbox.support import (
    INTERNAL_ERROR,
    INVALID,
    NOT_FOUND,
    TCP_BROKEN,
    TIMED_OUT,
    UNREACHABLE,
    UNUSABLE_CONFIG,
    perm_broken,
    server_error,
    unspecified,
    user_error,
)

from harness.handler_process import accepted, endpoint, pipes, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import answer, hang_up, silence

INETD = {"stderr": "connection"}

BROKEN = {TCP: (b"x\n", TCP_BROKEN), POLICY: (b"x\n", b""),
          SOCKETMAP: (b"x", perm_broken("Expected a digit, but got: x"))}  # fmt: skip


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["socket pair", "tcp", "pipes"])
def test_every_outcome(tmp_path, launch, backend, mode, kind):
    """Each outcome, one after the other on one connection: nothing but the replies."""
    backend.script(
        answer(200, FOUND_BODY[mode]),
        answer(404),
        answer(403),
        answer(503),
        answer(302),
        answer(200, b"\xff"),
        silence,
        hang_up,
    )
    expected = [
        FOUND[mode],
        NOT_FOUND.get(mode, user_error(404)[mode]),
        user_error(403)[mode],
        server_error(503)[mode],
        unspecified(302)[mode],
        INVALID[mode],
        TIMED_OUT[mode],
        UNREACHABLE[mode],
        BROKEN[mode][1],
    ]
    config = write_config(tmp_path, endpoint(mode, backend.url(), request_timeout=500))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ends = {"socket pair": lambda: None, "pipes": pipes, "tcp": lambda: accepted(listener)}
        handler = launch("--config", config, "--endpoint", mode, ends=ends[kind](), **INETD)
    handler.send(REQUEST[mode] * 8 + BROKEN[mode][0])
    output, status, _ = handler.finish()
    assert output == b"".join(expected)
    assert status == 0


@pytest.mark.parametrize("mode", MODES)
def test_an_unusable_configuration(launch, mode):
    """The reason has no place to go to: the replies alone are written."""
    handler = launch("--config", "/nowhere", "--mode", mode, **INETD)
    handler.send(REQUEST[mode] * 2)
    assert handler.finish()[:2] == (UNUSABLE_CONFIG[mode] * 2, 0)


@pytest.mark.parametrize("module, path", PLACES, ids=[".".join(place) for place in PLACES])
def test_an_unexpected_exception(handler_for, backend, module, path):
    """A bug is answered by one temporary error; no traceback follows it."""
    backend.default = answer(200, b'["value"]')
    code = broken_function(module, path, "words of the exception")
    handler = handler_for(TCP, launch_with={"code": code, **INETD})
    handler.send(REQUEST[TCP])
    expected = FOUND[TCP] if path == "of_request" else INTERNAL_ERROR[TCP]
    assert handler.result()[:2] == (expected, 70)


MISTAKES = [["--nonsense"], ["--config"], ["--mode", "imap"], ["policy"]]


@pytest.mark.parametrize("arguments", MISTAKES, ids=[" ".join(m) for m in MISTAKES])
@pytest.mark.parametrize("kind", ["socket pair", "tcp", "pipes"])
def test_usage_errors(launch, arguments, kind):
    """A wrong line in inetd.conf shows in the exit status and nowhere on the wire."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ends = {"socket pair": lambda: None, "pipes": pipes, "tcp": lambda: accepted(listener)}
        handler = launch(*arguments, ends=ends[kind](), **INETD)
    assert handler.finish()[:2] == (b"", 64)


def test_stdin_that_is_no_socket(launch):
    """Pipes without --endpoint are a usage error, and as silent."""
    assert launch("--config", "/nowhere", ends=pipes(), **INETD).finish()[:2] == (b"", 64)


def test_warnings_of_the_interpreter(handler_for, backend):
    """Python's own warnings, switched on, do not reach the client."""
    backend.script(answer(200, b'["value"]'))
    env = {"PYTHONWARNINGS": "always", "PYTHONDEVMODE": "1"}
    handler = handler_for(TCP, launch_with={"env": env, **INETD})
    handler.send(REQUEST[TCP])
    assert handler.finish()[:2] == (FOUND[TCP], 0)


def test_the_client_is_gone(handler_for, backend):
    """A reply that nobody takes ends the handler quietly, with status 0."""
    backend.script(answer(200, b'["value"]'))
    handler = handler_for(TCP)
    handler.send(REQUEST[TCP])
    handler.client.close()
    assert handler.wait() == 0


def test_nothing_is_written_before_a_request(handler_for):
    """A connection that says nothing hears nothing."""
    handler = handler_for(POLICY, launch_with=INETD)
    assert not handler.pending(0.5)
    assert handler.finish()[:2] == (b"", 0)
