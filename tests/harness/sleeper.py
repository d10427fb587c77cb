# SPDX-License-Identifier: MIT
"""How late the machine lets a process of a container go on that only sleeps.

What is to happen within milliseconds happens later on a machine that is busy with something else.
So a test that demands it compares with this, for the same time.
"""

from __future__ import annotations

import subprocess
import threading
from typing import TYPE_CHECKING, NamedTuple, Self

from harness.process_group import end

if TYPE_CHECKING:
    from harness.container import Container

_WAIT_SEC = 30
_PROGRAM = """
import time
while True:
    began = time.monotonic()
    time.sleep(0.005)
    now = time.monotonic()
    if now - began > 0.01:
        print(began, now, flush=True)
"""


class Stall(NamedTuple):
    """From when to when the sleeper did not get on; by CLOCK_MONOTONIC."""

    begin: float
    end: float


class Sleeper:
    """A process that sleeps in CONTAINER, from entering to leaving the context."""

    def __init__(self, container: Container) -> None:
        self._stalls: list[Stall] = []
        self._container = container

    def __enter__(self) -> Self:
        program = ["/usr/bin/python3", "-I", "-c", _PROGRAM]
        self._process = self._container.popen(*program, stdout=subprocess.PIPE)
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        end(self._process)
        self._reader.join(_WAIT_SEC)

    def longest_sec(self, begin: float, end: float) -> float:
        """The longest stall between two moments; 0 if there was none worth mentioning."""
        met = [each for each in self._stalls if each.begin < end and begin < each.end]
        return max((each.end - each.begin for each in met), default=0.0)

    def _read(self) -> None:
        assert self._process.stdout is not None
        with self._process.stdout as stream:
            for line in stream:
                self._stalls.append(Stall(*map(float, line.split())))
