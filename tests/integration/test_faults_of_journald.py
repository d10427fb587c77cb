# SPDX-License-Identifier: MIT
"""journald hangs, is down, starts again, or drops entries: Postfix is answered as before."""

from __future__ import annotations

import contextlib
import json
import re
import socket
import time
from collections.abc import Iterator

import pytest
from integration.product import (
    connect,
    drop_in,
    read_line,
    wait_for_no_handlers,
    wait_until,
)
from integration.served import CLOSED, PORTS, RIGHT, Served, ask

from harness.container import Container
from harness.container_journal import Entry
from postfix_rest_inetd.admin.statistics.lost import DROPPED_ID

FREEZE = "pkill -STOP -x systemd-journal"
THAW = "pkill -CONT -x systemd-journal"
CONNECTIONS = 200
REQUESTS = 1200
"""More than the queue of journald's socket has room for (net.unix.max_dgram_qlen: 512)."""

UNITS = "systemd-journald.socket systemd-journald-dev-log.socket systemd-journald.service"
MANY = 500
LIMITED = "[Journal]\nRateLimitIntervalSec=30s\nRateLimitBurst=2\n"
LOW = "[Service]\nLogRateLimitIntervalSec=1s\nLogRateLimitBurst=2\n"
LIMIT = "/etc/systemd/journald.conf.d/zz-test.conf"
RESTART = "systemctl restart systemd-journald"


@contextlib.contextmanager
def undone(container: Container, do: str, undo: str) -> Iterator[None]:
    """Between two programs for the shell."""
    try:
        container.shell(do)
        yield
    finally:
        container.shell(undo)


def ours(served: Served, since: str) -> list[Entry]:
    """The entries of handlers and of their standard error."""
    return served.container.journal("SYSLOG_IDENTIFIER=postfix-rest-inetd", since=since)


def missing(entries: list[Entry]) -> int:
    """How many entries journald did not take, as it was told."""
    found = [re.search(r"of this process: (\d+) missing", each["MESSAGE"]) for each in entries]
    return sum(int(match[1]) for match in found if match)


def test_frozen(served: Served) -> None:
    """Hundreds of connections are answered, and Postfix's own lookups.

    Later journald has each message, with its fields or as text, and is told how many are text.
    """
    container = served.container
    since = container.journal.cursor()
    with contextlib.ExitStack() as stack:
        with served.kept() as kept, undone(container, FREEZE, THAW):
            asked = 3
            made = (connect(container, PORTS[0]) for _ in range(CONNECTIONS))
            connections = [stack.enter_context(connection) for connection in made]
            for _ in range(REQUESTS // CONNECTIONS):
                for connection in connections:
                    connection.sendall(b"get x\n")
                found = {ask(connection, b"", b"\n") for connection in connections}
                assert found == {RIGHT[0]}
                asked += CONNECTIONS
            assert kept() == RIGHT
            assert served.new() == RIGHT
            for table in ("tcp:127.0.0.1:9001", "socketmap:inet:127.0.0.1:9002:map"):
                assert container.run("postmap", "-q", "x", table).stdout == "y\n"
            asked += 8
        for connection in connections:
            assert ask(connection, b"get x\n", b"\n") == RIGHT[0]
        asked += CONNECTIONS
    wait_for_no_handlers(container)
    entries = ours(served, since)
    answers = [entry for entry in entries if re.search(r": (found|action)\b", entry["MESSAGE"])]
    assert len(answers) == asked
    as_text = [entry for entry in answers if entry["_TRANSPORT"] == "stdout"]
    assert {entry["PRIORITY"] for entry in as_text} == {"5"}
    # Those whose process ended meanwhile could not tell.
    assert 0 <= len(as_text) - missing(entries) <= 5
    assert missing(entries) > 0
    served.recovers()


def test_down(served: Served) -> None:
    """Without journald and its sockets, all is answered; later the journal has the rest."""
    container = served.container
    since = container.journal.cursor()
    with served.kept() as kept:
        with undone(container, f"systemctl stop {UNITS}", f"systemctl start {UNITS}"):
            assert kept() == RIGHT
            assert served.new() == RIGHT
        assert kept() == RIGHT
    wait_for_no_handlers(container)
    entries = ours(served, since)
    assert missing(entries) == 3
    found = [entry for entry in entries if "POSTFIX_REST_OUTCOME" in entry]
    assert len(found) == 2 * 3
    served.recovers()


def test_restarts(served: Served) -> None:
    """While journald is restarted, no lookup waits for it, and no entry is lost."""
    container = served.container
    since = container.journal.cursor()
    with served.kept() as kept:
        for _ in range(3):
            container.run("systemctl", "restart", "--no-block", "systemd-journald")
            for _ in range(20):
                assert kept() == RIGHT
            assert served.new() == RIGHT
    wait_for_no_handlers(container)
    found = [entry for entry in ours(served, since) if "POSTFIX_REST_OUTCOME" in entry]
    assert len(found) == 3 * (1 + 3 * 21)
    served.recovers()


def test_no_rate_limit(served: Served) -> None:
    """What a connection logs is not too much for journald, whatever its limit for units is."""
    container = served.container
    container.write(LIMIT, LIMITED)
    since = container.journal.cursor()
    with (
        undone(container, RESTART, f"rm {LIMIT}; {RESTART}"),
        connect(container, PORTS[0]) as connection,
    ):
        ask_many(connection)
        told = container.journal(f"MESSAGE_ID={DROPPED_ID}", since=since)
        found = [entry for entry in ours(served, since) if "POSTFIX_REST_OUTCOME" in entry]
    assert [entry["MESSAGE"] for entry in told if "postfix-rest-" in entry["MESSAGE"]] == []
    assert len(found) == MANY


@pytest.mark.one_release
def test_rate_limit(served: Served) -> None:
    """With a limit of the operator's, entries are dropped, and each command says how many."""
    container = served.container
    begin = time.time()
    drop_in(container, "postfix-rest-@.service", LOW, "50-local.conf")
    since = container.journal.cursor()
    with connect(container, PORTS[0]) as connection:

        def told() -> list[Entry]:
            ask_many(connection)
            found = container.journal(f"MESSAGE_ID={DROPPED_ID}", since=since)
            return [entry for entry in found if "postfix-rest-tcp@" in entry["MESSAGE"]]

        wait_until(told, "journald to say what it has dropped")
        assert served.new() == RIGHT
    wait_for_no_handlers(container)
    container.journal.sync()
    told_at_last = container.journal(f"MESSAGE_ID={DROPPED_ID}", since=since)
    number = sum(int(entry["N_DROPPED"]) for entry in told_at_last)
    unit = "postfix-rest-tcp@.service"
    sentence = f"journald has dropped {number:,} entries of {unit} by its rate limit"
    sentence = sentence.replace(",", " ")

    def run(*words: str) -> str:
        done = container.run("postfix-rest-inetd", *words, check=False)
        return done.stdout + done.stderr

    stats = ("stats", f"--since=@{int(begin)}")
    for command in (stats, ("status",), ("trace", "x@y.example", "--since=-1h")):
        assert number > 0
        assert sentence in " ".join(run(*command).split()), command
    for command in (stats, ("status",)):
        assert json.loads(run(*command, "--json"))["lost"]["dropped"] == {unit: number}
    container.run("rm", "/etc/systemd/system/postfix-rest-@.service.d/50-local.conf")
    container.run("systemctl", "daemon-reload")
    served.recovers()


def ask_many(connection: socket.socket) -> None:
    """Ask the same MANY times over one connection."""
    connection.sendall(b"get x\n" * MANY)
    assert [read_line(connection) for _ in range(MANY)] == [RIGHT[0]] * MANY


def test_an_exception_before_the_first_entry(served: Served) -> None:
    """What Python says on standard error is an error in the journal, and closes the connection."""
    container = served.container
    since = container.journal.cursor()
    program = "[Service]\nExecStart=\nExecStart=/usr/bin/python3 -I -c 'raise KeyError(42)'\n"
    drop_in(container, "postfix-rest-@.service", program)
    assert served.new() == CLOSED
    wait_for_no_handlers(container)
    said = [entry for entry in ours(served, since) if entry["MESSAGE"] == "KeyError: 42"]
    assert [entry["PRIORITY"] for entry in said] == ["3"] * 3
    assert all(entry["_SYSTEMD_UNIT"].startswith("postfix-rest-") for entry in said)
    container.run("rm", "/etc/systemd/system/postfix-rest-@.service.d/60-test.conf")
    container.run("systemctl", "daemon-reload")
    served.recovers()
