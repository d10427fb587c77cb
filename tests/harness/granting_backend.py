# SPDX-License-Identifier: MIT
"""A backend on a container's loopback that permits to store its answers, and notes each of them.

It fails in all ways there are. What it granted goes into the `Facts` of the model (permitted.py),
and when it failed.
"""

from __future__ import annotations

import contextlib
import json
import os
import queue
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from harness.container_backend import FREEZE
from harness.permitted import Facts, Grant, Interval, Question
from harness.process_group import end

if TYPE_CHECKING:
    from harness.container import Container

FAILURES = ("killed", "frozen", "status", "half", "junk")

_PROGRAM = Path(__file__).with_name("granting_backend_program.py")
_WAIT_SEC = 30


class GrantingBackend:
    """A backend that runs; use it as a context manager."""

    def __init__(self, container: Container, facts: Facts) -> None:
        self.port = 0
        self._container = container
        self._facts = facts
        self._pid = 0
        self._said: queue.Queue[str] = queue.Queue()
        self._begun = 0.0
        self._how = ""
        self._start()

    def url(self, endpoint: str) -> str:
        """The target for an endpoint."""
        return f"http://127.0.0.1:{self.port}/{endpoint}"

    def fail(self, how: str) -> None:
        """Fail in one of the FAILURES from now on, until `mend`."""
        self._begun, self._how = time.monotonic(), how
        if how == "killed":
            self._end()
        elif how == "frozen":
            self._container.shell(FREEZE, str(self._pid))
        else:
            self._tell(how)

    def mend(self) -> None:
        """Be well again."""
        how, self._how = self._how, ""
        if how == "killed":
            self._start()
        elif how == "frozen":
            os.killpg(self._process.pid, signal.SIGCONT)
            self._tell("well")
        elif how:
            self._tell("well")
        if how:
            self._facts.failing.append(Interval(self._begun, time.monotonic()))

    @contextlib.contextmanager
    def slow(self) -> Iterator[None]:
        """Let answers be under way for a long time. It must be well."""
        assert not self._how, f"it fails: {self._how}"
        self._tell("slow")
        yield
        self._tell("well")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self._end()

    def _start(self) -> None:
        program = ["/usr/bin/python3", "-I", "-c", _PROGRAM.read_text(encoding="utf-8")]
        pipe = subprocess.PIPE
        self._process = self._container.popen(*program, str(self.port), stdin=pipe, stdout=pipe)
        assert self._process.stdout is not None
        begun = json.loads(self._process.stdout.readline() or '{"port": 0, "pid": 0}')
        self.port, self._pid = begun["port"], begun["pid"]
        assert self.port, "the backend does not start; its reason stands on stderr"
        self._reader = threading.Thread(target=self._read, args=(self._process.stdout,))
        self._reader.start()

    def _end(self) -> None:
        end(self._process)
        self._reader.join(_WAIT_SEC)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                with contextlib.suppress(BrokenPipeError):
                    stream.close()

    def _tell(self, word: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()
        assert self._said.get(timeout=_WAIT_SEC) == word

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            message = json.loads(line)
            if isinstance(message, str):
                self._said.put(message)
            else:
                self._facts.grants.append(_grant(*message))


def _grant(
    when: float, endpoint: str, map_name: str, key: str, token: str, value: str | None
) -> Grant:
    _, max_age, stale, _ = key.split("-")
    permitted = (0.0, 0.0) if max_age == "no" else (float(max_age), float(stale))
    return Grant(Question(endpoint, map_name, key), token, value, when, *permitted)
