# SPDX-License-Identifier: MIT
"""A REST backend that follows the script of a test, byte by byte.

A real listener on loopback; every accepted connection is served by a thread of its own. Each
request takes the next *step* of the script, in the order in which requests arrive over all
connections; a step is a function of the `Connection` and may send bytes, drip them, reset, close
or say nothing. Everything received is kept raw, so a test can assert the exact bytes of a request
and the number of connections. A request for which the script has no step is an error that
`close()` raises: a handler that asks more often than it should cannot go unnoticed.

Nothing here relies on sleeping: threads block on sockets or on the `stopping` event. Tests wait in
`wait_until`, which a condition variable wakes. `close()` ends every thread.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import struct
import threading
from collections import deque
from collections.abc import Callable, Iterator
from typing import NamedTuple, Self

from harness.ports import patiently

WAIT_SEC = 15.0
"""How long a test waits for an event before it fails: generous, as machines are noisy."""

REQUEST_LIMIT = 8 * 1024 * 1024
"""No request of a test comes near this; a handler that sends without end is stopped here."""


class RecordedRequest(NamedTuple):
    """One request as it came over the wire."""

    connection: int
    raw: bytes

    @property
    def line(self) -> bytes:
        """The request line without its line end."""
        return self.raw.partition(b"\r\n")[0]

    @property
    def target(self) -> bytes:
        """The request target: path and query as sent."""
        return self.line.split(b" ")[1]

    @property
    def headers(self) -> list[tuple[bytes, bytes]]:
        """Every header in order; names in lower case, because their case is not significant."""
        lines = self.raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
        pairs = (line.partition(b":") for line in lines)
        return [(name.lower(), value.strip()) for name, _, value in pairs]

    def header(self, name: bytes) -> bytes | None:
        """The value of a header that must not occur twice, None when it is absent."""
        values = [value for key, value in self.headers if key == name.lower()]
        assert len(values) <= 1, (name, values)
        return values[0] if values else None

    @property
    def body(self) -> bytes:
        """The bytes after the header section."""
        return self.raw.partition(b"\r\n\r\n")[2]


class Connection:
    """One accepted connection, as the steps of a script see it."""

    def __init__(self, backend: ScriptedBackend, number: int, sock: socket.socket) -> None:
        self.backend = backend
        self.number = number
        self.sock = sock
        self.received = bytearray()
        self.tls_error: Exception | None = None
        self.peer_certificate: dict[str, object] | None = None
        self.over = False
        self._buffer = bytearray()

    def _receive(self) -> bool:
        data = self.sock.recv(65536)
        self._buffer += data
        self.received += data
        assert len(self.received) < REQUEST_LIMIT, "the handler sends without end"
        return bool(data)

    def read_request(self) -> bytes | None:
        """The raw bytes of the next request, None at the end of the stream."""
        while b"\r\n\r\n" not in self._buffer:
            if not self._receive():
                return None
        head, _, _ = bytes(self._buffer).partition(b"\r\n\r\n")
        length = 0
        for line in head.split(b"\r\n")[1:]:
            name, _, value = line.partition(b":")
            if name.lower() == b"content-length":
                length = int(value)
        total = len(head) + 4 + length
        while len(self._buffer) < total:
            if not self._receive():
                return None
        raw = bytes(self._buffer[:total])
        del self._buffer[:total]
        return raw

    def send(self, data: bytes) -> None:
        """Send all of DATA."""
        self.sock.sendall(data)

    def wait_for_peer(self) -> None:
        """Return when the handler closed its side (or the backend stops)."""
        while self._receive():
            pass

    def close(self) -> None:
        """Close in an orderly way: the handler sees an end of file."""
        with contextlib.suppress(OSError):
            self.sock.shutdown(socket.SHUT_RDWR)
        self.sock.close()
        self._ended()

    def reset(self) -> None:
        """Close with a RST."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        if isinstance(self.sock, ssl.SSLSocket):
            # SSLSocket.close() would not let go of the descriptor of a wrapped connection at once.
            socket.socket(fileno=self.sock.detach()).close()
        self.sock.close()
        self._ended()

    def _ended(self) -> None:
        with self.backend.changed:
            self.over = True
            self.backend.changed.notify_all()


Step = Callable[[Connection], None]


def response(
    status: int = 200,
    body: bytes = b"",
    *headers: bytes,
    version: bytes = b"HTTP/1.1",
    reason: bytes = b"Whatever",
) -> bytes:
    """Raw bytes of a plain response with Content-Length."""
    lines = [b"%s %d %s" % (version, status, reason), b"Content-Length: %d" % len(body), *headers]
    return b"\r\n".join(lines) + b"\r\n\r\n" + body


def chunked(*chunks: bytes, end: bytes = b"0\r\n\r\n") -> bytes:
    """Raw bytes of a 200 whose body comes in CHUNKS."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    return head + b"".join(b"%x\r\n%s\r\n" % (len(c), c) for c in chunks) + end


def send(raw: bytes) -> Step:
    """Send RAW and keep the connection."""
    return lambda connection: connection.send(raw)


def answer(status: int = 200, body: bytes = b"", *headers: bytes) -> Step:
    """Send a plain response and keep the connection."""
    return send(response(status, body, *headers))


def send_and_close(raw: bytes) -> Step:
    """Send RAW, then close in an orderly way."""

    def step(connection: Connection) -> None:
        connection.send(raw)
        connection.close()

    return step


def send_and_reset(raw: bytes) -> Step:
    """Send RAW, then close with a RST."""

    def step(connection: Connection) -> None:
        connection.send(raw)
        connection.reset()

    return step


def hang_up(connection: Connection) -> None:
    """Close without a single byte of a response."""
    connection.close()


def reset(connection: Connection) -> None:
    """Close with a RST without a single byte of a response."""
    connection.reset()


def silence(connection: Connection) -> None:
    """Say nothing until the handler goes away."""
    connection.wait_for_peer()


def send_then_silence(raw: bytes) -> Step:
    """Send RAW, then nothing more until the handler goes away."""

    def step(connection: Connection) -> None:
        connection.send(raw)
        connection.wait_for_peer()

    return step


def drip(raw: bytes, *, at_once: bytes = b"", interval_sec: float = 0.2) -> Step:
    """Send AT_ONCE, then one byte of RAW each INTERVAL_SEC until the handler goes away."""

    def step(connection: Connection) -> None:
        connection.send(at_once)
        for byte in raw:
            if connection.backend.stopping.wait(interval_sec):
                return
            connection.send(bytes([byte]))

    return step


def endless(head: bytes, piece: bytes) -> Step:
    """Send HEAD, then PIECE again and again until the handler goes away."""

    def step(connection: Connection) -> None:
        connection.send(head)
        while not connection.backend.stopping.is_set():
            connection.send(piece)

    return step


def when(event: threading.Event, step: Step) -> Step:
    """Do STEP as soon as the test sets EVENT."""

    def waiting(connection: Connection) -> None:
        assert event.wait(WAIT_SEC), "the test never let the backend go on"
        step(connection)

    return waiting


class ScriptedBackend:
    """A listener on loopback with a script; use it as a context manager."""

    def __init__(
        self,
        *steps: Step,
        address: str = "127.0.0.1",
        port: int = 0,
        default: Step | None = None,
        on_accept: Step | None = None,
        tls: ssl.SSLContext | None = None,
        receive_buffer: int = 0,
    ) -> None:
        self.steps: deque[Step] = deque(steps)
        self.default = default
        self.on_accept = on_accept
        self.tls = tls
        self.connections: list[Connection] = []
        self.requests: list[RecordedRequest] = []
        self.errors: list[BaseException] = []
        self._busy = 0
        self.stopping = threading.Event()
        self.changed = threading.Condition()
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = patiently(
            lambda: socket.create_server((address, port), family=family, backlog=64)
        )
        if receive_buffer:  # accepted connections inherit it
            self._listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.address = address
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._start(self._accept_all)

    @property
    def authority(self) -> str:
        """HOST:PORT in the form for a URL."""
        host = f"[{self.address}]" if ":" in self.address else self.address
        return f"{host}:{self.port}"

    def url(self, path: str = "/lookup", user_info: str = "") -> str:
        """A target on this backend."""
        scheme = "https" if self.tls else "http"
        return f"{scheme}://{user_info}{self.authority}{path}"

    def script(self, *steps: Step) -> None:
        """Add STEPS to the script."""
        self.steps.extend(steps)

    def wait_until(self, condition: Callable[[], bool], what: str) -> None:
        """Return when CONDITION holds, fail with WHAT after WAIT_SEC."""
        with self.changed:
            assert self.changed.wait_for(condition, WAIT_SEC), f"waited in vain: {what}"

    def wait_for_requests(self, count: int) -> None:
        """Return when COUNT requests have arrived completely."""
        self.wait_until(lambda: len(self.requests) >= count, f"{count} requests")

    def wait_for_end_of(self, number: int) -> None:
        """Return when connection NUMBER (from 0) is closed on our side as well."""
        self.wait_until(
            lambda: len(self.connections) > number and self.connections[number].over,
            f"the end of connection {number}",
        )

    def wait_until_idle(self) -> None:
        """Return when every step has been done to its end.

        A reply may reach the test before the step that caused it closes its connection; the next
        request would then race with that close.
        """
        self.wait_until(lambda: self._busy == 0, "the steps to end")

    def _start(self, function: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=function, args=arguments, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept_all(self) -> None:
        while not self.stopping.is_set():
            try:
                sock, _ = self._listener.accept()
            except OSError:
                return
            with self.changed:
                if self.stopping.is_set():
                    sock.close()
                    return
                connection = Connection(self, len(self.connections), sock)
                self.connections.append(connection)
                self.changed.notify_all()
            self._start(self._serve, connection)

    def _serve(self, connection: Connection) -> None:
        try:
            with contextlib.suppress(OSError, ssl.SSLError):  # the handler went away: recorded
                if self.on_accept is not None:
                    self.on_accept(connection)
                elif self._handshake(connection):
                    self._serve_requests(connection)
        except BaseException as error:  # noqa: BLE001 - close() raises it in the test
            self.errors.append(error)
        finally:
            connection.close()

    def _handshake(self, connection: Connection) -> bool:
        if self.tls is None:
            return True
        try:
            connection.sock = self.tls.wrap_socket(connection.sock, server_side=True)
        except (OSError, ssl.SSLError) as error:
            connection.tls_error = error
            return False
        connection.peer_certificate = connection.sock.getpeercert()
        return True

    def _serve_requests(self, connection: Connection) -> None:
        while not connection.over:
            raw = connection.read_request()
            if raw is None:
                return
            with self.changed:
                self.requests.append(RecordedRequest(connection.number, raw))
                step = self.steps.popleft() if self.steps else self.default
                self._busy += 1
                self.changed.notify_all()
            try:
                if step is None:
                    message = f"a request that the script does not expect: {raw[:300]!r}"
                    raise AssertionError(message)
                step(connection)
            finally:
                with self.changed:
                    self._busy -= 1
                    self.changed.notify_all()

    def check(self) -> None:
        """Raise the errors of the threads so far."""
        if self.errors:
            message = f"the scripted backend failed: {self.errors!r}"
            raise AssertionError(message) from self.errors[0]

    def close(self) -> None:
        """End every connection and thread; raise their errors."""
        self.stopping.set()
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)  # wakes accept(); close() alone does not
        self._listener.close()
        with self.changed:
            connections = list(self.connections)
        for connection in connections:
            with contextlib.suppress(OSError):
                connection.sock.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(WAIT_SEC)
            assert not thread.is_alive(), "a thread of the scripted backend does not end"
        self.check()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()


@contextlib.contextmanager
def black_hole(address: str = "127.0.0.1", port: int = 0) -> Iterator[int]:
    """A port whose SYNs are dropped: its backlog is full and nobody ever accepts."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        patiently(lambda: listener.bind((address, port)))
        listener.listen(0)
        name = listener.getsockname()
        for _ in range(64):
            filler = stack.enter_context(socket.socket())
            filler.settimeout(0.1)
            try:
                filler.connect(name)
            except TimeoutError:
                break
        else:
            message = "the kernel goes on accepting on a full backlog"
            raise AssertionError(message)
        yield name[1]


def unused_port(address: str = "127.0.0.1", port: int = 0) -> socket.socket:
    """A bound socket that does not listen: connecting to its port is refused while it is open."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    sock = socket.socket(family)
    try:
        patiently(lambda: sock.bind((address, port)))
    except OSError:
        sock.close()
        raise
    return sock
