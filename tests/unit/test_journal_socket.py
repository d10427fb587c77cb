# SPDX-License-Identifier: MIT
"""Entries for journald: their form, and a socket that nobody reads.

A socket of the test's own stands for journald's: it is the kernel that queues, or does not.
"""

from __future__ import annotations

import array
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from threading import Thread
from time import monotonic

import pytest

from postfix_rest_inetd import journal_socket
from postfix_rest_inetd.journal_socket import JournalSocket, encode

LATE_SEC = 20.0
"""Not before a machine is so busy that nothing can be tested."""
MANY = 2000
"""More than any queue of datagrams holds, net.unix.max_dgram_qlen."""


@pytest.fixture
def listen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Callable[[], socket.socket]]:
    """Makes the socket that entries go to, in place of the one before."""
    address = tmp_path / "socket"
    monkeypatch.setattr(journal_socket, "ADDRESS", str(address))
    with ExitStack() as stack:

        def make() -> socket.socket:
            address.unlink(missing_ok=True)
            made = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            made.bind(str(address))
            made.settimeout(LATE_SEC)
            return made

        yield make


@pytest.fixture
def sender() -> Iterator[JournalSocket]:
    """What is tested."""
    made = JournalSocket()
    yield made
    made.close()


def fill(sender: JournalSocket) -> int:
    """Send until nothing is taken any more; how many were."""
    for count in range(MANY):
        if not sender.deliver({"MESSAGE": f"entry {count}"}):
            return count
    pytest.fail("nothing limits the queue")


@pytest.mark.parametrize(
    "fields, entry",
    [
        ({"MESSAGE": "found", "PRIORITY": "5"}, b"MESSAGE=found\nPRIORITY=5\n"),
        ({"MESSAGE": "a\nb"}, b"MESSAGE\n\3\0\0\0\0\0\0\0a\nb\n"),
        ({"MESSAGE": "\n"}, b"MESSAGE\n\1\0\0\0\0\0\0\0\n\n"),
        ({"MESSAGE": "a=b", "KEY": ""}, b"MESSAGE=a=b\nKEY=\n"),
        ({"MESSAGE": "Grüße"}, "MESSAGE=Grüße\n".encode()),
        ({"MESSAGE": "/x\udcff"}, b"MESSAGE=/x\\udcff\n"),
    ],
)
def test_encode(fields, entry):
    """Lines, and a length where a value has more than one."""
    assert encode(fields) == entry


def test_delivery(listen, sender):
    """Each entry is a datagram."""
    journald = listen()
    assert sender.deliver({"MESSAGE": "one"})
    assert sender.deliver({"MESSAGE": "two"})
    assert [journald.recv(100) for _ in range(2)] == [b"MESSAGE=one\n", b"MESSAGE=two\n"]


def test_no_journald(listen, sender):
    """Without a socket, and with one that nobody has open, an entry is not taken, at once."""
    assert not sender.deliver({"MESSAGE": "one"})
    listen().close()
    assert not sender.deliver({"MESSAGE": "two"})
    journald = listen()
    assert sender.deliver({"MESSAGE": "three"})
    assert journald.recv(100) == b"MESSAGE=three\n"


def test_another_socket(listen, sender):
    """When journald has another socket, the next entry goes there."""
    old = listen()
    assert sender.deliver({"MESSAGE": "one"})
    old.close()
    new = listen()
    assert sender.deliver({"MESSAGE": "two"})
    assert new.recv(100) == b"MESSAGE=two\n"


def test_a_queue_that_nobody_empties(listen, sender):
    """One entry waits for a moment, and those after it do not wait; later ones are taken again."""
    journald = listen()
    began = monotonic()
    count = fill(sender)
    waited = monotonic() - began
    assert count > 0
    assert journal_socket.PATIENCE_SEC <= waited < LATE_SEC
    began = monotonic()
    assert [sender.deliver({"MESSAGE": "in vain"}) for _ in range(MANY)] == [False] * MANY
    assert monotonic() - began < LATE_SEC
    assert journald.recv(100) == b"MESSAGE=entry 0\n"
    assert sender.deliver({"MESSAGE": "late"})
    received = [journald.recv(100) for _ in range(count)]
    assert received[-1] == b"MESSAGE=late\n"


def test_a_queue_that_is_emptied(listen, sender, monkeypatch):
    """An entry that waits is taken as soon as there is room: a busy journald loses nothing."""
    journald, filler = listen(), JournalSocket()
    monkeypatch.setattr(journal_socket, "PATIENCE_SEC", 0.01)
    count = fill(filler)
    filler.close()
    monkeypatch.setattr(journal_socket, "PATIENCE_SEC", LATE_SEC)
    thread = Thread(target=journald.recv, args=(100,))
    began = monotonic()
    thread.start()
    assert sender.deliver({"MESSAGE": "at last"})
    assert monotonic() - began < LATE_SEC
    thread.join()
    assert [journald.recv(100) for _ in range(count)][-1] == b"MESSAGE=at last\n"


@pytest.mark.parametrize("is_full", [False, True])
def test_a_long_entry(listen, sender, is_full):
    """What is too long for a datagram is passed as a file that cannot change, or is not taken."""
    journald = listen()
    text = "x" * 1_000_000
    if is_full:
        fill(sender)
        assert not sender.deliver({"MESSAGE": text})
        return
    assert sender.deliver({"MESSAGE": text})
    data, ancillary, _, _ = journald.recvmsg(100, 100)
    assert data == b""
    ((level, kind, rights),) = ancillary
    assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
    (descriptor,) = array.array("i", rights)
    with open(descriptor, "rb+", buffering=0) as file:
        assert os.pread(descriptor, 2_000_000, 0) == f"MESSAGE={text}\n".encode()
        with pytest.raises(PermissionError):
            file.write(b"y")


def test_no_descriptor_is_left(listen, sender):
    """Neither a failure nor a new connection leaves a descriptor open."""
    before = sorted(os.listdir("/proc/self/fd"))
    for _ in range(10):
        assert not sender.deliver({"MESSAGE": "one"})
    assert sorted(os.listdir("/proc/self/fd")) == before
    listen()
    fill(sender)
    sender.deliver({"MESSAGE": "x" * 1_000_000})
    assert len(os.listdir("/proc/self/fd")) == len(before) + 2
