# SPDX-License-Identifier: MIT
"""Hibernation under systemd: within either sandbox, and seen from the outside.

What Postfix sees of it is a matter of test_lifetime.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration.product import (
    TCP,
    USER,
    ask,
    configure,
    connect,
    drop_in,
    endpoint,
    handlers,
    read_line,
    show,
    start,
    use_strict,
    wait_until,
)

from harness.container import Container
from harness.container_backend import Backend, lookup

PORT = 9001
REQUEST, REPLY = b"get key\n", b"200 value\n"
ASLEEP_MB = 3.5
"""Private dirty memory. Measured: 2.7 on Debian 12 and 13; awake 6.6 and 6.9."""


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend for an endpoint whose handlers fall asleep soon."""
    with clean_container.backend({"/": lookup({"key": ["value"]})}) as running:
        configure(
            clean_container, endpoint("nap", port=PORT, target=running.url(), hibernate_after=1)
        )
        start(clean_container, TCP)
        yield running


def memory_mb(container: Container) -> float:
    """The private dirty memory of the only handler."""
    (pid,) = container.run("pgrep", "-u", USER).stdout.split()
    rollup = container.run("cat", f"/proc/{pid}/smaps_rollup").stdout
    (kilobytes,) = [line.split()[1] for line in rollup.splitlines() if "Private_Dirty" in line]
    return int(kilobytes) / 1024


@pytest.mark.parametrize("sandbox", ["usual", "strict"])
def test_hibernation(
    request: pytest.FixtureRequest, clean_container: Container, backend: Backend, sandbox: str
) -> None:
    """A handler gives its memory back and answers again; for systemd nothing has happened."""
    container = clean_container
    if sandbox == "strict":
        use_strict(container)
    since = container.journal.cursor()
    with connect(container, PORT) as connection:
        connection.sendall(REQUEST)
        assert read_line(connection) == REPLY
        (unit,) = handlers(container)
        before = show(container, unit, "MainPID", "InvocationID", "ActiveEnterTimestampMonotonic")
        awake = memory_mb(container)
        wait_until(lambda: memory_mb(container) < ASLEEP_MB, f"memory below {ASLEEP_MB} MB")
        asleep = memory_mb(container)
        for _ in range(2):
            connection.sendall(REQUEST)
            assert read_line(connection) == REPLY
        assert show(container, unit, *before) == before
        assert show(container, unit, "ActiveState", "NRestarts") == {
            "ActiveState": "active",
            "NRestarts": "0",
        }
    entries = container.journal(since=since)
    outcomes = [entry.get("POSTFIX_REST_OUTCOME") for entry in entries]
    assert [each for each in outcomes if each] == ["found"] * 3
    assert len({request.connection for request in backend.requests}) == 2
    request.node.add_report_section(
        "call", "measured", f"private dirty memory: awake {awake:.1f} MB, asleep {asleep:.1f} MB"
    )


OLD_UNIT = """
[Service]
ExecStart=
ExecStart=/usr/lib/postfix-rest-inetd/handler --mode tcp-lookup
"""


def test_old_command_line(clean_container: Container, backend: Backend) -> None:
    """A handler that the unit of an older version has started hibernates and wakes as any other.

    The units are replaced in the meantime. What a unit executes had another place in 0.1.0, where
    there is a copy.
    """
    container = clean_container
    drop_in(container, "postfix-rest-tcp@.service", OLD_UNIT, "10-old.conf")
    with connect(container, PORT) as connection:
        connection.sendall(REQUEST)
        assert read_line(connection) == REPLY
        (old,) = cmdline(container).splitlines()
        container.run("rm", "/etc/systemd/system/postfix-rest-tcp@.service.d/10-old.conf")
        container.run("systemctl", "daemon-reload")
        wait_until(lambda: memory_mb(container) < ASLEEP_MB, f"memory below {ASLEEP_MB} MB")
        assert cmdline(container).splitlines() == [old]
        connection.sendall(REQUEST)
        assert read_line(connection) == REPLY
        with connect(container, PORT) as other:
            other.sendall(REQUEST)
            assert read_line(other) == REPLY
            # The other place is all that differs.
            lines = cmdline(container).replace("/usr/libexec/", "/usr/lib/").splitlines()
            assert [line.partition(" ")[2] for line in lines] == [old.partition(" ")[2]] * 2
    assert len(backend.requests) == 3


def test_waiting_for_the_first_request(clean_container: Container, backend: Backend) -> None:
    """Who is connected and has not been asked anything needs no more than who sleeps."""
    with connect(clean_container, PORT):
        wait_until(lambda: len(handlers(clean_container)) == 1, "a handler")
        wait_until(lambda: "handler" in cmdline(clean_container), "its interpreter")
        assert memory_mb(clean_container) < ASLEEP_MB
        assert ask(clean_container, PORT, REQUEST) == REPLY
    assert len(backend.requests) == 1


def cmdline(container: Container) -> str:
    """The command lines of all handlers."""
    return container.run("pgrep", "-a", "-u", USER, check=False).stdout


def test_stop_while_asleep(clean_container: Container, backend: Backend) -> None:
    """Stopping a handler that hibernates is a clean end, at once, and no failed unit."""
    with connect(clean_container, PORT) as connection:
        connection.sendall(REQUEST)
        assert read_line(connection) == REPLY
        wait_until(lambda: memory_mb(clean_container) < ASLEEP_MB, "hibernation")
        (unit,) = handlers(clean_container)
        clean_container.run("systemctl", "stop", unit, timeout=20)
        assert connection.recv(1) == b""
    assert clean_container.run("systemctl", "--failed", "--no-legend").stdout == ""
    assert len(backend.requests) == 1
