# SPDX-License-Identifier: MIT
"""What goes to the journal, what to stderr, and how long a process stays for journald's sake."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator
from pathlib import Path
from time import monotonic

import pytest

from postfix_rest_inetd import journal, journal_socket

STAY_SEC = journal._READING_SEC
LATE_SEC = 20.0


@pytest.fixture
def journald(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """A socket in the place of journald's, and nothing sent yet."""
    monkeypatch.setattr(journal_socket, "ADDRESS", str(tmp_path / "socket"))
    monkeypatch.setattr(journal_socket, "PATIENCE_SEC", 0.01)
    for name, value in (("_socket", None), ("_last_sent", None), ("_missed", 0)):
        monkeypatch.setattr(journal, name, value)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "socket"))
        made.settimeout(LATE_SEC)
        yield made
    if journal._socket is not None:
        journal._socket.close()


@pytest.fixture
def stderr(monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[int, int]]:
    """What is stderr for the module: the reading end of a pipe, and the writing end."""
    read_end, write_end = os.pipe()
    monkeypatch.setattr(journal, "_STDERR", write_end)
    yield read_end, write_end
    os.close(read_end)
    os.close(write_end)


def entries(journald: socket.socket) -> list[bytes]:
    """The messages that have arrived."""
    journald.settimeout(0)
    found = []
    while True:
        try:
            lines = journald.recv(4096).split(b"\n")
        except BlockingIOError:
            return found
        assert lines[0] == b"SYSLOG_IDENTIFIER=postfix-rest-inetd"
        found += [line[8:] for line in lines if line.startswith(b"MESSAGE=")]


def send_until_full() -> int:
    """Send entries until one is not taken; how many were."""
    count = 0
    while not journal._missed:
        journal.send({"MESSAGE": f"entry {count}", "PRIORITY": "5"})
        count += 1
    return count - 1


def test_what_journald_does_not_take(journald, stderr):
    """Its message goes to stderr, and journald is told how many it missed, as soon as it can be."""
    count = send_until_full()
    journal.send({"MESSAGE": "another", "PRIORITY": "5"})
    expected = f"postfix-rest-inetd: entry {count}\npostfix-rest-inetd: another\n"
    assert os.read(stderr[0], 4096).decode() == expected
    assert len(entries(journald)) == count
    journal.send({"MESSAGE": "taken", "PRIORITY": "5"})
    taken, told = entries(journald)
    assert taken == b"taken"
    assert told.startswith(b"journald did not take all entries of this process: 2 missing.")
    journal.send({"MESSAGE": "taken too", "PRIORITY": "5"})
    assert entries(journald) == [b"taken too"]


@pytest.mark.usefixtures("stderr")
def test_the_end_of_a_process(journald):
    """The last moment is one more chance to say what is missing, and nobody waits for it."""
    send_until_full()
    journal.settle()
    assert journal._missed == 1
    entries(journald)
    journal.settle()
    (told,) = entries(journald)
    assert told.startswith(b"journald did not take all entries")


@pytest.mark.parametrize(
    "text, count", [("7", 7), ("", 0), ("-1", 0), ("x", 0), ("٣", 0), ("9" * 5000, 0)]
)
def test_a_number_that_is_handed_over(monkeypatch, text, count):
    """Only what hand_over() writes is a number."""
    monkeypatch.setenv(journal.MISSED_VARIABLE, text)
    assert journal._handed_over() == count


@pytest.mark.usefixtures("stderr")
def test_handing_over(journald, monkeypatch):
    """The number stays for later programs until journald has it."""
    monkeypatch.setenv(journal.MISSED_VARIABLE, "")
    send_until_full()
    journal.hand_over()
    assert journal._handed_over() == 1
    entries(journald)
    journal.hand_over()
    (told,) = entries(journald)
    assert told.startswith(b"journald did not take all entries")
    assert journal._handed_over() == 0


@pytest.mark.parametrize("size", [10, 5000, 100_000])
def test_stderr_that_nobody_reads(stderr, size):
    """What does not fit is left out; the process does not wait."""
    for _ in range(20_000 // size + 2):
        journal.write_stderr("x" * size)
    while journal._stderr_is_writable():
        journal.write_stderr("x" * size)
    began = monotonic()
    journal.write_stderr("x" * size)
    assert monotonic() - began < LATE_SEC
    os.set_blocking(stderr[0], False)
    assert os.read(stderr[0], 1_000_000).startswith(b"postfix-rest-inetd: xxx")


def test_stderr_of_a_unit(monkeypatch):
    """A line for the journal has its priority, without which the unit's LogLevelMax= hides it."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        monkeypatch.setattr(journal, "_STDERR", ours.fileno())
        found = os.fstat(ours.fileno())
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino}")
        journal.write_stderr("found", "5")
        monkeypatch.setenv("JOURNAL_STREAM", f"{found.st_dev}:{found.st_ino + 1}")
        journal.write_stderr("found", "5")
        assert theirs.recv(4096) == b"<5>found\npostfix-rest-inetd: found\n"


def test_stderr_that_is_closed(monkeypatch):
    """That is no reason for an exception."""
    monkeypatch.setattr(journal, "_STDERR", 987)
    journal.write_stderr("found", "5")


@pytest.mark.parametrize(
    "age, stay",
    [(0.0, STAY_SEC), (STAY_SEC / 2, STAY_SEC / 2), (STAY_SEC * 2, 0.0), (None, 0.0)],
    ids=["an entry of this moment", "a young entry", "an old entry", "no entry"],
)
def test_settle(monkeypatch, age, stay):
    """Until journald has had its time to read the last entry, and no longer."""
    waited = []
    monkeypatch.setattr(journal, "sleep", waited.append)
    now = monotonic()
    # As it is: on a busy machine, time passes between any two lines.
    monkeypatch.setattr(journal, "monotonic", lambda: now)
    monkeypatch.setattr(journal, "_last_sent", None if age is None else now - age)
    journal.settle()
    assert sum(waited) == pytest.approx(stay)
