# SPDX-License-Identifier: MIT
"""The hard deadline: nothing a backend does, or does not do, makes a request take longer.

Two clocks are used. The handler's own, in its log line, shows no less than the timeout (less the
rounding of timers), and nothing that another wait would add to it, of which a head start is the
shortest. A busy machine can only lengthen a measurement, so the best of a few counts there. The
test's clock outside includes the start of the process and everything else that a machine may be
busy with; it only has to show that no one waited for the backend itself, which never answers.

After each timeout the next request on the same connection must get its own answer. Everything that
can be slow is in faults/table.py, where an order of magnitude is allowed.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import threading
import time
from collections.abc import Iterator

import pytest
from blackbox.broken_functions import slow_function
from blackbox.support import TIMED_OUT

from harness.handler_process import Handler, endpoint, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.name_service import name_service
from harness.ports import free_port
from harness.rounds import rounds_ms
from harness.scripted_backend import (
    Connection,
    ScriptedBackend,
    answer,
    black_hole,
    drip,
    silence,
)

TIMEOUT_MS = 400
HEAD_START_MS = 250
SLACK_MS = HEAD_START_MS - 50
EARLY_MS = 5
OUTSIDE_SEC = 8.0
"""Far above TIMEOUT_MS, below every other timeout that could have come into effect."""

_ELAPSED = re.compile(r"\((\d+(?:\.\d+)?) ms\)")


def elapsed_ms(line: str) -> float:
    """What the handler measured itself."""
    match = _ELAPSED.search(line)
    assert match, line
    return float(match[1])


def assert_times_out(handler: Handler, mode: str, request: bytes | None = None) -> None:
    """The best of a few requests ends TIMED_OUT within the slack; none ends early."""
    measured: list[float] = []
    for number in range(1, 9):
        before = time.monotonic()
        assert handler.ask(mode, request or REQUEST[mode]) == TIMED_OUT[mode]
        assert time.monotonic() - before < OUTSIDE_SEC
        measured.append(elapsed_ms(handler.log_lines(number)[-1]))
        assert measured[-1] >= TIMEOUT_MS - EARLY_MS, measured
        if measured[-1] <= TIMEOUT_MS + SLACK_MS:
            return
    pytest.fail(f"never within {SLACK_MS} ms of {TIMEOUT_MS} ms: {measured}")


def assert_answers(handler: Handler, mode: str) -> None:
    """The next request has its answer; a busy machine may time out before, and nothing else."""
    for _ in range(20):
        reply = handler.ask(mode, REQUEST[mode])
        if reply == FOUND[mode]:
            return
        assert reply == TIMED_OUT[mode]
    pytest.fail("no answer in 20 tries")


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n"
VALUE = b'["value"' + b" " * 90 + b"]"


def stall(connection: Connection) -> None:
    """Never read anything."""
    connection.backend.stopping.wait()


SLOW = [
    *[pytest.param(mode, silence, id=f"silence-{mode}") for mode in MODES],
    *[pytest.param(mode, drip(VALUE, at_once=HEAD + b"\r\n"), id=mode) for mode in (TCP, POLICY)],
]
"""The other ways to be slow are in faults/table.py."""


@pytest.mark.parametrize("mode, step", SLOW)
def test_slow_responses(tmp_path, launch, mode, step):
    """However a response is slow, the whole of it counts, not the pause between two bytes."""
    with ScriptedBackend(default=step) as backend:
        config = write_config(tmp_path, endpoint(mode, backend.url(), request_timeout=TIMEOUT_MS))
        handler = launch("--config", config, "--endpoint", mode)
        assert_times_out(handler, mode)
        backend.default = answer(200, FOUND_BODY[mode])
        assert_answers(handler, mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_backend_that_accepts_and_never_reads(tmp_path, launch, mode):
    """Sending is bounded too: a request that is larger than all buffers cannot be got rid of."""
    large = {
        TCP: b"get " + b"%FF" * 100_000 + b"\n",
        SOCKETMAP: b"109002:m " + b"\xff" * 109_000 + b",",
        POLICY: b"n=" + b"\xff" * 524_000 + b"\n\n",
    }[mode]
    with ScriptedBackend(on_accept=stall, receive_buffer=2048) as backend:
        config = write_config(tmp_path, endpoint(mode, backend.url(), request_timeout=TIMEOUT_MS))
        handler = launch("--config", config, "--endpoint", mode)
        assert_times_out(handler, mode, large)


@pytest.mark.parametrize("mode", MODES)
def test_a_backend_that_never_accepts(tmp_path, launch, mode):
    """Connecting is bounded: packets that vanish are a timeout."""
    with black_hole() as port:
        target = f"http://127.0.0.1:{port}/"
        config = write_config(tmp_path, endpoint(mode, target, request_timeout=TIMEOUT_MS))
        handler = launch("--config", config, "--endpoint", mode)
        assert_times_out(handler, mode)


@pytest.mark.parametrize("mode", MODES)
def test_a_response_that_takes_long_to_be_understood(handler_for, backend, mode):
    """Who has answered too late has not answered, even if the time was spent on the response."""
    backend.default = answer(200, FOUND_BODY[mode])
    for timeout_ms in rounds_ms(TIMEOUT_MS):
        code = slow_function("verdict", "of_response", 2 * timeout_ms / 1000)
        handler = handler_for(mode, request_timeout=timeout_ms, launch_with={"code": code})
        for _ in range(2):
            assert handler.ask(mode, REQUEST[mode]) == TIMED_OUT[mode]
        stage = "while reading what is in the response"
        if all(stage in line for line in handler.log_lines(2)):
            return
    pytest.fail(f"the response was never there in time: {handler.log}")


def test_tls_that_is_never_finished(tmp_path, launch):
    """The TLS handshake is a part of the request's time."""
    step = drip(b"\x16\x03\x03\x40\x00\x02" + b"\0" * 99)
    with ScriptedBackend(on_accept=step) as backend:
        target = backend.url().replace("http:", "https:")
        config = write_config(tmp_path, endpoint(POLICY, target, request_timeout=TIMEOUT_MS))
        handler = launch("--config", config, "--endpoint", POLICY)
        assert_times_out(handler, POLICY)


# -- several addresses, and no address


TWO_ADDRESSES = "127.0.0.2 two.test\n127.0.0.3 two.test\n"


def test_the_address_that_answers_is_slow(tmp_path, launch):
    """What the first address has used up is not given to the second one again."""
    prefix = name_service(tmp_path, TWO_ADDRESSES)
    port = free_port("127.0.0.2", "127.0.0.3")
    backend = ScriptedBackend(default=silence, address="127.0.0.3", port=port)
    with backend, black_hole("127.0.0.2", backend.port):
        target = f"http://two.test:{backend.port}/"
        config = write_config(tmp_path, endpoint(TCP, target, request_timeout=TIMEOUT_MS))
        handler = launch("--config", config, "--endpoint", TCP, prefix=prefix)
        assert_times_out(handler, TCP)


def _answer_query(query: bytes, address: str) -> bytes:
    """A DNS response (RFC 1035) to QUERY: ADDRESS for a question of type A, nothing for others."""
    question = query[12 : query.index(b"\0", 12) + 5]
    is_a = question[-4:-2] == b"\0\1"
    counts = b"\0\1" + (b"\0\1" if is_a else b"\0\0") + b"\0\0\0\0"
    record = b"\xc0\x0c\0\1\0\1\0\0\0\0\0\4" + socket.inet_aton(address) if is_a else b""
    return query[:2] + b"\x81\x80" + counts + question + record


class NameServer:
    """A name server on port 53 of an address; it answers when the test says so."""

    def __init__(self, server: socket.socket) -> None:
        self._server = server

    def queries(self) -> list[tuple[bytes, tuple[str, int]]]:
        """What has been asked and not been answered, at least one question."""
        self._server.settimeout(OUTSIDE_SEC)
        found = [self._server.recvfrom(4096)]
        self._server.settimeout(0.1)
        with contextlib.suppress(TimeoutError):
            while True:
                found.append(self._server.recvfrom(4096))
        return found

    def answer(self, queries: list[tuple[bytes, tuple[str, int]]], address: str) -> None:
        """Answer them."""
        for query, client in queries:
            self._server.sendto(_answer_query(query, address), client)

    @contextlib.contextmanager
    def answering(self, address: str) -> Iterator[None]:
        """Answer whatever is asked meanwhile."""
        over = threading.Event()

        def loop() -> None:
            while not over.is_set():
                with contextlib.suppress(TimeoutError):
                    self.answer([self._server.recvfrom(4096)], address)

        self._server.settimeout(0.02)
        thread = threading.Thread(target=loop)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextlib.contextmanager
def _name_server(address: str) -> Iterator[NameServer]:
    with socket.socket(type=socket.SOCK_DGRAM) as server:
        try:
            server.bind((address, 53))
        except OSError as error:
            pytest.skip(f"cannot listen on port 53: {error}")
        yield NameServer(server)


def _wait_for_one_thread(handler: Handler) -> None:
    """Return when the handler has no other threads than its first."""
    until = time.monotonic() + OUTSIDE_SEC
    while len(os.listdir(f"/proc/{handler.process.pid}/task")) > 1:
        assert time.monotonic() < until
        time.sleep(0.005)


def test_a_resolver_that_never_answers(tmp_path, launch, backend):
    """Name resolution is bounded; an answer that came for nobody is not used by anybody.

    A stuck resolver does not keep the handler from leaving either: its own timeout is 30 s here.
    """
    resolver = "127.0.53.53"
    prefix = name_service(tmp_path, "127.0.0.1 localhost\n", resolver)
    with _name_server(resolver) as server:
        target = f"http://backend.test:{backend.port}/"
        config = write_config(tmp_path, endpoint(TCP, target, request_timeout=TIMEOUT_MS))
        handler = launch("--config", config, "--endpoint", TCP, prefix=prefix)
        assert_times_out(handler, TCP)
        server.answer(server.queries(), "127.0.0.9")  # where nobody listens
        _wait_for_one_thread(handler)
        assert_times_out(handler, TCP)
        backend.default = answer(200, b'["value"]')
        with server.answering("127.0.0.1"):
            assert_answers(handler, TCP)
        assert handler.finish()[:2] == (b"", 0)


def test_leaving_while_the_resolver_is_stuck(tmp_path, launch):
    """The end of the connection is the end of the process, whatever the resolver does."""
    resolver = "127.0.53.54"
    prefix = name_service(tmp_path, "127.0.0.1 localhost\n", resolver)
    with _name_server(resolver):
        config = write_config(
            tmp_path, endpoint(TCP, "http://backend.test:1/", request_timeout=TIMEOUT_MS)
        )
        handler = launch("--config", config, "--endpoint", TCP, prefix=prefix)
        handler.send(REQUEST[TCP])
        before = time.monotonic()
        assert handler.finish()[:2] == (TIMED_OUT[TCP], 0)
        assert time.monotonic() - before < OUTSIDE_SEC
