# SPDX-License-Identifier: MIT
"""Much at once: a burst of connections, and many held open.

What was measured is told with `pytest -rP`.
"""

from __future__ import annotations

import json
import selectors
import socket
import statistics
import time
from collections.abc import Iterable, Iterator

import pytest
from integration.product import (
    TCP,
    USER,
    ask,
    configure,
    endpoint,
    in_network,
    read_line,
    start,
    state,
    wait_for_no_handlers,
)

from harness.container import Container
from harness.container_backend import Backend, lookup

PORT = 9001
BURST = 400
"""More than the queue of the kernel has room for (Backlog=256)."""
HELD = 150
LOAD_SEC = 300
"""A bound. With the poll limit for two processors, the burst takes at least 20 s."""


def report(request: pytest.FixtureRequest, text: str) -> None:
    """Show TEXT in the report of the test."""
    request.node.add_report_section("call", "measured", text)


@pytest.fixture
def numbers(clean_container: Container) -> Iterator[Backend]:
    """A backend that knows the keys from 0 to BURST - 1, and a tcp: endpoint for it."""
    table = {str(number): [f"value-{number}"] for number in range(BURST)}
    with clean_container.backend({"/": lookup(table)}) as backend:
        # The longest timeout there is: what counts is that nobody is forgotten.
        # Nobody hibernates, however long the last one waits for its turn.
        target = {"target": backend.url(), "request_timeout": 90_000, "hibernate_after": 0}
        configure(clean_container, endpoint("numbers", port=PORT, **target))
        start(clean_container, TCP)
        yield backend


def ask_at_once(container: Container, count: int) -> list[socket.socket]:
    """COUNT connections, and a question of its own on each."""

    def connect_all() -> list[socket.socket]:
        return [socket.create_connection(("127.0.0.1", PORT), LOAD_SEC) for _ in range(count)]

    connections = in_network(container, connect_all)
    for number, connection in enumerate(connections):
        connection.sendall(f"get {number}\n".encode())
    return connections


def answers(connections: Iterable[socket.socket]) -> Iterator[tuple[socket.socket, bytes]]:
    """Each connection with its answer, as the answers come."""
    deadline = time.monotonic() + LOAD_SEC
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
        while selector.get_map():
            ready = selector.select(deadline - time.monotonic())
            assert ready, f"{len(selector.get_map())} connections without an answer"
            for key, _ in ready:
                selector.unregister(key.fileobj)
                yield key.fileobj, read_line(key.fileobj)


@pytest.mark.timeout(LOAD_SEC + 60)
@pytest.mark.usefixtures("numbers")
def test_burst(request: pytest.FixtureRequest, clean_container: Container) -> None:
    """Many connections at once are all answered rightly, and the socket lives on."""
    began = time.monotonic()
    connections = ask_at_once(clean_container, BURST)
    numbers = {connection: number for number, connection in enumerate(connections)}
    wrong, waited = [], []
    for connection, line in answers(connections):
        waited.append(time.monotonic() - began)
        connection.close()
        if line != f"200 value-{numbers[connection]}\n".encode():
            wrong.append((numbers[connection], line))
    assert wrong == []
    assert len(waited) == BURST
    assert state(clean_container, TCP) == "active"
    assert ask(clean_container, PORT, b"get 7\n") == b"200 value-7\n"
    wait_for_no_handlers(clean_container)
    assert clean_container.run("systemctl", "--failed", "--no-legend").stdout == ""
    report(
        request,
        f"{BURST} connections at once: first answer after {waited[0]:.2f} s, "
        f"half after {statistics.median(waited):.1f} s, all after {waited[-1]:.1f} s "
        f"({BURST / waited[-1]:.0f} a second)",
    )


_MEMORY = """
import json, pathlib, sys
wanted = ("Rss", "Pss", "Private_Dirty")
handlers = []
for pid in sys.argv[1:]:
    lines = pathlib.Path("/proc", pid, "smaps_rollup").read_text().splitlines()[1:]
    sizes = {line.split(":")[0]: int(line.split()[1]) for line in lines}
    handlers.append({name: sizes[name] for name in wanted})
print(json.dumps(handlers))
"""


def memory(container: Container) -> list[dict[str, int]]:
    """What each handler has in memory, in kB."""
    pids = container.run("pgrep", "-u", USER).stdout.split()
    return json.loads(container.run("python3", "-I", "-c", _MEMORY, *pids).stdout)


@pytest.mark.timeout(LOAD_SEC + 60)
def test_held_connections(
    request: pytest.FixtureRequest, clean_container: Container, numbers: Backend
) -> None:
    """Many connections stay open at once, with handlers that answer again and again.

    They are gone as soon as the connections are.
    """
    began = time.monotonic()
    connections = ask_at_once(clean_container, HELD)
    lines = dict(answers(connections))
    opened = time.monotonic() - began
    expected = [f"200 value-{number}\n".encode() for number in range(HELD)]
    assert [lines[connection] for connection in connections] == expected
    handlers = memory(clean_container)
    assert len(handlers) == HELD
    again = time.monotonic()
    for number, connection in enumerate(connections):
        connection.sendall(f"get {number}\n".encode())
    lines = dict(answers(connections))
    again = time.monotonic() - again
    assert [lines[connection] for connection in connections] == expected
    assert len({asked.connection for asked in numbers.requests}) == HELD
    closed = time.monotonic()
    for connection in connections:
        connection.close()
    wait_for_no_handlers(clean_container)
    closed = time.monotonic() - closed
    sizes = {
        name: statistics.median(handler[name] for handler in handlers) / 1024
        for name in handlers[0]
    }
    # Measured: 6.9 MB.
    assert sizes["Private_Dirty"] < 8.5
    report(
        request,
        f"{HELD} connections held: open and answered in {opened:.1f} s, answered again in "
        f"{again:.2f} s, handlers gone {closed:.1f} s after the close; median of one handler: "
        + ", ".join(f"{name} {size:.1f} MB" for name, size in sizes.items()),
    )
