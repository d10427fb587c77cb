# SPDX-License-Identifier: MIT
"""Hostile clients: many connections at one endpoint that say nothing, drip, or never read.

Meanwhile, open connections and new ones to other endpoints are answered; afterwards, new ones to
the same endpoint are. No socket fails, and memory is bounded.

MaxConnections= is lowered, because a thousand handlers take most of a minute to start. With
POSTFIX_REST_INETD_FLOOD=2000 in the environment, so many connections meet the limits that are
shipped, and those of a request that has begun are given up after PATIENCE_SEC (8 minutes). What was
measured is told with `pytest -rP`.
"""

from __future__ import annotations

import contextlib
import errno
import os
import re
import resource
import socket
import time
from collections.abc import Iterator
from typing import Self

import pytest
from integration.product import (
    POLICY,
    SOCKETMAP,
    USER,
    configure,
    connect,
    drop_in,
    endpoint,
    handlers,
    in_network,
    policy_request,
    show,
    socketmap_request,
    start,
    state,
    wait_for_no_handlers,
    wait_until,
)

from harness.container import Container
from harness.container_backend import answer, lookup, maps

LONG = int(os.environ.get("POSTFIX_REST_INETD_FLOOD", "0"))
HELD = 60
"""MaxConnections= of the endpoint that is flooded, except in the long form."""

COUNTS = {"silent": LONG or 400, "half": LONG or 120, "deaf": LONG or 120}
"""Connections of the flood: once, more than the limit and the queue of the kernel (256) hold."""

ANSWERED_SEC = 20
"""A bound for a lookup, as an order of magnitude: two seconds, on a machine that is ten times as
slow. Without the poll limit, it takes 26 s in the long form on a machine that is not busy."""
DRAINED_SEC = 120
"""A bound for the end of what waits in the queue of the kernel: 256 at 20 a second are 13 s."""

FLOODED, OTHER = (f"postfix-rest-tcp@{name}.socket" for name in ("flooded", "other"))
UNITS = (FLOODED, OTHER, SOCKETMAP, POLICY)
PORT = 9001
PROBES = (
    (9002, b"get x\n", b"200 y\n"),
    (9003, socketmap_request("m", "x"), b"4:OK y,"),
    (9004, policy_request(sender="x@a.example"), b"action=DUNNO\n\n"),
)
"""New connections to other endpoints: the port, a request and its reply."""

KINDS = {
    "silent": (b"", b"", 4),
    "half": (b"get ", b"x", 10),
    "deaf": (b"get x\n" * 200, b"get x\n" * 200, 12),
}
"""By kind of flood: what a client sends first, what it sends now and then, and the megabytes that
its handler may have; 2.8, 6.8 and 6.9 were measured."""


@pytest.fixture(autouse=True)
def descriptors() -> None:
    """Allow this process so many sockets."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(
        resource.RLIMIT_NOFILE, (min(hard, max(soft, max(COUNTS.values()) + 1000)), hard)
    )


@pytest.fixture
def endpoints(clean_container: Container) -> Iterator[None]:
    """The endpoint that is flooded, and one of each kind, which listen."""
    routes = {"/l": lookup({"x": ["y"]}), "/p": answer("DUNNO")}
    with clean_container.backend({**routes, "/m": maps({"m": lookup({"x": ["y"]})})}) as backend:
        patience = {"request_timeout": 60_000}
        configure(
            clean_container,
            endpoint("flooded", port=PORT, target=backend.url("/l"), **patience),
            endpoint("other", port=9002, target=backend.url("/l"), **patience),
            endpoint("s", "socketmap-lookup", port=9003, target=backend.url("/m"), **patience),
            endpoint("p", "policy", port=9004, target=backend.url("/p"), **patience),
        )
        if not LONG:
            drop_in(clean_container, FLOODED, f"[Socket]\nMaxConnections={HELD}\n")
        start(clean_container, *UNITS)
        yield


class Flood:
    """Connections to PORT, most of which are not accepted yet, from entering to leaving."""

    def __init__(self, container: Container, kind: str) -> None:
        self.count = COUNTS[kind]
        self._first, self._more, self.most_megabytes = KINDS[kind]
        self._container = container
        self._begun: set[socket.socket] = set()

    def __enter__(self) -> Self:
        self._connections = in_network(self._container, self._connect_all)
        return self

    def __exit__(self, *_exception: object) -> None:
        for connection in self._connections:
            connection.close()

    def _connect_all(self) -> list[socket.socket]:
        connections = [socket.socket() for _ in range(self.count)]
        for connection in connections:
            connection.settimeout(0)
            assert connection.connect_ex(("127.0.0.1", PORT)) in (0, errno.EINPROGRESS)
        return connections

    def send(self) -> None:
        """Send on each connection as much as it takes now: first the one thing, then the other."""
        for connection in self._connections:
            # Not connected yet, refused, or full.
            with contextlib.suppress(OSError):
                connection.send(self._more if connection in self._begun else self._first)
                self._begun.add(connection)


def timed(connection: socket.socket, request: bytes, reply: bytes) -> float:
    """The seconds until REPLY has arrived on CONNECTION."""
    began = time.monotonic()
    connection.sendall(request)
    received = b""
    while len(received) < len(reply):
        data = connection.recv(len(reply) - len(received))
        assert data, f"end of file after {received!r}"
        received += data
    assert received == reply
    return time.monotonic() - began


def longest_new(container: Container) -> float:
    """The seconds of the slowest of PROBES, with its connection."""
    longest = 0.0
    for port, request, reply in PROBES:
        began = time.monotonic()
        with connect(container, port) as connection:
            timed(connection, request, reply)
        longest = max(longest, time.monotonic() - began)
    return longest


_PSS = """
for pid in $(pgrep -u "$1"); do cat "/proc/$pid/smaps_rollup" 2>/dev/null || :; done |
    sed -n 's/^Pss: *\\([0-9]*\\) kB/\\1/p'
"""


def megabytes(container: Container) -> list[float]:
    """The proportional set size of each handler."""
    return [int(line) / 1024 for line in container.shell(_PSS, USER).split()]


def counted(container: Container, name: str) -> int:
    """A counter of the unit that is flooded."""
    return int(show(container, FLOODED, name)[name])


def answered_meanwhile(container: Container, kept: socket.socket, flood: Flood) -> list[float]:
    """How long lookups take, on the kept connection and on new ones, until the limit is reached."""
    limit = counted(container, "MaxConnections")
    on_kept, on_new = [], []
    while len(on_new) < 3 or not counted(container, "NRefused"):
        flood.send()
        on_kept.append(timed(kept, b"get x\n", b"200 y\n"))
        on_new.append(longest_new(container))
        assert counted(container, "NConnections") <= limit
    return [max(on_kept), max(on_new)]


def released(container: Container, kept: socket.socket) -> float:
    """How long it takes until a new connection to the same endpoint is answered, once they left."""
    began = time.monotonic()

    def is_answered() -> bool:
        # The limit may not have room again at once. Postfix also tries again.
        with contextlib.suppress(OSError), connect(container, PORT) as connection:
            connection.sendall(b"get x\n")
            return connection.recv(100) == b"200 y\n"
        return False

    wait_until(is_answered, "an answer after the flood", DRAINED_SEC)
    assert timed(kept, b"get x\n", b"200 y\n") < ANSWERED_SEC
    return time.monotonic() - began


@pytest.mark.timeout(900 if LONG else 240)
@pytest.mark.usefixtures("endpoints")
@pytest.mark.parametrize(
    "kind",
    [
        "silent",
        # What handlers do does not depend on systemd.
        *(pytest.param(kind, marks=pytest.mark.one_release) for kind in KINDS if kind != "silent"),
    ],
)
def test_flood(request: pytest.FixtureRequest, clean_container: Container, kind: str) -> None:
    """Others are answered in time, the limits hold, no socket fails, and all is well afterwards."""
    container = clean_container
    has_poll_limit = "PollLimitBurst" in show(container, FLOODED)
    with connect(container, PORT) as kept:
        assert timed(kept, b"get x\n", b"200 y\n") < ANSWERED_SEC
        with Flood(container, kind) as flood:
            on_kept, on_new = answered_meanwhile(container, kept, flood)
            sizes = megabytes(container)
            if LONG and kind != "silent":
                given_up(container)
        afterwards = released(container, kept)
    assert on_kept < ANSWERED_SEC
    # Without a poll limit, all handlers that MaxConnections= allows start at once.
    assert on_new < ANSWERED_SEC or (LONG and not has_poll_limit)
    assert sum(sizes) / len(sizes) < flood.most_megabytes
    wait_for_no_handlers(container)
    assert [state(container, unit) for unit in UNITS] == ["active"] * len(UNITS)
    assert container.run("systemctl", "--failed", "--no-legend").stdout == ""
    assert counted(container, "NRefused") > 0
    request.node.add_report_section(
        "call",
        "measured",
        f"{flood.count} connections ({kind}): answers on an open one within {on_kept:.2f} s, on "
        f"new ones to other endpoints within {on_new:.2f} s, to the same one {afterwards:.1f} s "
        f"after the flood; {len(sizes)} handlers, {sum(sizes):.0f} MB, the largest "
        f"{max(sizes):.1f} MB",
    )


def given_up(container: Container) -> None:
    """Wait until the first handler whose request does not go on has left."""
    # From systemd 258 on, the cookie of the connection stands behind the number.
    is_first = re.compile(rf"@1-(\d+-)?127\.0\.0\.1:{PORT}-")
    first = next(name for name in handlers(container) if is_first.search(name))
    wait_until(lambda: first not in handlers(container), f"the end of {first}", 200)
