# SPDX-License-Identifier: MIT
"""Three endpoints that are served, one of each kind, for tests of what the machine does to them.

with served.kept() as ask, frozen_journald(served.container):
    assert ask() == RIGHT           # over connections that were open before
    assert served.new() == RIGHT    # over new ones
served.recovers()
"""

from __future__ import annotations

import contextlib
import json
import socket
from collections.abc import Callable, Iterator, Sequence

from integration.product import (
    SOCKETS,
    configure,
    connect,
    endpoint,
    policy_request,
    socketmap_request,
    start,
    state,
    wait_for_no_handlers,
    wait_until,
)

from harness.container import Container
from harness.container_backend import answer, lookup, permitting

PORTS = (9001, 9002, 9003)
REQUESTS = (b"get x\n", socketmap_request("map", "x"), policy_request())
Replies = Sequence[bytes]
RIGHT: Replies = (b"200 y\n", b"4:OK y,", b"action=DUNNO\n\n")
CLOSED: Replies = (b"", b"", b"")
BROKEN: Replies = (
    b"400 REST%20connector%20had%20an%20internal%20error\n",
    b"41:TEMP REST connector had an internal error,",
    b"action=451 REST connector had an internal error\n\n",
)
_ENDS = (b"\n", b",", b"\n\n")


class Served:
    """The endpoints; those of lookups have stored answers."""

    def __init__(self, container: Container) -> None:
        self.container = container
        self.backend = container.backend(
            {
                "/stored": permitting(lookup({"x": ["y"]}), "max-age=600"),
                "/lookup": lookup({"x": ["y"]}),
                "/policy": answer("DUNNO"),
            }
        )
        self.configure()
        start(container, *SOCKETS)

    def configure(self, host: str = "127.0.0.1") -> None:
        """Write the configuration; HOST is the name in the targets."""
        paths = ("/stored", "/lookup", "/policy")
        modes = ("tcp-lookup", "socketmap-lookup", "policy")
        names = ("domains", "maps", "gate")
        allowed = ({}, {}, {"allowed_actions": ["DUNNO"]})
        target = f"http://{host}:{self.backend.port}"
        rows = zip(names, modes, PORTS, paths, allowed, strict=True)
        patience = {"request_timeout": 60_000, "hibernate_after": 0}
        endpoints = [
            endpoint(name, mode, port=port, target=target + path, **keys, **patience)
            for name, mode, port, path, keys in rows
        ]
        configure(self.container, *endpoints)

    def new(self) -> Replies:
        """The replies over new connections; empty where a connection ends without one."""
        found = []
        for port, request, end in zip(PORTS, REQUESTS, _ENDS, strict=True):
            try:
                with connect(self.container, port) as connection:
                    found.append(ask(connection, request, end))
            except (ConnectionRefusedError, ConnectionResetError):  # a socket is closed just now
                found.append(b"")
        return tuple(found)

    @contextlib.contextmanager
    def kept(self) -> Iterator[Callable[[], Replies]]:
        """Connections that stay open: asks over them. Each has been answered once."""
        with contextlib.ExitStack() as stack:
            connections = [stack.enter_context(connect(self.container, port)) for port in PORTS]

            def ask_all() -> Replies:
                rows = zip(connections, REQUESTS, _ENDS, strict=True)
                return tuple(ask(*row) for row in rows)

            assert ask_all() == RIGHT
            yield ask_all

    def findings(self) -> list[str]:
        """What check finds wrong, except that nothing here is enabled."""
        command = ["postfix-rest-inetd", "check", "--json"]
        done = self.container.run(*command, check=False)
        assert done.stderr == ""
        found = json.loads(done.stdout)["findings"]
        return [
            f"{each['severity']}: {each['where']}: {each['what']}"
            for each in found
            if each["severity"] in ("warning", "error") and "not enabled" not in each["what"]
        ]

    def recovers(self) -> None:
        """All is as before, and nothing is left behind."""
        units = SOCKETS
        wait_until(
            lambda: [state(self.container, unit) for unit in units] == ["active"] * len(units),
            "all sockets",
        )
        assert self.new() == RIGHT
        wait_for_no_handlers(self.container)
        pattern = "postfix-rest-*"
        failed = self.container.run("systemctl", "list-units", "--failed", "--no-legend", pattern)
        assert failed.stdout == ""
        assert self.findings() == []


def ask(connection: socket.socket, request: bytes, end: bytes) -> bytes:
    """The reply to a request, empty if the connection ends without one. It stays open."""
    received = b""
    try:
        connection.sendall(request)
        while not received.endswith(end):
            data = connection.recv(65536)
            if not data:
                break
            received += data
    except ConnectionError:
        pass
    return received
