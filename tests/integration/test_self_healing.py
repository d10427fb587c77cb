# SPDX-License-Identifier: MIT
"""Self-healing: sockets that fail are started again, handlers that die leave nothing behind."""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Iterator

import pytest
from integration.product import (
    TCP,
    ask,
    configure,
    connect,
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

PORT, OTHER_PORT = 9001, 9002
# Escaped once more, as long as no file's name may be.
LONG_NAME = "mail box " + "ж" * 20
MAIL_BOX = r"postfix-rest-tcp@mail\x20box\x20" + r"\xd0\xb6" * 20 + ".socket"
OTHER = "postfix-rest-tcp@other.socket"
REVIVALS = "/run/postfix-rest-inetd-revive"


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend, and two endpoints for it, one with a long name that is to be escaped."""
    # How often a unit was revived is remembered there, across tests too.
    clean_container.run("rm", "-rf", REVIVALS)
    with clean_container.backend({"/l": lookup({"x": ["y"]})}) as running:
        configure(
            clean_container,
            endpoint(LONG_NAME, port=PORT, target=running.url("/l")),
            endpoint("other", port=OTHER_PORT, target=running.url("/l")),
        )
        yield running
    clean_container.run("systemctl", "stop", "revive-postfix-rest@*.service")


@contextlib.contextmanager
def taken(container: Container, port: int = PORT) -> Iterator[None]:
    """The port is somebody else's for as long."""

    def listen() -> socket.socket:
        return socket.create_server(("127.0.0.1", port))

    with in_network(container, listen):
        yield


def fail_to_start(container: Container, unit: str) -> None:
    """Start a unit that cannot be started."""
    assert container.run("systemctl", "start", unit, check=False).returncode != 0


def delays(container: Container, since: str, unit: str, count: int) -> list[tuple[int, float]]:
    """The first COUNT announcements of a revival: its delay, and when it was announced."""
    expected = re.compile(re.escape(unit) + r" has failed; it is started again in (\d+) s\.")
    entries = container.journal.wait_for(
        "SYSLOG_IDENTIFIER=postfix-rest-inetd",
        since=since,
        count=count,
        condition=lambda entry: expected.match(entry["MESSAGE"]) is not None,
    )
    return [
        (int(expected.match(e["MESSAGE"])[1]), int(e["__MONOTONIC_TIMESTAMP"]) / 1e6)
        for e in entries
    ]


# -- sockets


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("unit", [TCP, MAIL_BOX])
def test_revival(clean_container: Container, unit: str) -> None:
    """A socket whose port is taken is started again when the port is free: 1 s, 2 s, 4 s later.

    Both are in the journal, each failure and the success. One that fails again soon goes on with
    the longer delays.
    """
    since = clean_container.journal.cursor()
    with taken(clean_container):
        fail_to_start(clean_container, unit)
        (first, began), (second, then) = delays(clean_container, since, unit, 2)
    assert (first, second) == (1, 2)
    assert 1 <= then - began < 2 + 1
    revived = clean_container.journal.wait_for(
        "SYSLOG_IDENTIFIER=postfix-rest-inetd",
        since=since,
        condition=lambda entry: entry["MESSAGE"] == f"{unit} has been started again",
    )
    assert int(revived[0]["__MONOTONIC_TIMESTAMP"]) / 1e6 - then >= 2
    failures = [
        entry["MESSAGE"]
        for entry in clean_container.journal("_PID=1", f"UNIT={unit}", since=since)
        if "Failed with result 'resources'" in entry["MESSAGE"]
    ]
    assert len(failures) == 2
    assert state(clean_container, unit) == "active"
    assert ask(clean_container, PORT, b"get x\n") == b"200 y\n"
    clean_container.run("systemctl", "stop", unit)
    with taken(clean_container):
        fail_to_start(clean_container, unit)
        assert delays(clean_container, since, unit, 3)[-1][0] == 4


@pytest.mark.usefixtures("backend")
def test_stop_ends_the_revival(clean_container: Container) -> None:
    """`systemctl stop` of a socket that waits for its revival is obeyed."""
    revival = f"revive-postfix-rest@{TCP}.service"
    with taken(clean_container):
        fail_to_start(clean_container, TCP)
        wait_until(lambda: state(clean_container, revival) == "active", "the revival")
        clean_container.run("systemctl", "stop", TCP)
        wait_until(lambda: state(clean_container, revival) == "inactive", "the end of the revival")
    assert state(clean_container, TCP) == "failed"
    assert show(clean_container, revival, "Result") == {"Result": "success"}
    # It can be started as ever.
    start(clean_container, TCP)
    assert ask(clean_container, PORT, b"get x\n") == b"200 y\n"


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize(
    "replacement, port, others", [(OTHER, OTHER_PORT, PORT), (MAIL_BOX, PORT, OTHER_PORT)]
)
def test_replacement_ends_the_revival(
    clean_container: Container, replacement: str, port: int, others: int
) -> None:
    """A socket started in the place of the failed one is not pushed aside by a revival."""
    revival = f"revive-postfix-rest@{TCP}.service"
    since = clean_container.journal.cursor()
    with taken(clean_container, others):
        fail_to_start(clean_container, TCP)
        delays(clean_container, since, TCP, 1)
        start(clean_container, replacement)
    wait_until(lambda: state(clean_container, revival) == "inactive", "the end of the revival")
    assert [state(clean_container, unit) for unit in (TCP, replacement)] == ["failed", "active"]
    assert ask(clean_container, port, b"get x\n") == b"200 y\n"


# -- handlers


@pytest.mark.usefixtures("backend")
@pytest.mark.parametrize("signal", ["SEGV", "KILL", "ABRT"])
def test_dead_handlers(clean_container: Container, signal: str) -> None:
    """Handlers that are killed do not pile up as failed units, and the socket goes on."""
    start(clean_container, TCP)
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(clean_container, PORT)) for _ in range(3)]
        for connection in connections:
            connection.sendall(b"get x\n")
            assert read_line(connection) == b"200 y\n"
        instances = handlers(clean_container)
        assert len(instances) == 3
        clean_container.run("systemctl", "kill", f"--signal={signal}", *instances)
        assert [connection.recv(1) for connection in connections] == [b""] * 3
    wait_for_no_handlers(clean_container)
    failed = clean_container.run("systemctl", "--failed", "--no-legend").stdout
    assert failed == ""
    assert show(clean_container, TCP, "NConnections") == {"NConnections": "0"}
    assert ask(clean_container, PORT, b"get x\n") == b"200 y\n"
