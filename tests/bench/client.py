# SPDX-License-Identifier: MIT
"""The host's end of inside/client.py, which asks in the container."""

from __future__ import annotations

import json
import subprocess
from typing import Any, Self

from bench.machine import PROGRAMS
from bench.subjects import SUBJECTS

from harness.container import Container
from harness.process_group import end


class Client:
    """Clients in CONTAINER, a machine of machine.py."""

    def __init__(self, container: Container) -> None:
        pipe = subprocess.PIPE
        command = ["/usr/bin/python3", "-I", f"{PROGRAMS}/client.py"]
        self._process = container.popen(*command, stdin=pipe, stdout=pipe)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        end(self._process)
        for stream in (self._process.stdin, self._process.stdout):
            if stream is not None:
                stream.close()

    def __call__(self, function: str, *arguments: Any) -> Any:
        """What FUNCTION of inside/client.py returns."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps([function, *arguments]).encode() + b"\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        assert line, f"the client ended in {function}; its reason stands on stderr"
        return json.loads(line)


def chosen(*names: str) -> dict[str, dict[str, Any]]:
    """Subjects by name, as the client wants them."""
    return {name: SUBJECTS[name] for name in names}
