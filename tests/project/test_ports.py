# SPDX-License-Identifier: MIT
"""The ports that tests take: no two of them get the same one."""

from __future__ import annotations

import errno
import os
import socket
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness import ports
from harness.scripted_backend import unused_port


def test_threads_get_different_ports():
    """However many ask at the same time, and although none of them binds what it got."""
    with ThreadPoolExecutor(20) as pool:
        found = list(pool.map(lambda _: ports.free_port(), range(500)))
    assert len(set(found)) == 500


def test_workers_get_different_ports(monkeypatch):
    """Each worker has a share of its own, and all of them together have all ports."""
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", "3")
    shares = []
    for worker in range(3):
        monkeypatch.setenv("PYTEST_XDIST_WORKER", f"gw{worker}")
        supply = ports._Supply()
        shares.append([supply.next() for _ in range(len(ports._PORTS) // 3)])
    assert sum(map(len, shares)) == len({port for share in shares for port in share})


def test_a_socket_of_a_process_that_is_about_to_start():
    """An address is waited for while a copy of the socket that had it is still open."""
    first = unused_port()
    copy = os.dup(first.fileno())
    port = first.getsockname()[1]
    first.close()
    held = threading.Event()

    def take() -> socket.socket:
        sock = socket.socket()
        try:
            sock.bind(("127.0.0.1", port))
        except OSError:
            sock.close()
            if not held.is_set():
                held.set()
                os.close(copy)
            raise
        return sock

    ports.patiently(take).close()
    assert held.is_set()


def test_other_errors_are_not_waited_for():
    """Only an address that is in use may be free a moment later."""
    errors = []

    def take() -> None:
        errors.append(OSError(errno.EACCES, "no"))
        raise errors[-1]

    with pytest.raises(OSError, match="no"):
        ports.patiently(take)
    assert len(errors) == 1
