# SPDX-License-Identifier: MIT
"""The client's connection on fd 0 and 1: blocking reads and writes, SIGTERM between requests.

- Between requests, a read waits as long as the client keeps the connection open: nothing here
  closes it first. When Postfix finds a connection closed, it waits a second or fails a lookup.
- SIGTERM does not interrupt a request. It ends the next wait for input, once there is nothing left
  to read. So no request that has arrived is lost when a handler is stopped. SIGTERM is blocked
  while one program replaces another (restart.py), and ends the new one if it has come before.
- Once a request has begun, the client has PATIENCE_SEC to send the rest of it, and as long again to
  take the reply. So a client that sends half a request, or never reads, cannot keep a process with
  all of its modules for good.
- A client that has gone away (ECONNRESET, EPIPE) is the same as end of file.
- fd 0 and 1 may be one socket (inetd), two pipes or a terminal. If the program that opened them has
  left them in non-blocking mode, they are set to blocking mode. During a write they are not, except
  for a terminal: its mode is that of the shell as well, which would be left with it after a ^C.

A handler that waits for its first request has loaded little more than this module. `_signal` is the
C part of `signal`. `signal` also imports enum, for 20 million instructions; a connection on which
nothing is sent costs 31 million without it.
"""

from __future__ import annotations

import _signal  # type: ignore[import-not-found] # typeshed leaves it to `signal`
import os
import select
from time import monotonic

PIECE_BYTES = 65536
# Postfix's clients send a request as one piece, and wait for this long when they write or read:
# DICT_TCP_TMOUT in util/dict_tcp.c, DICT_SOCKMAP_DEF_TIMEOUT in util/dict_sockmap.c, and
# the default of smtpd_policy_service_timeout. After that, they close the connection.
PATIENCE_SEC = 100.0
LINGER_SEC = 2.0
LINGER_BYTES = 4 * 1024 * 1024

# What wait() has found.
READY, ENDED, IDLE = "ready", "ended", "idle"

_IN, _OUT = 0, 1

# sockatmark(3): is the next byte an urgent one? From asm-generic/sockios.h; the few architectures
# that have another number refuse this one.
_SIOCATMARK = 0x8905


class Connection:
    """The connection that this process was started for.

    Attributes:
        restarted: was it the connection of an earlier program in this process (restart.py)?
    """

    __slots__ = ("_is_tty", "_poll", "_taken", "_terminating", "_until", "_wakeup", "restarted")

    def __init__(self) -> None:
        """Take over fd 0, fd 1 and SIGTERM."""
        os.set_blocking(_IN, True)
        os.set_blocking(_OUT, True)
        self._is_tty = os.isatty(_OUT)
        # A signal may arrive just before poll() begins. A byte in a pipe is not lost then.
        self._wakeup, write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._terminating = False
        self._taken = b""
        self._until = 0.0  # when the rest of a request must have arrived; 0 between requests
        _signal.set_wakeup_fd(write_end, warn_on_full_buffer=False)
        _signal.signal(_signal.SIGTERM, _ignore)
        _signal.signal(_signal.SIGINT, _signal.SIG_DFL)  # for a trial on a terminal
        self._poll = select.poll()
        self._poll.register(_IN, select.POLLIN)
        self._poll.register(self._wakeup, select.POLLIN)
        # The program before this one has blocked SIGTERM.
        self.restarted = self.release_termination()

    def wait(self, idle_sec: float | None = None) -> str:
        """Wait for the client, without reading anything.

        READY: read() will return at once. ENDED: SIGTERM has arrived, and no input. IDLE: neither
        has arrived within `idle_sec` seconds.
        """
        timeout = None if idle_sec is None else idle_sec * 1000
        while True:
            ready = [fd for fd, _ in self._poll.poll(0 if self._terminating else timeout)]
            if _IN in ready:
                return READY
            if self._terminating:
                return ENDED
            if not ready:
                return IDLE
            self._terminating = True
            self._poll.unregister(self._wakeup)

    def is_at_end(self) -> bool:
        """Would read() return end of file at once?"""
        from fcntl import ioctl
        from sys import byteorder
        from termios import FIONREAD

        count = bytearray(4)
        try:
            ioctl(_IN, FIONREAD, count)
        except OSError:  # /dev/null and the like: only a read tells
            self._taken = self._taken or self.read()
            return not self._taken
        if int.from_bytes(count, byteorder):
            return False
        # It counts only up to a TCP urgent byte, which read() skips.
        try:
            ioctl(_IN, _SIOCATMARK, count)
        except OSError:  # not TCP
            return True
        return int.from_bytes(count, byteorder) == 0

    def read(self) -> bytes:
        """Input, at most PIECE_BYTES; empty at end of file. SIGTERM does not interrupt it."""
        if self._taken:
            taken, self._taken = self._taken, b""
            return taken
        try:
            return os.read(_IN, PIECE_BYTES)
        except (ConnectionError, TimeoutError):
            return b""

    def read_rest(self) -> bytes | None:
        """The next input of a request of which a part has arrived; None if it takes too long.

        It is counted from the first call after begin_request(). SIGTERM does not interrupt it.
        """
        self._until = self._until or monotonic() + PATIENCE_SEC
        return self.read() if _is_ready(_IN, select.POLLIN, self._until) else None

    def begin_request(self) -> None:
        """Whatever has arrived of the next request, it has all of its time."""
        self._until = 0.0

    def hold_termination(self) -> None:
        """Block SIGTERM, also for a program that replaces this one; it gets one that has come."""
        _mask_termination(_signal.SIG_BLOCK)
        try:  # noqa: SIM105 - contextlib is one more module to load
            self._terminating = bool(os.read(self._wakeup, 1)) or self._terminating
        except BlockingIOError:
            pass
        if self._terminating:
            _signal.raise_signal(_signal.SIGTERM)  # it stays pending, also across exec

    def release_termination(self) -> bool:
        """Unblock SIGTERM; returns whether it was blocked."""
        return _mask_termination(_signal.SIG_UNBLOCK)

    def write(self, data: bytes) -> bool:
        """Send all of `data`; False when the client has gone away, or does not take it in time."""
        os.set_blocking(_OUT, self._is_tty)
        view, until = memoryview(data), 0.0
        try:
            while view:
                try:
                    view = view[os.write(_OUT, view) :]
                except BlockingIOError:
                    until = until or monotonic() + PATIENCE_SEC
                    if not _is_ready(_OUT, select.POLLOUT, until):
                        return False
        except (ConnectionError, TimeoutError):
            return False
        finally:
            os.set_blocking(_OUT, True)
        return True

    def linger(self) -> None:
        """Make sure that a last reply arrives although the client continues to send.

        Closing a TCP socket with unread input resets the connection, and the reset may overtake the
        reply. So the sending side is closed, and input is discarded for a limited time.
        """
        import socket

        try:
            with socket.socket(fileno=os.dup(_IN)) as connection:
                connection.shutdown(socket.SHUT_WR)
        except OSError:
            return  # not a socket, or closed already
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


def _is_ready(descriptor: int, event: int, until: float) -> bool:
    """Wait for an event of poll(2); False if there is none by then (monotonic clock)."""
    poll = select.poll()
    poll.register(descriptor, event)
    return bool(poll.poll(max(0.0, until - monotonic()) * 1000))


def _mask_termination(how: int) -> bool:
    """Block SIGTERM or unblock it; returns whether it was blocked before."""
    return _signal.SIGTERM in _signal.pthread_sigmask(how, [_signal.SIGTERM])


def _ignore(_signal: int, _frame: object) -> None:
    """SIGTERM is noticed through the wakeup pipe."""
