# SPDX-License-Identifier: MIT
"""Open connections, and which of them hibernate: real sockets and processes, found in /proc."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.activation import package_parent
from harness.endpoints import endpoint
from harness.process_group import end
from postfix_rest_inetd.admin.host import connections
from postfix_rest_inetd.admin.host.connections import Count
from postfix_rest_inetd.config.endpoint import Endpoint

HIBERNATING = """
from postfix_rest_inetd import handover
handover.leave(handover.State("tcp-lookup", "x", b"token", b"{}"))
"""
WOKEN = """
handover.take()
"""
HANDLER = """
import sys
print("ready", flush=True)
sys.stdin.readline()
"""


@pytest.fixture
def server() -> Iterator[socket.socket]:
    """A socket that listens on loopback."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening


def of(server: socket.socket) -> Endpoint:
    """An endpoint that listens there."""
    return endpoint(bind_port=server.getsockname()[1])


def test_none(server: socket.socket) -> None:
    """A socket that listens is not a connection."""
    assert connections.count([of(server)]) == [Count(0, 0)]


@pytest.mark.parametrize(
    "program, hibernating",
    [
        (HANDLER, 0),
        (HIBERNATING + HANDLER, 1),
        (HIBERNATING + WOKEN + HANDLER, 0),
        (HIBERNATING + WOKEN + HIBERNATING + HANDLER, 1),
    ],
)
def test_handler(server: socket.socket, program: str, hibernating: int) -> None:
    """A connection counts from its start on; a handler hibernates if it has left a state."""
    watched = [of(server), endpoint(bind_port=1)]
    with socket.create_connection(server.getsockname()) as client:
        assert connections.count(watched) == [Count(1, 0), Count(0, 0)]  # nobody accepted it
        accepted, _ = server.accept()
        with accepted:
            handler = subprocess.Popen(
                [sys.executable, "-c", program],
                stdin=accepted,
                stdout=subprocess.PIPE,
                cwd=package_parent(),
            )
        try:
            assert handler.stdout is not None
            assert handler.stdout.readline() == b"ready\n"
            assert connections.count(watched) == [Count(1, hibernating), Count(0, 0)]
            client.shutdown(socket.SHUT_WR)
            assert handler.wait(30) == 0
        finally:
            end(handler)
            handler.stdout.close()


def test_unix(tmp_path: Path) -> None:
    """A connection to a unix socket has its path, and the side of the client does not count."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listening, socket.socket(socket.AF_UNIX) as client:
        listening.bind(path)
        listening.listen()
        client.connect(path)
        accepted, _ = listening.accept()
        with accepted:
            watched = [endpoint(bind_path=path, bind_port=...)]
            asleep = 0 if os.geteuid() == 0 else None  # only root sees what a process holds
            assert connections.count(watched) == [Count(1, asleep)]


def test_without_root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What cannot be seen is not known, and is not 0: here, no process can be seen at all."""
    monkeypatch.setattr("os.geteuid", lambda: 1000)
    (tmp_path / "net").mkdir()
    line = "0: 0100007F:2328 0100007F:1234 01 00000000:00000000 00:00000000 00000000 0 0 4711 1"
    (tmp_path / "net/tcp").write_text(f"header\n{line}\n")
    assert connections.count([endpoint()], str(tmp_path)) == [Count(1, None)]
