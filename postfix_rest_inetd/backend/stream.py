# SPDX-License-Identifier: MIT
"""A connected TCP stream to a backend. All of its operations end by the deadline.

- The timeout of a socket limits one system call, and a backend that sends a byte at a time never
  exceeds it. BoundedSocket sets the timeout to the remaining time before each call.
- If a name has several addresses and one of them does not answer, the next one is tried after
  HEAD_START_SEC, in parallel, as in RFC 8305. The first that answers is used. Address families take
  turns.

Raises DeadlineError and UnreachableError, whose texts have host, port and the system's reason.
"""

from __future__ import annotations

import socket
from os import strerror
from select import POLLOUT, poll
from sys import byteorder
from time import monotonic

from ..errors import InvalidDataError, UnreachableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _typeshed import ReadableBuffer

    from ..config.target import Target
    from ..deadline import Deadline
    from .resolver import Address, Resolver

    _Stream = socket.socket
else:
    _Stream = object

# linux/tcp.h: where tcpi_bytes_acked begins in struct tcp_info, and where it ends.
_BYTES_ACKED, _TCP_INFO_BYTES = 120, 128
HEAD_START_SEC = 0.25  # RFC 8305, 8: the recommended Connection Attempt Delay

_PIECE_BYTES = 65536


class Bounded(_Stream):
    """A mixin that makes a socket class obey a deadline; it is the first of the two bases.

    The output of http.client is collected until flush(). So head and body of a request are one
    packet, and the fields that all requests share are not formatted again for each request.

    Attributes:
        deadline: the deadline of the current request.
        answered: has anything been received for the request?
        ended: has the backend ended the connection in order, with a FIN?
        failed: has sending the request failed?
        allowance: how many more bytes may be received.
    """

    deadline: Deadline
    answered: bool
    ended: bool
    failed: bool
    allowance: int
    _acknowledged: int
    _outgoing: bytes

    def receive(self) -> bytes:
        """Input, at least one byte; empty at the end of the stream."""
        self.settimeout(self.deadline.remaining_sec())
        data = self.recv(_PIECE_BYTES)
        if data:
            self.answered = True
            if self.deadline.trace is not None:
                self.deadline.trace.received(data)
        else:
            self.ended = True
        self.allowance -= len(data)
        if self.allowance < 0:
            raise InvalidDataError("the response exceeds the receive limit")
        return data

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """As socket.send; with TLS, flush() calls it once for each record."""
        self.settimeout(self.deadline.remaining_sec())
        return super().send(data, flags)

    def sendall(self, data: ReadableBuffer, _flags: int = 0) -> None:
        """Collect the output of http.client, which has no other way to send."""
        self._outgoing += data

    def flush(self, fields: bytes) -> None:
        """Send what has been collected, with more header fields after the request line."""
        line, end, rest = self._outgoing.partition(b"\r\n")
        self._outgoing = b""
        self.transmit(line + end + fields + rest)

    def transmit(self, data: bytes) -> None:
        """Send a complete request."""
        self.settimeout(self.deadline.remaining_sec())
        if self.deadline.trace is not None:
            self.deadline.trace.sent(data)
        try:
            super().sendall(data)
        except OSError:
            self.failed = True
            raise

    def prepare(self, deadline: Deadline) -> None:
        """Get ready for the first request."""
        self._outgoing = b""
        self.begin(deadline)

    def begin(self, deadline: Deadline) -> None:
        """Get ready for a request."""
        self.deadline = deadline
        self.answered = self.ended = self.failed = False
        self._acknowledged = self._acknowledged_bytes()

    def is_untouched(self) -> bool:
        """Is it certain that no byte of the request had arrived when the backend last sent a byte?

        Each segment, also a FIN, acknowledges all bytes that have reached the other kernel. So no
        program can have read bytes that the last segment has not acknowledged. If that segment was
        a FIN, or the end of TLS, the backend has closed the connection and does not read any more.
        A RST proves nothing: the kernel ignores what it acknowledges, and a connection also ends in
        a RST if the request is unread in a buffer, or has been read.
        """
        return (
            not self.failed
            and self._acknowledged >= 0
            and self._acknowledged == self._acknowledged_bytes()
        )

    def _acknowledged_bytes(self) -> int:
        """How many bytes the other side has acknowledged in total; negative if unknown."""
        try:
            info = self.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _TCP_INFO_BYTES)
        except OSError:  # not TCP
            return -1
        acknowledged = info[_BYTES_ACKED:_TCP_INFO_BYTES]
        return int.from_bytes(acknowledged, byteorder) if len(info) == _TCP_INFO_BYTES else -1

    def acknowledge_at_once(self) -> None:
        """Do not delay the next acknowledgements; the kernel resets this after a while.

        A backend that writes head and body of a response separately, with Nagle's algorithm on,
        delays the body until the head is acknowledged: 40 ms for each request, or 0.3 with this.
        """
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class BoundedSocket(Bounded, socket.socket):
    """A plain TCP socket that obeys a deadline."""


def connect(target: Target, resolver: Resolver, deadline: Deadline) -> BoundedSocket:
    """Connect to the first address of the target that answers.

    Raises:
        DeadlineError, UnreachableError: as in the module's description.
    """
    addresses = resolver.addresses(deadline)
    failures: list[str] = []
    if len(addresses) == 1:
        stream = _connect(*addresses[0], deadline, failures)
    else:
        race = _Race(_taking_turns(addresses), deadline, failures)
        try:
            stream = race.winner()
        finally:
            race.close()
    if stream is not None:
        stream.prepare(deadline)
        return stream
    deadline.remaining_sec()
    raise UnreachableError(
        f"cannot connect to {target.origin} ({'; '.join(failures)}); is the backend running, and "
        "is the target right?"
    )


def _connect(
    family: int, address: tuple[Any, ...], deadline: Deadline, failures: list[str]
) -> BoundedSocket | None:
    """Connect to the only address; None if that fails."""
    deadline.enter(f"connecting to {_place(address)}")
    remaining_sec = deadline.remaining_sec()
    stream = None
    try:
        stream = _socket(family)
        stream.settimeout(remaining_sec)
        stream.connect(address)
    except OSError as error:
        if stream is not None:
            stream.close()
        # Without a reason, the deadline has passed; if the kernel gives up, it has one.
        failures.append(f"{_place(address)}: {_reason(error) or 'no answer'}")
        return None
    return stream


def _socket(family: int) -> BoundedSocket:
    stream = BoundedSocket(family, socket.SOCK_STREAM)
    # With TLS a request is several small writes, and Nagle would delay the later ones.
    stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return stream


def _taking_turns(addresses: list[Address]) -> list[Address]:
    """The addresses with alternating families, the resolver's first choice first (RFC 8305, 4)."""
    first = [each for each in addresses if each[0] == addresses[0][0]]
    others = [each for each in addresses if each[0] != addresses[0][0]]
    result = []
    while first or others:
        result += first[:1] + others[:1]
        del first[:1], others[:1]
    return result


class _Race:
    """Connects to several addresses until one answers; each attempt starts after a delay.

    When an attempt fails, the next one starts at once.
    """

    __slots__ = ("_deadline", "_failures", "_poll", "_running", "_waiting")

    def __init__(self, addresses: list[Address], deadline: Deadline, failures: list[str]) -> None:
        """Start nothing yet; the reason of each failed attempt is appended to `failures`."""
        self._waiting = addresses
        self._deadline = deadline
        self._failures = failures
        self._running: dict[int, tuple[BoundedSocket, str]] = {}
        self._poll = poll()

    def winner(self) -> BoundedSocket | None:
        """The first socket that is connected; None if all attempts fail.

        Raises:
            DeadlineError: the deadline passed before.
        """
        # If time is short, each address still gets an attempt.
        head_start = min(HEAD_START_SEC, self._deadline.remaining_sec() / len(self._waiting))
        next_at = monotonic()
        while self._waiting or self._running:
            remaining = self._deadline.remaining_sec()
            if self._waiting and (not self._running or monotonic() >= next_at):
                self._begin(*self._waiting.pop(0))
                next_at = monotonic() + head_start
                continue
            if self._waiting:
                remaining = min(remaining, max(next_at - monotonic(), 0))
            for fd, _ in self._poll.poll(int(remaining * 1000) + 1):
                stream = self._end(fd)
                if stream is not None:
                    return stream
                next_at = 0  # at once
        return None

    def close(self) -> None:
        """Give up all attempts that are running."""
        for stream, _ in self._running.values():
            stream.close()

    def _begin(self, family: int, address: tuple[Any, ...]) -> None:
        where = _place(address)
        try:
            stream = _socket(family)
        except OSError as error:
            self._failures.append(f"{where}: {_reason(error)}")
            return
        self._running[stream.fileno()] = stream, where
        self._deadline.enter(f"connecting to {self._places()}")
        stream.settimeout(0)
        try:
            stream.connect(address)
        except BlockingIOError:  # in progress
            pass
        except OSError as error:
            del self._running[stream.fileno()]
            stream.close()
            self._failures.append(f"{where}: {_reason(error)}")
            return
        self._poll.register(stream, POLLOUT)

    def _end(self, fd: int) -> BoundedSocket | None:
        """Remove an attempt that is over; returns its socket if it is connected."""
        self._poll.unregister(fd)
        stream, where = self._running.pop(fd)
        number = stream.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)
        if number == 0:
            self._deadline.enter(f"connecting to {where}")
            return stream
        stream.close()
        self._failures.append(f"{where}: {strerror(number)}")
        return None

    def _places(self) -> str:
        return " and ".join([where for _, where in self._running.values()])


def _place(address: tuple[Any, ...]) -> str:
    return f"{address[0]} port {address[1]}"


def _reason(error: OSError) -> str:
    """The system's text of an error, without anything that a caller has added."""
    return strerror(error.errno) if error.errno else ""


def words_of(text: str) -> str:
    """The text of an error; of OpenSSL's `[SSL: NAME] words (_ssl.c:NUMBER)`, the words."""
    text = text.partition(" (_ssl.c")[0]
    return text.partition("] ")[2] or text
