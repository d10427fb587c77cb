# SPDX-License-Identifier: MIT
"""A connected TCP stream to a backend, of which no operation outlasts the deadline.

A socket's own timeout bounds one system call, so a backend that drips a byte at a time is never
stopped by it. BoundedSocket sets it anew, to the time that is left, before each call. Name
resolution has no timeout at all: getaddrinfo(3) cannot be interrupted, so it runs in a thread of
its own, which is left behind when the deadline passes; at most one such thread exists, because the
next request for the name waits for the same one.

Raises DeadlineError and UnreachableError, whose texts hold host, port and the system's reason.
"""

from __future__ import annotations

import _thread
import socket
from os import strerror

from .address import parse_ip
from .errors import InvalidDataError, UnreachableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from _typeshed import ReadableBuffer

    from .deadline import Deadline
    from .target import Target

    _Stream = socket.socket
else:
    _Stream = object


_PIECE_BYTES = 65536


class Bounded(_Stream):
    """What makes a socket class obey a deadline; to be mixed in before that class.

    What http.client sends is collected until flush(): so head and body of a request are one packet,
    and the fields that all requests share need not be put together for each of them.

    Attributes:
        deadline: of the request for which the stream is used at the moment.
        answered: has anything been received since this was last set to False?
        allowance: how many more bytes may be received.
    """

    deadline: Deadline
    answered: bool
    allowance: int
    _outgoing: bytes

    def receive(self) -> bytes:
        """What has arrived, at least one byte; nothing at the end of the stream."""
        self.settimeout(self.deadline.remaining_sec())
        data = self.recv(_PIECE_BYTES)
        if data:
            self.answered = True
        self.allowance -= len(data)
        if self.allowance < 0:
            raise InvalidDataError("the backend sends without end")
        return data

    def send(self, data: ReadableBuffer, flags: int = 0) -> int:
        """As socket.send; flush() comes down to it with TLS, once for each record."""
        self.settimeout(self.deadline.remaining_sec())
        return super().send(data, flags)

    def sendall(self, data: ReadableBuffer, _flags: int = 0) -> None:
        """Collect what http.client sends; it sends by nothing else."""
        self._outgoing += data

    def flush(self, fields: bytes) -> None:
        """Send what has been collected, with more header fields behind the request line."""
        line, end, rest = self._outgoing.partition(b"\r\n")
        self._outgoing = b""
        self.transmit(line + end + fields + rest)

    def transmit(self, data: bytes) -> None:
        """Send all of a request, as it is."""
        self.settimeout(self.deadline.remaining_sec())
        super().sendall(data)

    def prepare(self, deadline: Deadline) -> None:
        """Get ready for the first request."""
        self.deadline = deadline
        self.answered = False
        self._outgoing = b""

    def acknowledge_at_once(self) -> None:
        """Do not delay the next acknowledgements; the kernel forgets this by and by.

        A backend that writes head and body of a response apart, with Nagle's algorithm on, holds
        the body back until the head is acknowledged: 40 ms a request, against 0.3 with this.
        """
        self.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)


class BoundedSocket(Bounded, socket.socket):
    """A plain TCP socket that obeys a deadline."""


class Resolver:
    """Resolves one name, as often as needed."""

    __slots__ = ("_pending", "_target")

    def __init__(self, target: Target) -> None:
        """Resolve nothing yet."""
        self._target = target
        self._pending: _Resolution | None = None

    def addresses(self, deadline: Deadline) -> list[tuple[int, tuple[Any, ...]]]:
        """Pairs of address family and socket address, in the resolver's order.

        Raises:
            DeadlineError: the resolver did not answer in time.
            UnreachableError: the name has no address.
        """
        packed = parse_ip(self._target.host) if self._target.host != "localhost" else None
        if packed is not None:
            family = socket.AF_INET6 if ":" in self._target.host else socket.AF_INET
            return [(family, (self._target.host, self._target.port))]
        deadline.stage = f"resolving the name {self._target.host}"
        resolution = self._pending or _Resolution(self._target.host, self._target.port)
        self._pending = resolution
        if not resolution.done.acquire(timeout=deadline.remaining_sec()):
            raise deadline.error()
        self._pending = None
        if resolution.error is not None:
            raise UnreachableError(
                f"the name {self._target.host} cannot be resolved: {resolution.error}"
            )
        return resolution.addresses


class _Resolution:
    """One call of getaddrinfo(3) in a thread of its own; `done` can be acquired when it is over."""

    __slots__ = ("_host", "_port", "addresses", "done", "error")

    def __init__(self, host: str, port: int) -> None:
        self._host = host.encode("ascii")  # bytes keep Python from loading its IDNA codec
        self._port = port
        self.addresses: list[tuple[int, tuple[Any, ...]]] = []
        self.error: str | None = None
        self.done = _thread.allocate_lock()
        self.done.acquire()
        try:
            _thread.start_new_thread(self._run, ())
        except RuntimeError:
            raise UnreachableError("no thread can be started for name resolution") from None

    def _run(self) -> None:
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            self.addresses = [(family, address) for family, _, _, _, address in found]
        except (OSError, UnicodeError) as error:
            self.error = _reason(error)
        finally:
            self.done.release()


def connect(target: Target, resolver: Resolver, deadline: Deadline) -> BoundedSocket:
    """Connect to the first address of the target that answers.

    Each address gets an equal share of the time that is left, so that one that swallows packets
    does not take the chance from the next.

    Raises:
        DeadlineError, UnreachableError: as in the module's description.
    """
    addresses = resolver.addresses(deadline)
    failures = []
    for index, (family, address) in enumerate(addresses):
        where = f"{address[0]} port {address[1]}"
        deadline.stage = f"connecting to {where}"
        share = deadline.remaining_sec() / (len(addresses) - index)
        try:
            return _connect(family, address, share, deadline)
        except TimeoutError as error:
            # Either our share is over, or the kernel gave up (ETIMEDOUT).
            failures.append(f"{where}: {_reason(error) or 'no answer'}")
        except OSError as error:
            failures.append(f"{where}: {_reason(error)}")
    deadline.remaining_sec()
    raise UnreachableError(
        f"cannot connect to {target.origin} ({'; '.join(failures)}); is the backend running, and "
        "is the target right?"
    )


def _connect(
    family: int, address: tuple[Any, ...], timeout: float, deadline: Deadline
) -> BoundedSocket:
    stream = BoundedSocket(family, socket.SOCK_STREAM)
    try:
        stream.prepare(deadline)
        stream.settimeout(timeout)
        # The request's head and body are two small writes; Nagle would hold the second one back.
        stream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        stream.connect(address)
    except BaseException:
        stream.close()
        raise
    return stream


def _reason(error: Exception) -> str:
    """The system's words for an error, without whatever a caller put into it."""
    if isinstance(error, socket.gaierror):
        return error.strerror or "the resolver failed"
    if isinstance(error, OSError):
        return strerror(error.errno) if error.errno else ""
    return "it is no valid host name"
