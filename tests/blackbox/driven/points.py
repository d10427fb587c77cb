# SPDX-License-Identifier: MIT
"""Handlers that can be stopped at certain points around an exec, and tell when they are there.

The handler is the real one, with what `-c` puts around four of its functions. At each point it
writes a letter and the time to a descriptor that stays open across exec. If the file `pause` has
that letter, it then waits for a byte. So what a test does at a point happens exactly there. The
idle time is SCALE of what the configuration says, because that is in whole seconds.

    i  idle: it has found nothing to read, and will start over
    h  held: SIGTERM is blocked; exec is next
    f  fresh: a program has begun, the first one or the next, and nothing of the package is loaded
    r  ready: SIGTERM is let through again; the wait for input is next
"""

from __future__ import annotations

import contextlib
import select
import socket
from pathlib import Path
from typing import NamedTuple

SCALE = 0.02
LETTERS = {"idle": b"i", "held": b"h", "fresh": b"f", "ready": b"r"}
_PAUSED = b"p"
_RECORD_BYTES = 9

_CODE = """
import os, runpy, sys, time
control, pause = {control}, {pause!r}
def point(letter):
    os.write(control, letter + time.monotonic_ns().to_bytes(8, "big"))
    try:
        with open(pause, "rb") as file:
            if file.read() != letter:
                return
        os.unlink(pause)
    except FileNotFoundError:
        return
    os.write(control, b"p" + bytes(8))
    os.read(control, 1)
point(b"f")
from postfix_rest_inetd import connection
class Connection(connection.Connection):
    __slots__ = ()
    def __init__(self):
        super().__init__()
        point(b"r")
    def wait(self, idle_sec=None):
        found = super().wait(idle_sec and idle_sec * {scale})
        if found == connection.IDLE:
            point(b"i")
        return found
connection.Connection = Connection
execv = os.execv
def held(path, arguments):
    point(b"h")
    execv(path, arguments)
os.execv = held
sys.argv[0] = "postfix_rest_inetd"
runpy.run_module("postfix_rest_inetd", run_name="__main__", alter_sys=True)
"""


class Passed(NamedTuple):
    """A point that the handler has passed, or was stopped at, and when by the monotonic clock."""

    letter: bytes
    at: float


class Points:
    """The test's end of the descriptor."""

    def __init__(self, directory: Path) -> None:
        self._pause = directory / "pause"
        self._ours, theirs = socket.socketpair()
        self.theirs = theirs.detach()
        self._buffer = b""
        self.passed: list[Passed] = []

    @property
    def code(self) -> tuple[str, str]:
        """The interpreter's arguments for such a handler."""
        code = _CODE.format(control=self.theirs, pause=str(self._pause), scale=SCALE)
        return "-c", code

    def arm(self, name: str) -> None:
        """Stop the handler when it comes to this point."""
        new = self._pause.with_name("pause.new")
        new.write_bytes(LETTERS[name])
        new.rename(self._pause)

    def disarm(self) -> None:
        """Do not stop it any more."""
        self._pause.unlink(missing_ok=True)

    def release(self) -> None:
        """Let it go on."""
        with contextlib.suppress(OSError):
            self._ours.send(b"\n")

    def fileno(self) -> int:
        """It is readable when the handler has passed a point or has ended."""
        return self._ours.fileno()

    def look(self) -> bool:
        """Note what the handler has passed so far; False when it has ended."""
        while select.select([self._ours], [], [], 0)[0]:
            data = self._ours.recv(65536)
            if not data:
                return False
            self._buffer += data
        while len(self._buffer) >= _RECORD_BYTES:
            record, self._buffer = self._buffer[:_RECORD_BYTES], self._buffer[_RECORD_BYTES:]
            self.passed.append(Passed(record[:1], int.from_bytes(record[1:], "big") / 1e9))
        return True

    @property
    def is_paused(self) -> bool:
        """Is the handler stopped at a point?"""
        return bool(self.passed) and self.passed[-1].letter == _PAUSED

    @property
    def is_ready(self) -> bool:
        """Has the newest program of the handler begun to wait for input?"""
        return bool(self.passed) and self.passed[-1].letter == LETTERS["ready"]

    def close(self) -> None:
        """Close our end."""
        self._ours.close()
