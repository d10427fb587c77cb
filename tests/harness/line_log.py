# SPDX-License-Identifier: MIT
"""Collects the lines that another process writes into a pipe, and waits for them."""

from __future__ import annotations

import threading
import time
from typing import IO


class LineLog:
    """Collects the lines of STREAM in a thread until its end; closes it then.

    `wait_for` returns as soon as a line arrives, so that no test has to sleep and hope.
    """

    def __init__(self, stream: IO[bytes]) -> None:
        self._stream = stream
        self._lines: list[str] = []
        self._ended = False
        self._changed = threading.Condition()
        self._thread = threading.Thread(target=self._collect, name="line log", daemon=True)
        self._thread.start()

    def _collect(self) -> None:
        with self._stream:
            for line in self._stream:
                with self._changed:
                    self._lines.append(line.decode(errors="backslashreplace").rstrip("\n"))
                    self._changed.notify_all()
        with self._changed:
            self._ended = True
            self._changed.notify_all()

    def lines(self) -> list[str]:
        """The lines so far."""
        with self._changed:
            return list(self._lines)

    def wait_for(self, text: str, *, timeout_sec: float = 20, since: int = 0) -> str:
        """The first line at or after index SINCE that contains TEXT; fails if none comes."""
        deadline = time.monotonic() + timeout_sec
        with self._changed:
            while True:
                for line in self._lines[since:]:
                    if text in line:
                        return line
                left = deadline - time.monotonic()
                if self._ended or left <= 0:
                    why = "the log ended" if self._ended else f"waited {timeout_sec} s"
                    seen = "\n  ".join(self._lines)
                    message = f"no line with {text!r} ({why}); the log:\n  {seen}"
                    raise AssertionError(message)
                self._changed.wait(left)

    def wait_for_end(self, timeout_sec: float) -> bool:
        """Whether every process that had the stream open closed it in time."""
        self._thread.join(timeout_sec)
        return not self._thread.is_alive()
