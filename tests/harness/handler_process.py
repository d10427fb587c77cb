# SPDX-License-Identifier: MIT
"""The real handler process on a connection of its own; the test has the client's end.

`start()` runs `python -m postfix_rest_inetd` with the given file descriptors and an environment
that holds nothing but what a test puts there. The package is the one that `import` finds in the
test process (an installed one included), else the checkout. Every wait is bounded; `close()` ends
the process, and fails when it had to be killed.

The handler's stderr is a pipe that a thread reads, so a test can await a log line. Where the
machine has a journal socket the handler would write there instead; then it is started in a private
mount namespace in which that socket is covered.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

import pytest

from harness.modes import POLICY, SOCKETMAP, TCP

WAIT_SEC = 45.0
"""How long a test waits for the handler before it fails."""

LOG_PREFIX = "postfix-rest-inetd: "

_ENDS = {TCP: b"\n", POLICY: b"\n\n", SOCKETMAP: b""}
"""What a reply ends with; nothing for a netstring."""


def package_parent() -> Path:
    """The directory from which the tested package is imported."""
    spec = importlib.util.find_spec("postfix_rest_inetd")
    if spec is not None and spec.origin is not None:
        return Path(spec.origin).parents[1]
    return Path(__file__).parents[2]


def base_environment() -> dict[str, str]:
    """What every handler gets: the package, and what the run asks for: coverage, a plain import."""
    asked = ("COV", "POSTFIX_REST_INETD_PLAIN_IMPORT")
    kept = {key: value for key, value in os.environ.items() if key.startswith(asked)}
    return {**kept, "PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "PYTHONPATH": str(package_parent())}


# -- configuration files


def endpoint(mode: str, target: str, **keys: object) -> dict[str, Any]:
    """One endpoint of a config file; `log_keys=False` becomes `"log-keys": false`.

    The name is the mode, and the timeout is long: tests on slow machines must not time out.
    """
    defaults = {"name": mode, "mode": mode, "target": target, "request-timeout": 20000}
    own = {key.replace("_", "-"): value for key, value in keys.items()}
    if "auth-token" not in own and "auth-token-file" not in own:
        own["auth-token"] = "test-token"
    return {**defaults, **own}


def write_config(directory: Path, *endpoints: dict[str, Any], **top: object) -> Path:
    """A config file with ENDPOINTS; those without an address get one that nobody uses."""
    complete = []
    for number, item in enumerate(endpoints):
        needs_port = "bind-port" not in item and "bind-path" not in item
        complete.append({**item, "bind-port": 1 + number} if needs_port else item)
    path = directory / "config.json"
    content = {key.replace("_", "-"): value for key, value in top.items()}
    path.write_text(json.dumps({**content, "endpoints": complete}), encoding="utf-8")
    path.chmod(0o640)
    return path


# -- the client's end


class Client(Protocol):
    """The client's end of a connection."""

    def send(self, data: bytes) -> None:
        """Send all of DATA."""

    def receive(self) -> bytes:
        """Some bytes, b"" at the end of the stream; TimeoutError after WAIT_SEC."""

    def half_close(self) -> None:
        """Signal the end of our data."""

    def close(self) -> None:
        """Close entirely."""

    def fileno(self) -> int:
        """The descriptor on which replies arrive."""


class SocketClient:
    """A client on a socket."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        sock.settimeout(WAIT_SEC)

    def send(self, data: bytes) -> None:
        """Send all of DATA."""
        self.sock.sendall(data)

    def receive(self) -> bytes:
        """Some bytes, b"" at the end of the stream."""
        return self.sock.recv(65536)

    def half_close(self) -> None:
        """Signal the end of our data."""
        self.sock.shutdown(socket.SHUT_WR)

    def close(self) -> None:
        """Close entirely."""
        self.sock.close()

    def fileno(self) -> int:
        """The descriptor of the socket."""
        return self.sock.fileno()


class PipeClient:
    """A client on two pipes."""

    def __init__(self, writer: int, reader: int) -> None:
        self._writer: int | None = writer
        self._reader = reader

    def send(self, data: bytes) -> None:
        """Write all of DATA."""
        assert self._writer is not None
        view = memoryview(data)
        while view:
            view = view[os.write(self._writer, view) :]

    def receive(self) -> bytes:
        """Some bytes, b"" at the end of the stream."""
        if not select.select([self._reader], [], [], WAIT_SEC)[0]:
            raise TimeoutError
        return os.read(self._reader, 65536)

    def half_close(self) -> None:
        """Close the writing pipe."""
        if self._writer is not None:
            os.close(self._writer)
            self._writer = None

    def close(self) -> None:
        """Close both pipes."""
        self.half_close()
        if self._reader >= 0:
            os.close(self._reader)
            self._reader = -1

    def fileno(self) -> int:
        """The descriptor of the reading pipe."""
        return self._reader


class Ends(NamedTuple):
    """Both ends of a connection: ours, and the handler's fd 0 and fd 1."""

    client: Client
    stdin: int
    stdout: int


def socket_pair() -> Ends:
    """A connected pair of nameless unix sockets."""
    ours, theirs = socket.socketpair()
    descriptor = theirs.detach()
    return Ends(SocketClient(ours), descriptor, descriptor)


def pipes() -> Ends:
    """Two pipes, as under a shell."""
    stdin, writer = os.pipe()
    reader, stdout = os.pipe()
    return Ends(PipeClient(writer, reader), stdin, stdout)


def accepted(listener: socket.socket, address: object = None) -> Ends:
    """A connection through LISTENER, to ADDRESS where that is not the listener's own."""
    ours = socket.socket(listener.family if address is None else _family(address))
    ours.settimeout(WAIT_SEC)
    ours.connect(listener.getsockname() if address is None else address)
    listener.settimeout(WAIT_SEC)
    theirs, _ = listener.accept()
    theirs.settimeout(None)
    descriptor = theirs.detach()
    return Ends(SocketClient(ours), descriptor, descriptor)


def _family(address: object) -> socket.AddressFamily:
    if isinstance(address, tuple):
        return socket.AF_INET6 if ":" in address[0] else socket.AF_INET
    return socket.AF_UNIX


# -- the journal out of the way

JOURNAL_SOCKET = Path("/run/systemd/journal/socket")

_COVER = 'mount -t tmpfs tmpfs /run/systemd/journal && exec "$@"'


def without_journal() -> list[str]:
    """The command prefix under which the handler finds no journal socket."""
    if not JOURNAL_SOCKET.exists():
        return []
    unshare = ["unshare", "--mount"]
    if os.geteuid() != 0:
        unshare += ["--user", "--map-root-user"]
    prefix = [*unshare, "sh", "-c", _COVER, "sh"]
    if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode:
        pytest.skip("this machine has a journal socket and gives us no namespace to hide it in")
    return prefix


def private_mounts(*bind: tuple[Path, str]) -> list[str]:
    """The command prefix of a private mount namespace with files bound over system files.

    It also covers a journal socket, as `without_journal()` does. Without root, the test is skipped.
    """
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        pytest.skip("needs root for a private mount namespace")
    script = "".join(f"mount --bind '{source}' '{target}' && " for source, target in bind)
    if JOURNAL_SOCKET.exists():
        script += "mount -t tmpfs tmpfs /run/systemd/journal && "
    prefix = ["unshare", "--mount", "sh", "-c", script + 'exec "$@"', "sh"]
    probe = subprocess.run([*prefix, "true"], capture_output=True, check=False)
    if probe.returncode:
        pytest.skip(f"no private mount namespace here: {probe.stderr.decode().strip()}")
    return prefix


# -- the process


class Finished(NamedTuple):
    """The output and the exit status of a handler that has ended."""

    output: bytes
    status: int
    log: str


class Handler:
    """A running handler, and the client's end of its connection."""

    def __init__(
        self, process: subprocess.Popen[bytes], client: Client, stderr: int | None
    ) -> None:
        self.process = process
        self.client = client
        self._buffer = b""
        self._log = bytearray()
        self._log_over = stderr is None
        self._log_changed = threading.Condition()
        self._reader: threading.Thread | None = None
        if stderr is not None:
            self._reader = threading.Thread(target=self._read_log, args=(stderr,), daemon=True)
            self._reader.start()

    def _read_log(self, stderr: int) -> None:
        with open(stderr, "rb", buffering=0) as stream:
            while data := stream.read(65536):
                with self._log_changed:
                    self._log += data
                    self._log_changed.notify_all()
        with self._log_changed:
            self._log_over = True
            self._log_changed.notify_all()

    # the log

    @property
    def log(self) -> str:
        """Everything written to stderr so far."""
        with self._log_changed:
            return self._log.decode(errors="backslashreplace")

    def log_lines(self, count: int) -> list[str]:
        """The lines on stderr, as soon as there are COUNT of them."""
        with self._log_changed:
            reached = self._log_changed.wait_for(lambda: self._log.count(b"\n") >= count, WAIT_SEC)
        assert reached, f"waited in vain for {count} log lines, got: {self.log!r}"
        return self.log.splitlines()

    def wait_for_log(self, text: str) -> None:
        """Return as soon as TEXT was written to stderr."""
        with self._log_changed:
            sought = text.encode()
            reached = self._log_changed.wait_for(lambda: sought in self._log, WAIT_SEC)
        assert reached, f"waited in vain for {text!r} in the log: {self.log!r}"

    # the connection

    def send(self, data: bytes) -> None:
        """Send DATA to the handler."""
        self.client.send(data)

    def half_close(self) -> None:
        """Signal the end of our data to the handler."""
        self.client.half_close()

    def _more(self) -> None:
        try:
            data = self.client.receive()
        except TimeoutError:
            message = f"no reply in time; so far {self._buffer!r}, log: {self.log!r}"
            raise AssertionError(message) from None
        if not data:
            message = f"end of file inside a reply; so far {self._buffer!r}, log: {self.log!r}"
            raise AssertionError(message)
        self._buffer += data

    def _take(self, length: int) -> bytes:
        while len(self._buffer) < length:
            self._more()
        taken, self._buffer = self._buffer[:length], self._buffer[length:]
        return taken

    def _take_through(self, end: bytes) -> bytes:
        while end not in self._buffer:
            self._more()
        return self._take(self._buffer.index(end) + len(end))

    def read_reply(self, mode: str) -> bytes:
        """The next reply, byte for byte, with its frame."""
        if end := _ENDS[mode]:
            return self._take_through(end)
        digits = self._take_through(b":")
        return digits + self._take(int(digits[:-1]) + 1)

    def read_to_end(self) -> bytes:
        """Everything up to the end of file."""
        with contextlib.suppress(ConnectionResetError):
            while data := self.client.receive():
                self._buffer += data
        everything, self._buffer = self._buffer, b""
        return everything

    def pending(self, wait_sec: float = 0.0) -> bool:
        """True when unread bytes, or the end of file, are there within WAIT_SEC."""
        return bool(self._buffer or select.select([self.client], [], [], wait_sec)[0])

    def ask(self, mode: str, request: bytes) -> bytes:
        """Send one request, return its one reply."""
        self.send(request)
        return self.read_reply(mode)

    # the end

    def wait(self) -> int:
        """The exit status, once the handler has ended by itself."""
        try:
            return self.process.wait(WAIT_SEC)
        except subprocess.TimeoutExpired:
            message = f"the handler does not end; log: {self.log!r}"
            raise AssertionError(message) from None

    def finish(self) -> Finished:
        """Half-close, and return everything that the handler still sends."""
        with contextlib.suppress(OSError):  # it may have closed the connection already
            self.half_close()
        return self.result()

    def result(self) -> Finished:
        """Everything up to the end of file, which the handler must cause, and what it left.

        Our end is closed only then, which spares the handler its wait for unread input.
        """
        output = self.read_to_end()
        self.client.close()
        status = self.wait()
        self._join()
        return Finished(output, status, self.log)

    def terminate(self) -> None:
        """Send SIGTERM."""
        self.process.send_signal(signal.SIGTERM)

    def _join(self) -> None:
        if self._reader is not None:
            self._reader.join(WAIT_SEC)
            assert not self._reader.is_alive(), "somebody still holds the handler's stderr"

    def close(self) -> None:
        """Close our end; fail when the handler does not leave because of that."""
        self.client.close()
        try:
            self.wait()
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait(WAIT_SEC)
            self._join()


MODULE = ("-m", "postfix_rest_inetd")


def start(
    *arguments: str | Path,
    ends: Ends | None = None,
    stderr: str = "pipe",
    env: dict[str, str] | None = None,
    prefix: Sequence[str] | None = None,
    code: Sequence[str] = MODULE,
    keep: Sequence[int] = (),
) -> Handler:
    """Start a handler with ARGUMENTS, and with the descriptors KEEP beside its own three.

    stderr is "pipe", or "connection": fd 2 is the connection, as under inetd and spawn(8).
    `env` is added to the otherwise bare environment, `prefix` replaces `without_journal()`.
    """
    ends = socket_pair() if ends is None else ends
    command = [
        *(without_journal() if prefix is None else prefix),
        *(sys.executable, *code),
        *map(str, arguments),
    ]
    stderr_ours, stderr_theirs = (None, os.dup(ends.stdout))
    if stderr == "pipe":
        os.close(stderr_theirs)
        stderr_ours, stderr_theirs = os.pipe()
    try:
        process = subprocess.Popen(
            command,
            stdin=ends.stdin,
            stdout=ends.stdout,
            stderr=stderr_theirs,
            env={**base_environment(), **(env or {})},
            cwd="/",
            pass_fds=keep,
        )
    finally:
        for descriptor in {ends.stdin, ends.stdout, stderr_theirs}:
            os.close(descriptor)
    return Handler(process, ends.client, stderr_ours)


def run(*arguments: str, stdin: int = subprocess.DEVNULL) -> subprocess.CompletedProcess[bytes]:
    """Run the handler to its end outside any connection."""
    return subprocess.run(
        [sys.executable, *MODULE, *arguments],
        stdin=stdin,
        capture_output=True,
        env=base_environment(),
        cwd="/",
        timeout=WAIT_SEC,
        check=False,
    )
