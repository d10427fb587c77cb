# SPDX-License-Identifier: MIT
"""Limits: the values in force, and bursts that systemd's defaults would not survive."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

import pytest
from integration.product import (
    SLICE,
    SOCKETS,
    TCP,
    WAIT_SEC,
    ask,
    configure,
    connect,
    drop_in,
    endpoint,
    handlers,
    in_network,
    read_line,
    show,
    start,
    state,
    wait_for_no_handlers,
    wait_until,
)

from harness.container import Container
from harness.container_backend import Backend, lookup

PORT = 9001
BURST = 210
"""More than the default trigger limit (200 in 2 s)."""
HELD = 80
"""More than the default MaxConnections=, 64."""

SOCKET_LIMITS = {
    "MaxConnections": "1024",
    "MaxConnectionsPerSource": "0",
    "TriggerLimitIntervalUSec": "0",
    "Backlog": "256",
    "FreeBind": "yes",
    "KeepAlive": "yes",
    "RemoveOnStop": "yes",
    "StartLimitIntervalUSec": "0",
}
POLL_INTERVAL = "500ms"
FIRST_WITH_POLL_LIMIT = 255

ECHO = """
[Service]
ExecStart=
ExecStart=/bin/cat
"""


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend, and an endpoint for it."""
    with clean_container.backend({"/l": lookup({"x": ["y"]})}) as running:
        configure(
            clean_container,
            endpoint("t", port=PORT, target=running.url("/l"), request_timeout=60000),
            endpoint("s", "socketmap-lookup", port=9002, target=running.url("/l")),
            endpoint("p", "policy", port=9003, target=running.url("/l")),
        )
        yield running


def burst(container: Container, count: int, request: bytes) -> list[bytes]:
    """What COUNT connections answer that are all made before the first answer is read."""

    def connect_all() -> list[socket.socket]:
        return [socket.create_connection(("127.0.0.1", PORT), WAIT_SEC) for _ in range(count)]

    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(each) for each in in_network(container, connect_all)]
        for connection in connections:
            # With a socket that has failed, connections are reset.
            with contextlib.suppress(OSError):
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
        return [everything(connection) for connection in connections]


def everything(connection: socket.socket) -> bytes:
    """All there is until the end of file; nothing after a reset."""
    try:
        return b"".join(iter(lambda: connection.recv(4096), b""))
    except ConnectionError:
        return b""


# -- values


@pytest.mark.usefixtures("backend")
def test_sockets(clean_container: Container) -> None:
    """The limits of all three sockets are the ones written down in 10-limits.conf."""
    start(clean_container, *SOCKETS)
    for unit in SOCKETS:
        assert show(clean_container, unit, *SOCKET_LIMITS) == SOCKET_LIMITS


@pytest.mark.usefixtures("backend")
def test_poll_limit(clean_container: Container) -> None:
    """A poll limit is set where systemd has one; elsewhere its key is not even written."""
    start(clean_container, TCP)
    version = int(clean_container.run("systemctl", "--version").stdout.split()[1])
    written = clean_container.run("systemctl", "cat", TCP).stdout
    found = show(clean_container, TCP, "PollLimitIntervalUSec", "PollLimitBurst")
    if version < FIRST_WITH_POLL_LIMIT:
        assert "PollLimit" not in written
        assert found == {}
    else:
        assert found["PollLimitIntervalUSec"] == POLL_INTERVAL
        assert f"PollLimitBurst={found['PollLimitBurst']}\n" in written


@pytest.mark.usefixtures("backend")
def test_handler(clean_container: Container) -> None:
    """A handler's limits: failed ones are forgotten, and tasks, memory and stopping are bounded.

    The memory of all handlers together is bounded as well, by a share of that of the machine.
    """
    start(clean_container, TCP)
    with connect(clean_container, PORT) as connection:
        connection.sendall(b"get x\n")
        assert read_line(connection) == b"200 y\n"
        (instance,) = handlers(clean_container)
        expected = {
            "CollectMode": "inactive-or-failed",
            "TasksMax": "16",
            "MemoryMax": str(256 * 1024 * 1024),
            "TimeoutStopUSec": "1min 35s",
            "RuntimeMaxUSec": "infinity",
            "StandardError": "journal",
            "OOMScoreAdjust": "500",
            "Slice": SLICE,
        }
        assert show(clean_container, instance, *expected) == expected
        memory = int(
            clean_container.shell("sed -n 's/^MemTotal: *\\([0-9]*\\) kB$/\\1/p' /proc/meminfo")
        )
        bound = int(show(clean_container, SLICE, "MemoryMax")["MemoryMax"]) / 1024
        assert bound == pytest.approx(0.75 * memory, rel=0.01)
    wait_for_no_handlers(clean_container)


@pytest.mark.usefixtures("backend")
def test_restart_of_the_slice(clean_container: Container) -> None:
    """A new handler goes on with a connection that was open, and no unit fails."""
    start(clean_container, TCP)
    with connect(clean_container, PORT) as connection:
        pids = []
        for _ in range(2):
            connection.sendall(b"get x\n")
            assert read_line(connection) == b"200 y\n"
            (instance,) = handlers(clean_container)
            pids.append(show(clean_container, instance, "MainPID"))
            clean_container.run("systemctl", "restart", SLICE)
        assert pids[0] != pids[1]
    wait_for_no_handlers(clean_container)
    assert clean_container.run("systemctl", "--failed", "--no-legend").stdout == ""


@pytest.mark.usefixtures("backend")
def test_slice_of_the_operator(clean_container: Container) -> None:
    """A Slice= of the operator's is obeyed, and its change does not touch an open connection."""
    start(clean_container, TCP)
    with connect(clean_container, PORT) as before:
        before.sendall(b"get x\n")
        assert read_line(before) == b"200 y\n"
        local = "[Service]\nSlice=mail.slice\n"
        drop_in(clean_container, "postfix-rest-@.service", local, "50-local.conf")
        with connect(clean_container, PORT) as after:
            for connection in (before, after):
                connection.sendall(b"get x\n")
                assert read_line(connection) == b"200 y\n"
            groups = {
                show(clean_container, instance, "ControlGroup")["ControlGroup"].split("/")[-2]
                for instance in handlers(clean_container)
            }
    assert groups == {SLICE, "mail.slice"}
    wait_for_no_handlers(clean_container)


# -- bursts


@pytest.mark.usefixtures("backend")
def test_burst(clean_container: Container) -> None:
    """Many connections at once: each is served, and the socket goes on listening.

    With a handler that is quicker than ours, as it is systemd whose patience is tried.
    """
    drop_in(clean_container, "postfix-rest-@.service", ECHO)
    start(clean_container, TCP)
    assert burst(clean_container, BURST, b"echo\n") == [b"echo\n"] * BURST
    counted = show(clean_container, TCP, "NAccepted", "NRefused", "Result")
    assert counted == {"NAccepted": str(BURST), "NRefused": "0", "Result": "success"}
    assert state(clean_container, TCP) == "active"
    wait_for_no_handlers(clean_container)


@pytest.mark.usefixtures("backend")
def test_burst_at_a_trigger_limit(clean_container: Container) -> None:
    """The counterexample: with a trigger limit a burst stops the socket, until it is revived."""
    drop_in(clean_container, "postfix-rest-@.service", ECHO)
    limit = "[Socket]\nTriggerLimitIntervalSec=1\nTriggerLimitBurst=5\n"
    drop_in(clean_container, "postfix-rest-@.socket", limit)
    start(clean_container, TCP)
    since = clean_container.journal.cursor()
    answered = burst(clean_container, 60, b"echo\n").count(b"echo\n")
    assert answered < 60
    clean_container.journal.wait_for(
        f"UNIT={TCP}", since=since, condition=lambda entry: "trigger-limit-hit" in entry["MESSAGE"]
    )
    wait_until(lambda: state(clean_container, TCP) == "active", "its revival")
    assert ask(clean_container, PORT, b"echo\n") == b"echo\n"
    clean_container.run("rm", "-r", "/run/postfix-rest-inetd-revive")


@pytest.mark.usefixtures("backend")
def test_more_than_64_connections(clean_container: Container) -> None:
    """More connections than systemd's default allows are served side by side, and none dropped."""
    drop_in(clean_container, "postfix-rest-@.service", ECHO)
    start(clean_container, TCP)
    with contextlib.ExitStack() as stack:
        connections = []
        for _ in range(HELD):
            connections.append(stack.enter_context(connect(clean_container, PORT)))
            connections[-1].sendall(b"echo\n")
        assert [read_line(connection) for connection in connections] == [b"echo\n"] * HELD
        counted = show(clean_container, TCP, "NConnections", "NRefused")
        assert counted == {"NConnections": str(HELD), "NRefused": "0"}
    wait_for_no_handlers(clean_container)
