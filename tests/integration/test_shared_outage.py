# SPDX-License-Identifier: MIT
"""What one handler learns about a backend that is down, all others know.

The backend is frozen here, which is the outage that takes the longest to notice.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import time
from collections.abc import Iterator

import pytest
from integration.outage import source
from integration.product import (
    TCP,
    WAIT_SEC,
    ask,
    configure,
    connect,
    endpoint,
    read_line,
    start,
    wait_until,
)

from harness.container import Container
from harness.container_backend import Backend, lookup, permitting
from harness.container_journal import Entry

pytestmark = pytest.mark.one_release

PORT = 9001
CONNECTIONS = 32
REQUEST, REPLY = b"get key\n", b"200 value\n"
TIMEOUT_MS = 1500
AT_ONCE_USEC = 1_200_000
"""Measured: 1000. The bound is far from what it takes to ask, on any machine."""

SPELL_SEC = 6.0
PACE_SEC = 0.1
FIRST_PAUSE_SEC = 0.5
"""The shortest pause before a backend is asked again; each one is twice as long at least."""

BACK_OFF_SEC = 30


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend whose answers are stale at once, and may be used for a day while it fails."""
    route = permitting(lookup({"key": ["value"]}), "max-age=0, stale-if-error=86400")
    with clean_container.backend({"/": route}) as running:
        target = {"target": running.url(), "request_timeout": TIMEOUT_MS, "hibernate_after": 0}
        configure(clean_container, endpoint("numbers", port=PORT, **target))
        start(clean_container, TCP)
        yield running


@contextlib.contextmanager
def connected(container: Container) -> Iterator[list[socket.socket]]:
    """Many connections, whose handlers have all answered a request."""
    with contextlib.ExitStack() as stack:
        connections = [stack.enter_context(connect(container, PORT)) for _ in range(CONNECTIONS)]
        ask_all(connections)
        yield connections


def ask_all(connections: list[socket.socket]) -> None:
    """Ask on all connections, and then read all replies."""
    for connection in connections:
        connection.sendall(REQUEST)
    for connection in connections:
        assert read_line(connection) == REPLY


def ask_again_and_again(connections: list[socket.socket], seconds: float) -> None:
    """Ask on each connection that has its reply, so that one that waits holds up no other."""
    end = time.monotonic() + seconds
    with selectors.DefaultSelector() as selector:
        for connection in connections:
            selector.register(connection, selectors.EVENT_READ)
            connection.sendall(REQUEST)
        while selector.get_map():
            ready = selector.select(end + TIMEOUT_MS / 1000 + 5 - time.monotonic())
            assert ready, "no reply"
            for key, _ in ready:
                assert read_line(key.fileobj) == REPLY
            time.sleep(PACE_SEC)
            for key, _ in ready:
                if time.monotonic() < end:
                    key.fileobj.sendall(REQUEST)
                else:
                    selector.unregister(key.fileobj)


def most_attempts(seconds: float) -> int:
    """How often a backend may be asked, after the first failures, in so many seconds."""
    attempts, at, pause = 0, FIRST_PAUSE_SEC, FIRST_PAUSE_SEC
    while at < seconds:
        attempts += 1
        pause *= 2
        at += pause
    return attempts + 1


def slow(entries: list[Entry]) -> list[Entry]:
    """Those that were not answered at once."""
    return [entry for entry in entries if int(entry["POSTFIX_REST_ELAPSED_USEC"]) > AT_ONCE_USEC]


def test_one_handler_asks(
    request: pytest.FixtureRequest, clean_container: Container, backend: Backend
) -> None:
    """Once the backend is known to be down, stale answers come at once, and one asks at a time."""
    container = clean_container
    matches = ("POSTFIX_REST_ENDPOINT=numbers",)
    with connected(container) as connections:
        assert len(backend.requests) == CONNECTIONS
        backend.freeze()
        ask_all(connections)
        since = container.journal.cursor()
        ask_again_and_again(connections, SPELL_SEC)
        assert ask(container, PORT, REQUEST) == REPLY
        entries = container.journal(*matches, since=since)
        backend.thaw()
        back = time.monotonic()
        asked = len(slow(entries))
        backend.wait_for_requests(2 * CONNECTIONS + asked)
        wait_until(lambda: is_fresh(container), "a fresh answer", BACK_OFF_SEC + WAIT_SEC)
        took = time.monotonic() - back
        since = container.journal.cursor()
        ask_all(connections)
        assert {source(entry) for entry in container.journal(*matches, since=since)} == {"backend"}
    assert {source(entry) for entry in entries} == {"stale"}
    assert len(entries) > 10 * CONNECTIONS
    assert 1 <= asked <= most_attempts(SPELL_SEC)
    usec = sorted(int(entry["POSTFIX_REST_ELAPSED_USEC"]) for entry in entries)
    request.node.add_report_section(
        "call",
        "measured",
        f"{len(entries)} stale answers in {SPELL_SEC} s, {asked} of them of handlers that asked; "
        f"median {usec[len(usec) // 2]} us, the slowest at once {usec[-asked - 1]} us; "
        f"fresh {took:.1f} s after the backend",
    )


def is_fresh(container: Container) -> bool:
    """Whether the backend itself answers a request."""
    since = container.journal.cursor()
    assert ask(container, PORT, REQUEST) == REPLY
    (entry,) = container.journal("POSTFIX_REST_ENDPOINT=numbers", since=since)
    return source(entry) == "backend"
