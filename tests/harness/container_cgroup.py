# SPDX-License-Identifier: MIT
"""The cgroup that everything of one container runs in, by file descriptors.

They are opened through a process that sees the cgroup v2 hierarchy at /sys/fs/cgroup; this process
itself need not see it anywhere.
"""

from __future__ import annotations

import contextlib
import os
import select
import time
from pathlib import Path

_WAIT_SEC = 30
_MOUNTED_AT = "/sys/fs/cgroup"


class Cgroup:
    """A new cgroup NAME below this process's own, made through the process PID."""

    def __init__(self, name: str, pid: int) -> None:
        self._name = name
        parent = _own_cgroup()
        self.path = f"{_MOUNTED_AT}{parent}/{name}"
        """Where it is for those who see the hierarchy."""
        seen_by = f"/proc/{pid}/root{_MOUNTED_AT}{parent}"
        self._parent = os.open(seen_by, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.mkdir(name, dir_fd=self._parent)
            self._directory = os.open(name, os.O_RDONLY | os.O_DIRECTORY, dir_fd=self._parent)
        except BaseException:
            os.close(self._parent)
            raise

    def _open(self, name: str, flags: int) -> int:
        return os.open(name, flags | os.O_CLOEXEC, dir_fd=self._directory)

    def kill(self, below: str = ".") -> None:
        """Kill all processes in it, or in the cgroup BELOW it if that exists."""
        with (
            contextlib.suppress(FileNotFoundError),
            os.fdopen(self._open(f"{below}/cgroup.kill", os.O_WRONLY), "w") as file,
        ):
            file.write("1")

    def wait_until_empty(self) -> None:
        """Return when no process is left; the kernel reports that."""
        deadline = time.monotonic() + _WAIT_SEC
        with os.fdopen(self._open("cgroup.events", os.O_RDONLY)) as file:
            events = select.poll()
            events.register(file, select.POLLPRI)
            while "populated 1" in file.read():
                left = deadline - time.monotonic()
                if left <= 0:
                    message = f"processes of {self.path} do not end"
                    raise TimeoutError(message)
                events.poll(left * 1000)
                file.seek(0)

    def clear(self) -> None:
        """Remove the cgroups that a container left below it."""
        self.wait_until_empty()
        for _path, names, _files, directory in os.fwalk(".", topdown=False, dir_fd=self._directory):
            for name in names:
                os.rmdir(name, dir_fd=directory)

    def close(self) -> None:
        """Remove it; nothing may run in it any more."""
        with contextlib.ExitStack() as stack:
            stack.callback(os.close, self._parent)
            stack.callback(os.rmdir, self._name, dir_fd=self._parent)
            stack.callback(os.close, self._directory)
            self.clear()


def _own_cgroup() -> str:
    """The path of this process in the cgroup v2 hierarchy; empty for its root."""
    for line in Path("/proc/self/cgroup").read_text(encoding="utf-8").splitlines():
        if line.startswith("0::"):
            return line[3:].rstrip("/")
    return ""
