# SPDX-License-Identifier: MIT
"""Many cases at the same time: handlers mostly wait, for a backend or for their deadline."""

from __future__ import annotations

import contextlib
import itertools
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from pathlib import Path

from blackbox.backend.faults.lane import Lane
from blackbox.backend.faults.row import COLD, QUICK, SLOW, UNPLUGGED
from blackbox.backend.faults.world import World

LANES = {QUICK: 2, SLOW: 6, COLD: 1, UNPLUGGED: 1}
"""How many handlers of each kind there are at a time, for each mode."""

WAIT_SEC = 60

Work = Callable[[Lane], None]


class Campaign:
    """Threads, each with a lane; a thread takes the next case of its mode and kind."""

    def __init__(self, directory: Path, world: World) -> None:
        self._directory = directory
        self._world = world
        self._queues: dict[tuple[str, str], queue.SimpleQueue] = {}
        self._threads: list[threading.Thread] = []
        self._numbers = itertools.count()
        self._errors: list[BaseException] = []

    def submit(self, mode: str, kind: str, work: Work) -> Future:
        """Have WORK done with a lane of that mode and kind, once the campaign has begun."""
        future: Future = Future()
        self._queues.setdefault((mode, kind), queue.SimpleQueue()).put((future, work))
        return future

    def begin(self) -> None:
        """Start the threads."""
        for (mode, kind), jobs in self._queues.items():
            for _ in range(min(LANES[kind], jobs.qsize())):
                thread = threading.Thread(target=self._work, args=(mode, kind, jobs), daemon=True)
                self._threads.append(thread)
                thread.start()

    def end(self) -> None:
        """Drop what has not begun, and end all lanes."""
        for jobs in self._queues.values():
            with contextlib.suppress(queue.Empty):
                while True:
                    jobs.get_nowait()[0].cancel()
        for thread in self._threads:
            thread.join(WAIT_SEC)
            assert not thread.is_alive(), "a case does not end"
        assert self._errors == []

    def _work(self, mode: str, kind: str, jobs: queue.SimpleQueue) -> None:
        lane: Lane | None = None
        while True:
            try:
                future, work = jobs.get_nowait()
            except queue.Empty:
                break
            try:
                lane = lane or self._lane(mode, kind)
                work(lane)
                if kind == COLD:
                    lane.close()
                    lane = None
            except BaseException as error:  # noqa: BLE001 - the test raises it
                if lane is not None:
                    lane.abandon()
                lane = None
                future.set_exception(error)
            else:
                future.set_result(None)
        try:
            if lane is not None:
                lane.close()
        except BaseException as error:  # noqa: BLE001 - end() raises it
            self._errors.append(error)

    def _lane(self, mode: str, kind: str) -> Lane:
        directory = self._directory / str(next(self._numbers))
        directory.mkdir()
        return Lane(directory, mode, kind, self._world)
