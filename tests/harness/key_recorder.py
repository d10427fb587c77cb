# SPDX-License-Identifier: MIT
"""Records the lookups of Postfix in a container: which program, which map, which key.

The tables are in a process inside (key_recorder_program.py), because only there can it be told who
asks, and because Postfix's chrooted daemons find its unix socket in their queue directory.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from harness.process_group import end

if TYPE_CHECKING:
    from harness.container import Container

WAIT_SEC = 30
SOCKET = "recorder"
LOGIN_SOCKET = f"{SOCKET}.login"
_QUEUE_DIRECTORY = "/var/spool/postfix"
_PROGRAM = Path(__file__).with_name("key_recorder_program.py")

Asked = dict[str, dict[str, list[str]]]
"""By map and program: the different keys, in the order of the first questions."""


class KeyRecorder:
    """Tables that run in a container; `tables` says, by map and key, what is found.

    A value has no blanks and no line breaks; None is a temporary error.
    """

    def __init__(
        self, container: Container, tables: Mapping[str, Mapping[str, str | None]]
    ) -> None:
        self.maps = tuple(tables)
        self._asked: list[tuple[str, str, str]] = []
        self._is_read = threading.Event()
        path = f"{_QUEUE_DIRECTORY}/{SOCKET}"
        container.run("rm", "-f", path, f"{path}.login")
        program = ["/usr/bin/python3", "-I", "-c", _PROGRAM.read_text(encoding="utf-8"), path]
        pipe = subprocess.PIPE
        self._process = container.popen(*program, stdin=pipe, stdout=pipe, stderr=None)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(tables).encode() + b"\n")
        self._process.stdin.flush()
        self._ports = json.loads(self._process.stdout.readline() or '{"ports": {}}')["ports"]
        assert self._ports, "the tables do not start; their reason stands on stderr"
        self._reader = threading.Thread(
            target=self._read, args=(self._process.stdout,), daemon=True
        )
        self._reader.start()

    def table(self, way: str, name: str) -> str:
        """Postfix's name for a map, `tcp` or `socketmap` being the way to ask."""
        if way == "tcp":
            return f"tcp:127.0.0.1:{self._ports[name]}"
        return f"socketmap:unix:{SOCKET}:{name}"

    def take(self) -> Asked:
        """The lookups since the last call: all that have been answered."""
        assert self._process.stdin is not None
        self._is_read.clear()
        self._process.stdin.write(b"\n")
        self._process.stdin.flush()
        assert self._is_read.wait(WAIT_SEC), "the tables do not say what they were asked"
        taken = self._asked
        self._asked = []
        found: Asked = {}
        for program, name, key in taken:
            keys = found.setdefault(name, {}).setdefault(program, [])
            if key not in keys:
                keys.append(key)
        return found

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            asked = json.loads(line)
            if asked is None:
                self._is_read.set()
            else:
                self._asked.append(tuple(asked))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        end(self._process)
        self._reader.join(WAIT_SEC)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()
