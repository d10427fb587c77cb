# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd status` with a real journal, real handlers and real sockets."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness import journald as journald_harness
from harness.activation import package_parent
from harness.handler_process import endpoint, write_config
from harness.journald import Journald
from harness.line_log import LineLog
from harness.modes import REQUEST, TCP
from harness.process_group import end
from harness.scripted_backend import answer
from postfix_rest_inetd.admin.overview import last_hour

FOUND, BROKEN = answer(200, b'["x"]'), answer(503)
WAIT_SEC = 30
COMMAND = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "status"]
JOURNAL = "--directory=/run/log/journal"


@pytest.fixture
def journald(tmp_path: Path) -> Iterator[Journald]:
    """A journald for each test, because a test counts all that is there."""
    with journald_harness.start(tmp_path) as running:
        yield running


@pytest.fixture
def config(tmp_path: Path, backend) -> Path:
    """One endpoint, at which nothing listens, with keys that are not to be logged."""
    return write_config(tmp_path, endpoint(TCP, backend.url(), log_keys=False))


@pytest.fixture
def status(journald: Journald, config: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run it, when everything that was sent has arrived."""

    def run(*options: str) -> subprocess.CompletedProcess[str]:
        journald.entries()
        return subprocess.run(
            [*journald.prefix, *COMMAND, JOURNAL, f"--config={config}", *options],
            cwd=package_parent(),
            capture_output=True,
            text=True,
            timeout=WAIT_SEC,
            check=False,
        )

    return run


@pytest.fixture
def ask(launch, journald: Journald, config: Path, backend) -> Callable[..., None]:
    """Have a handler answer requests, the backend doing STEPS."""

    def run(*steps: object) -> None:
        backend.script(*steps)
        handler = launch("--config", config, "--endpoint", TCP, prefix=journald.prefix)
        for _ in steps:
            handler.ask(TCP, REQUEST[TCP])
        assert handler.finish().status == 0

    return run


def test_requests(status, ask, config: Path) -> None:
    """Requests, failures, backend and last failure are those that there were; no key, no token."""
    (raw,) = json.loads(config.read_text())["endpoints"]
    ask(FOUND, BROKEN, FOUND)
    done = status("--json")
    assert done.stderr == ""
    document = json.loads(done.stdout)
    (only,) = document["endpoints"]
    assert (only["requests"], only["failures"], document["complete"]) == (3, 1, True)
    assert 0 < only["p50"] <= only["p99"] < 20_000_000
    (backend,) = document["backends"]
    assert (backend["failures"], backend["failing_since"]) == (0, None)
    assert document["last_failure"]["outcome"] == "server-error"
    ask(BROKEN, BROKEN)
    shown = status()
    assert shown.returncode == 1
    assert "1 endpoint does not listen, 3 requests failed, 1 backend fails\n" in shown.stdout
    assert "failing since" in shown.stdout
    assert raw["auth-token"] not in done.stdout + shown.stdout
    assert "key" not in shown.stdout


def test_no_more_than_it_says(ask, journald) -> None:
    """Of many requests the last ones count, and entries that are none take part in the limit."""
    ask(FOUND, BROKEN, FOUND, FOUND)
    journald.entries()
    program = (
        "from postfix_rest_inetd.admin.overview import last_hour; import sys, time;"
        "last_hour.MAX_ENTRIES = int(sys.argv[1]);"
        "found = last_hour.read([], time.time(), '/run/log/journal');"
        "print(found.totals.requests, found.totals.failures, found.is_whole,"
        " found.since == found.totals.first_usec / 1e6, found.last_failure.outcome)"
    )

    def read(limit: int) -> str:
        return subprocess.check_output(
            [*journald.prefix, sys.executable, "-c", program, str(limit)],
            cwd=package_parent(),
            text=True,
            timeout=WAIT_SEC,
        )

    assert read(last_hour.MAX_ENTRIES) == "4 1 True False server-error\n"
    assert read(2) == "2 0 False True server-error\n"


FORGE = """
import socket
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("/run/systemd/journal/socket")
for _ in range(20):
    journal.send(b"SYSLOG_IDENTIFIER=postfix-rest-inetd\\nPRIORITY=3\\nMESSAGE=x\\n")
"""
LIMITED = """
import sys
from postfix_rest_inetd.admin import cli
from postfix_rest_inetd.admin.overview import last_hour
last_hour.MAX_ENTRIES, last_hour._MAX_LOOKED_THROUGH = 10, int(sys.argv[1])
sys.exit(cli.main(["status", "--json", "--directory=/run/log/journal", *sys.argv[2:]]))
"""


def test_flood(ask, journald: Journald, tmp_path: Path) -> None:
    """Whoever forges entries can hide a failure behind them, but not that they are there."""
    ask(BROKEN)
    journald.entries()
    subprocess.run([*journald.prefix, sys.executable, "-c", FORGE], check=True, timeout=WAIT_SEC)
    journald.entries()
    config = tmp_path / "none.json"
    config.write_text('{"endpoints": []}')
    for most, failed in ((10, False), (100, True)):
        done = subprocess.run(
            [
                *(*journald.prefix, sys.executable, "-c", LIMITED, str(most)),
                f"--config={config}",
            ],
            cwd=package_parent(),
            capture_output=True,
            text=True,
            timeout=WAIT_SEC,
            check=False,
        )
        document = json.loads(done.stdout)
        assert (document["failures"], bool(document["last_failure"])) == (0, failed)
        assert (done.returncode, document["ok"]) == ((1, False) if failed else (77, None))
        assert "not from handlers" in " ".join(document["notes"])


def interruptible() -> None:
    """Undo what a shell does to what it starts in the background: SIGINT is ignored there."""
    signal.signal(signal.SIGINT, signal.default_int_handler)


def test_watch(journald: Journald, config: Path) -> None:
    """It goes on until it is interrupted, which is no failure."""
    process = subprocess.Popen(
        [*journald.prefix, *COMMAND, JOURNAL, f"--config={config}", "--watch"],
        cwd=package_parent(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        preexec_fn=interruptible,  # noqa: PLW1509
    )
    try:
        assert process.stdout is not None
        log = LineLog(process.stdout)
        log.wait_for("urllib3")
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_SEC) == 0
        assert log.wait_for_end(WAIT_SEC)
    finally:
        end(process)


@contextlib.contextmanager
def on_terminal(arguments: list[str], term: str, rows: int) -> Iterator[Callable[[bytes], bytes]]:
    """The command on a terminal of 60 columns: a function that reads until a text is there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", rows, 60, 0, 0))
    process = subprocess.Popen(
        [*COMMAND, *arguments],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": term, "PYTHONPATH": package_parent()},
        preexec_fn=interruptible,  # noqa: PLW1509
    )
    os.close(theirs)

    def read_until(text: bytes) -> bytes:
        data, deadline = b"", time.monotonic() + WAIT_SEC
        while text not in data:
            ready, _, _ = select.select([ours], [], [], max(0, deadline - time.monotonic()))
            assert ready, data
            data += os.read(ours, 65536)
        return data

    try:
        yield read_until
        process.send_signal(signal.SIGINT)
        assert process.wait(WAIT_SEC) == 0
    finally:
        end(process)
        os.close(ours)


@pytest.mark.parametrize("term", ["xterm", "dumb"])
def test_watch_on_a_terminal(tmp_path: Path, config: Path, term: str) -> None:
    """A low screen shows the head, and what is missing; one without a cursor gets no controls."""
    arguments = ["--watch", f"--config={config}", f"--directory={tmp_path}"]
    with on_terminal(arguments, term, rows=7) as read_until:
        screen, end_of_line, _ = read_until(b" rows").partition(b" rows")
    head, *lines = (screen + end_of_line).split(b"\r\n")
    if term == "xterm":
        assert head.startswith(b"\x1b[H\x1b[K")
    else:
        assert (head, b"\x1b" in screen) == (b"", False)
        assert lines.pop(0).startswith(b"postfix-rest-inetd ")
        assert max(map(len, lines)) <= 60
    assert b"endpoint does not listen" in lines[0]
    assert b"Not shown: " in lines[-1]
    assert len(lines) < 6


def test_unreadable_config(tmp_path: Path) -> None:
    """A file with a mistake is an error on the screen, and the rest is shown; it has not to end."""
    path = tmp_path / "config.json"
    path.write_text("{")
    done = subprocess.run(
        [*COMMAND, f"--config={path}", f"--directory={tmp_path}"],
        cwd=package_parent(),
        capture_output=True,
        text=True,
        timeout=WAIT_SEC,
        check=False,
    )
    assert done.returncode == 1
    assert f"error:{path}:1:" in "".join(done.stdout.split()), "a long path is broken"
    assert "-> postfix-rest-inetd check says what to do\n" in done.stdout
    assert "urllib3" in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("mode", ["755", "750"])
def test_without_permission(journald: Journald, ask, mode: str) -> None:
    """A user who may not read the journal is not told that nothing failed.

    systemd's tmpfiles.d lets others not even into the directory of a journal in /run.
    """
    ask(BROKEN)
    journald.entries()
    change = ["sh", "-c", f"chmod {mode} /run/log/journal/*; chmod o= /run/log/journal/*/*.journal"]
    subprocess.run([*journald.prefix, *change], check=True, timeout=WAIT_SEC)
    program = (
        "from postfix_rest_inetd.admin.cli import main; import sys; sys.exit(main(sys.argv[1:]))"
    )

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        user = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
        return subprocess.run(
            [*journald.prefix, *user, sys.executable, "-c", program, *arguments],
            cwd=package_parent(),
            capture_output=True,
            text=True,
            timeout=WAIT_SEC,
            check=False,
        )

    done = run("status", "--json", "--config=/nonexistent")
    assert json.loads(done.stdout)["requests"] is None
    assert run("stats").returncode == 0
    done = run("stats", "--fail-above=1%")
    assert (done.returncode, "No requests." in done.stdout) == (1, True)
    assert "this user cannot read the journal, so --fail-above tells nothing" in done.stderr
