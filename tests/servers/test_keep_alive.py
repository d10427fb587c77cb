# SPDX-License-Identifier: MIT
"""A request that meets the end of a kept connection, at servers that are in use.

Each real server of harness/real_servers is asked by handlers that wait for as long as the server
keeps an idle connection, give or take 5 ms, and ask again: SAMPLES times in each mode. The servers
are told to keep connections for a short time only, and say nothing of it in their responses, which
is the hardest case; what they do by default is in tests/bench/keep_alive. All wait together.

- A lookup gets its answer, whatever the server does with the connection.
- A policy request is processed once at most. If it fails, Postfix gets a 451; how often that is,
  tests/bench/keep_alive measures. A handler that has met the end of a connection does not keep one
  any more, so each sample has a configuration of its own, which makes the handler forget that.

The moment is short, and is hardly ever met. So there is another kind of sample as well: the server
is stopped by a signal, gets the requests of all handlers, and goes on when the time for their
connections is over. Then it finds a request and the end of its patience at once. And an application
dies of a policy request that it has processed.

A server that the machine does not have is skipped. In CI that is a failure, unless its package has
no candidate there.
"""

from __future__ import annotations

import contextlib
import os
import random
import subprocess
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple, NoReturn, Self

import pytest

from harness.handler_process import Handler, endpoint, start, write_config
from harness.modes import FOUND, MODES, POLICY, SOCKETMAP, TCP
from harness.real_servers import SERVERS, MissingError, Running, running

# Under load, everything takes longer; only a request that is never answered must not hang.
pytestmark = pytest.mark.timeout(900)

SAMPLES = 200
STOPS = 3
JITTER_SEC = 0.005
PATIENCE_SEC, MAX_HANDLERS = 25, 10
"""So long one handler asks; a server that keeps connections for longer gets more handlers."""

UNREACHABLE = b"action=451 REST server could not be reached\n\n"
BAD_GATEWAY = b"action=451 REST server had an internal error!\n\n"
FAILED = (UNREACHABLE, BAD_GATEWAY)
"""A policy request may get these; a proxy in front of what has died makes the second one."""


class Seen(NamedTuple):
    """What became of the requests of a server.

    Attributes:
        wrong: the key and the reply of each lookup that did not get its answer, and of each policy
            request that got neither its answer nor a 451.
        answered, failed: the number of policy requests.
        processed: the X-Request-Id of each policy request that the server has processed.
    """

    wrong: list[tuple[str, bytes]]
    answered: int
    failed: int
    processed: list[str]


class Asker:
    """A handler for one server and mode; use it as a context manager."""

    def __init__(self, directory: Path, backend: Running, mode: str) -> None:
        target = backend.url("/policy" if mode == POLICY else "/lookup")
        self._directory = directory
        self._mode = mode
        self._endpoint = endpoint(mode, target, request_timeout=90_000)
        self._handler: Handler | None = None
        self._number = 0
        self._expected: tuple[str, bytes] = ("", b"")
        self.wrong: list[tuple[str, bytes]] = []
        self.replies: list[bytes] = []

    def __enter__(self) -> Self:
        self._renew()
        config = self._directory / "config.json"
        self._handler = start("--config", config, "--endpoint", self._mode)
        self.ask()
        return self

    def __exit__(self, kind: object, *_exception: object) -> None:
        try:
            if kind is None:
                finished = self._handler.finish()
                assert (finished.output, finished.status) == (b"", 0), finished
        finally:
            self._handler.close()

    def connect(self) -> None:
        """Have a connection, and no bad memories of those before it."""
        if self._mode == POLICY:
            self._renew()
        self.ask()

    def ask(self) -> None:
        """Send a request, and read its reply."""
        self.send()
        self.read()

    def kill(self) -> None:
        """Ask for the death of the application, on a connection that has been used."""
        self.connect()
        self.send("queue_id=die\n")
        self.read()

    def send(self, attribute: str = "") -> None:
        """Send a request, of which the handler's process and the number are the key."""
        self._number += 1
        key = f"{self._handler.process.pid}-{self._number}"
        request, expected = {
            TCP: (f"get {key}\n", f"200 {key}\n"),
            SOCKETMAP: (_netstring(f"map {key}"), _netstring(f"OK {key}")),
            POLICY: (f"instance={key}\n{attribute}\n", FOUND[POLICY].decode()),
        }[self._mode]
        self._expected = key, expected.encode()
        self._handler.send(request.encode())

    def read(self) -> None:
        """Read the reply to the request that has been sent."""
        reply = self._handler.read_reply(self._mode)
        self.replies.append(reply)
        key, expected = self._expected
        may_fail = self._mode == POLICY and reply in FAILED
        if reply != expected and not may_fail:
            self.wrong.append((key, reply))

    def _renew(self) -> None:
        """Another configuration, hence a new client of the backend for the next request."""
        write_config(self._directory, self._endpoint, user_agent=f"handler {self._number}")


def _netstring(text: str) -> str:
    return f"{len(text)}:{text},"


def _ask_at_the_end(asker: Asker, idle_sec: float, samples: int) -> None:
    """Ask when the connection is about to be closed."""
    for _ in range(samples):
        pause = idle_sec + random.uniform(-JITTER_SEC, JITTER_SEC)
        time.sleep(max(0, pause) if idle_sec > JITTER_SEC else 0)
        asker.ask()
        asker.connect()


def _ask_a_stopped_server(askers: list[Asker], backend: Running, idle_sec: float) -> None:
    """Ask when the server is stopped, and let it go on when it should have closed."""
    for asker in askers:
        asker.connect()
    time.sleep(idle_sec / 2)
    with backend.stopped():
        for asker in askers:
            asker.send()
        time.sleep(idle_sec)
    for asker in askers:
        asker.read()


def _examine(name: str, directory: Path) -> Seen:
    """Ask one server in all modes at once."""
    server = SERVERS[name]
    with running(server, server.short_sec) as backend, contextlib.ExitStack() as stack:
        idle_sec = backend.closes_after_sec()
        each = min(max(2, round(SAMPLES * idle_sec / PATIENCE_SEC)), MAX_HANDLERS)
        modes = [mode for mode in MODES for _ in range(each)]
        askers = []
        for number, mode in enumerate(modes):
            own = directory / str(number)
            own.mkdir()
            askers.append(stack.enter_context(Asker(own, backend, mode)))
        with ThreadPoolExecutor(len(askers)) as pool:
            samples = -(-SAMPLES // each)
            runs = [pool.submit(_ask_at_the_end, each, idle_sec, samples) for each in askers]
        for run in runs:
            run.result()
        for _ in range(STOPS if idle_sec > JITTER_SEC else 0):
            _ask_a_stopped_server(askers, backend, idle_sec)
        for asker in askers[modes.index(POLICY) :]:
            asker.kill()
        pairs = zip(modes, askers, strict=True)
        policies = [reply for mode, asker in pairs if mode == POLICY for reply in asker.replies]
        wrong = [each for asker in askers for each in asker.wrong]
        failed = sum(policies.count(reply) for reply in FAILED)
        answered = policies.count(FOUND[POLICY])
        return Seen(wrong, answered, failed, backend.processed("POST", answered))


@pytest.fixture(scope="module")
def seen(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Future[Seen]]:
    """What became of the requests of each server that is to be tested, all asked at once."""
    module = request.path
    names = {i.callspec.params["name"] for i in request.session.items if i.path == module}
    with ThreadPoolExecutor(len(names)) as pool:
        return {
            name: pool.submit(_examine, name, tmp_path_factory.mktemp("server")) for name in names
        }


def _give_up(name: str, error: MissingError) -> NoReturn:
    package = SERVERS[name].package
    if os.environ.get("CI") == "true":
        command = ["apt-cache", "policy", package]
        known = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        if "Candidate:" in known and "Candidate: (none)" not in known:
            pytest.fail(f"{name}: {error}, although there is a package {package}")
    pytest.skip(f"{name}: {error} (package {package})")


@pytest.mark.parametrize("name", SERVERS)
def test_the_end_of_a_kept_connection(seen, name):
    """No lookup fails, and no policy request is processed twice."""
    try:
        result = seen[name].result()
    except MissingError as error:
        _give_up(name, error)
    assert result.wrong == []
    asked = result.answered + result.failed
    assert asked > SAMPLES
    assert len(set(result.processed)) == len(result.processed)
    assert result.answered <= len(result.processed) <= asked
