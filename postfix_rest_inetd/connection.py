# SPDX-License-Identifier: MIT
"""The client's connection on fd 0 and 1: blocking reads and writes, SIGTERM between requests.

- Nothing here closes first: a read waits as long as the client likes. Postfix pays a second or a
  failed lookup for each connection that it finds closed.
- SIGTERM does not interrupt a request: it ends the next wait for input, once nothing is left to be
  read. So stopping a handler loses no request that has arrived.
- A client that has gone away (ECONNRESET, EPIPE) is the same as end of file.
- fd 0 and 1 may be one socket (inetd), two pipes or a terminal. They may have been left in
  non-blocking mode by whoever opened them; they are put right.
"""

from __future__ import annotations

import os
import select
import signal
from time import monotonic

PIECE_BYTES = 65536
LINGER_SEC = 2.0
LINGER_BYTES = 4 * 1024 * 1024

_IN, _OUT = 0, 1


class Connection:
    """The connection that this process was started for. There is only one, for good."""

    __slots__ = ("_poll", "_terminating", "_wakeup")

    def __init__(self) -> None:
        """Take over fd 0, fd 1 and SIGTERM."""
        os.set_blocking(_IN, True)
        os.set_blocking(_OUT, True)
        # A signal may come just before poll() is entered; a byte in a pipe is not lost.
        self._wakeup, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._terminating = False
        signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        signal.signal(signal.SIGTERM, _ignore)
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # for who tries it on a terminal
        self._poll = select.poll()
        self._poll.register(_IN, select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)

    def read(self, *, in_request: bool = False) -> bytes:
        """What the client sent, at most PIECE_BYTES; nothing at end of file or after SIGTERM.

        With `in_request`, the rest of a request is awaited although SIGTERM has come.
        """
        while True:
            if self._terminating and in_request:
                break
            ready = [fd for fd, _ in self._poll.poll(0 if self._terminating else None)]
            if _IN in ready:
                break
            if self._terminating:
                return b""
            if self._wakeup in ready:
                self._terminating = True
                self._poll.unregister(self._wakeup)
        try:
            return os.read(_IN, PIECE_BYTES)
        except (ConnectionError, TimeoutError):
            return b""

    def write(self, data: bytes) -> bool:
        """Send all of `data`; False when the client has gone away."""
        view = memoryview(data)
        try:
            while view:
                view = view[os.write(_OUT, view) :]
        except (ConnectionError, TimeoutError):
            return False
        return True

    def linger(self) -> None:
        """Take care that a last reply arrives although the client goes on sending.

        Closing a TCP socket with unread input resets the connection, and the reset may overtake the
        reply. So the sending side is closed, and input is thrown away for a bounded time.
        """
        import socket

        try:
            with socket.socket(fileno=os.dup(_IN)) as connection:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            return  # no socket, or already gone
        end, left = monotonic() + LINGER_SEC, LINGER_BYTES
        poll = select.poll()
        poll.register(_IN, select.POLLIN)
        while left > 0 and (wait := end - monotonic()) > 0 and poll.poll(wait * 1000):
            try:
                piece = os.read(_IN, PIECE_BYTES)
            except OSError:
                return
            if not piece:
                return
            left -= len(piece)


def _ignore(_signal: int, _frame: object) -> None:
    """SIGTERM is noticed through the wakeup pipe."""
