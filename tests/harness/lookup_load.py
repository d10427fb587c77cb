# SPDX-License-Identifier: MIT
"""Lookups without a pause, in three ways, while something else is going on.

    with Load(container, "key", "value", 9001, 9002) as load:
        ...
        load.go_on()
    assert load.failures == []

One client keeps its connection. Some make a new connection for each lookup and, other than Postfix,
never try twice. And postmap(1) asks as Postfix does, by tcp: and by socketmap:, each time in a
new process. A failure is a wrong answer, an error, and a word of postmap's on standard error.
"""

from __future__ import annotations

import contextlib
import subprocess
import threading
import time
from collections.abc import Callable
from typing import Self

from integration.product import connect, read_line

from harness.container import Container
from harness.process_group import end

WAIT_SEC = 60
_WAYS = 3
_FRESH = 3
"""So many clients with a new connection each time: the more, the less can happen between them."""
_MORE = 3
"""So many lookups of each way count as going on."""

_POSTMAP_TABLES = ("tcp", "socketmap")
_POSTMAP = """
while read -r _; do
    for table in "tcp:127.0.0.1:$2" "socketmap:inet:127.0.0.1:$3:domains"; do
        said=$(postmap -q "$1" "$table" 2>&1)
        printf '%s %s\n' "$?" "$(printf %s "$said" | tr '\n' ' ')"
    done
done
"""


class Load:
    """Asks for KEY, to which VALUE is the answer, from entering to leaving the context."""

    def __init__(
        self, container: Container, key: str, value: str, tcp: int, socketmap: int
    ) -> None:
        self.failures: list[str] = []
        """What went wrong, and in which way of asking."""
        self.lookups_meanwhile = 0
        """How many lookups the least busy client had in hand until `go_on`, answered or not.

        While a package is being replaced, handlers make first requests wait.
        """
        self.answered_meanwhile = 0
        """How many lookups were answered on the connection that is kept, which never waits."""
        self._container = container
        self._request = f"get {key}\n".encode()
        self._reply = f"200 {value.replace(' ', '%20')}\n".encode()
        self._expected = f"0 {value}\n".encode()
        self._tcp = tcp
        self._postmap = ["sh", "-uc", _POSTMAP, "sh", key, str(tcp), str(socketmap)]
        self._ended = False
        self._changed = threading.Condition()
        self._counts: dict[str, int] = {}
        self._begun: dict[str, int] = {}
        self._answered_before = 0
        self._threads = [
            threading.Thread(target=self._run, args=(way,))
            for way in (self._held, *[self._fresh] * _FRESH, self._postmaps)
        ]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        try:
            self._wait_for_more()
        except BaseException:
            self.__exit__()
            raise
        with self._changed:
            # Those that are under way count.
            self._begun = {name: self._begun[name] - n for name, n in self._counts.items()}
            self._answered_before = self._counts["held"]
        return self

    def go_on(self) -> None:
        """Return when each client has made some more lookups."""
        with self._changed:
            self.lookups_meanwhile = min(self._begun.values())
            self.answered_meanwhile = self._counts["held"] - self._answered_before
        self._wait_for_more()

    def _wait_for_more(self) -> None:
        with self._changed:
            goals = {name: count + _MORE for name, count in self._counts.items()}

            def reached() -> bool:
                return bool(self.failures) or (
                    len(self._counts) == _WAYS
                    and all(n >= goals.get(name, _MORE) for name, n in self._counts.items())
                )

            assert self._changed.wait_for(reached, WAIT_SEC), self._counts

    def __exit__(self, *_exception: object) -> None:
        self._ended = True
        for thread in self._threads:
            thread.join(WAIT_SEC)

    def _run(self, way: Callable[[], None]) -> None:
        try:
            way()
        except (OSError, AssertionError) as error:
            self._fail(f"{way.__name__}: {error!r}")

    def _fail(self, text: str) -> None:
        with self._changed:
            self.failures.append(f"{time.strftime('%T')} {text}")
            self._changed.notify_all()

    def _begin(self, name: str, lookups: int = 1) -> None:
        with self._changed:
            self._begun[name] = self._begun.get(name, 0) + lookups

    def _count(self, name: str, expected: bytes, answer: bytes) -> None:
        if answer != expected:
            self._fail(f"{name}: {answer!r}")
        with self._changed:
            self._counts[name] = self._counts.get(name, 0) + 1
            self._changed.notify_all()

    def _held(self) -> None:
        with connect(self._container, self._tcp) as connection:
            while not self._ended:
                self._begin("held")
                connection.sendall(self._request)
                self._count("held", self._reply, read_line(connection))

    def _fresh(self) -> None:
        while not self._ended:
            self._begin("fresh")
            with connect(self._container, self._tcp) as connection:
                connection.sendall(self._request)
                self._count("fresh", self._reply, read_line(connection))

    def _postmaps(self) -> None:
        pipe = subprocess.PIPE
        with self._container.popen(*self._postmap, stdin=pipe, stdout=pipe) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            try:
                while not self._ended:
                    self._begin("postmap", len(_POSTMAP_TABLES))
                    process.stdin.write(b"\n")
                    process.stdin.flush()
                    for _table in _POSTMAP_TABLES:
                        self._count("postmap", self._expected, process.stdout.readline())
            finally:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.close()
                end(process)
