# SPDX-License-Identifier: MIT
"""The journal of a container: reads its entries, and waits for new ones.

One thing is not read, on a host without the controller `pids` in cgroup v2, such as one with cgroup
v1: systemd 262 and later (`unit_kill_context` in its src/core/unit.c) warn that they cannot read
pids.max of each service that ends. What is said because of the host is not what tests are about.
"""

from __future__ import annotations

import json
import os
import re
import select
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from harness.inotify import Replacements
from harness.process_group import end

if TYPE_CHECKING:
    from harness.container import Container

_SYNC_SEC = 30
_NO_PIDS = re.compile(r"Failed to read pids\.max for control group .*, ignoring: ")

Entry = dict[str, str]
r"""Fields by name. Bytes that are not UTF-8 are \xNN; the last one of a repeated field counts."""


class Journal:
    """Called with matches (`_SYSTEMD_UNIT=x`, `-u`, `x`), it returns the entries that match.

    Whatever was logged before the call is among them: journald is asked to catch up first.
    """

    def __init__(self, container: Container) -> None:
        self._container = container

    def __call__(self, *matches: str, since: str = "") -> list[Entry]:
        """The entries that match, of all boots; only those after the cursor SINCE, if given."""
        self.sync()
        done = self._container.run(*_command(since), *matches)
        return list(filter(self._is_heard, _entries(done.stdout.splitlines(), since)))

    def sync(self) -> None:
        """Return when everything logged before is in the journal.

        Not by `journalctl --sync`: before systemd 254 journald answers that at once. The signal it
        heeds only when there is nothing left to read, and then it replaces this file.
        """
        with Replacements(f"/proc/{self._container.leader}/root/run/systemd/journal") as directory:
            # Not by systemctl, which would leave a line in the journal.
            self._container.run("pkill", "--signal=RTMIN+1", "--exact", "systemd-journal")
            assert directory.wait_for("synced", _SYNC_SEC), "journald does not catch up"

    def cursor(self) -> str:
        """The end of the journal as it is now, for SINCE."""
        self.sync()
        shown = self._container.run("journalctl", "--lines=1", "--quiet", "--show-cursor").stdout
        return shown.rpartition("-- cursor: ")[2].strip()

    def wait_for(
        self,
        *matches: str,
        since: str = "",
        count: int = 1,
        condition: Callable[[Entry], bool] = lambda _entry: True,
        timeout: float = 30,
    ) -> list[Entry]:
        """The first COUNT entries that match and fulfil CONDITION, as soon as they have arrived."""
        deadline = time.monotonic() + timeout
        entries: list[Entry] = []
        command = [*_command(since), "--follow", "--no-tail", *matches]
        with self._container.popen(*command, stdout=subprocess.PIPE) as process:
            try:
                heard = filter(self._is_heard, _entries(_lines(process, deadline), since))
                for entry in filter(condition, heard):
                    entries.append(entry)
                    if len(entries) >= count:
                        return entries
            finally:
                end(process)
        message = f"{len(entries)} of {count} entries within {timeout} s: {matches}, {entries}"
        raise AssertionError(message)

    def forget(self) -> None:
        """Remove all entries, failures of other tests among them."""
        self._container.shell("journalctl --rotate && journalctl --vacuum-size=1 2>&1")

    def _is_heard(self, entry: Entry) -> bool:
        """Whether it is not one that is due to the host."""
        if not _NO_PIDS.search(entry.get("MESSAGE", "")):
            return True
        mounted = Path(f"/proc/{self._container.leader}/root/sys/fs/cgroup/cgroup.controllers")
        return "pids" in mounted.read_text(encoding="ascii").split()

    def text(self, since: float) -> str:
        """For people: the end of what was logged since the time SINCE, in seconds."""
        self.sync()
        command = ["journalctl", "--no-pager", "--quiet", "--output=short-precise", "--lines=500"]
        return self._container.run(*command, f"--since=@{since:.6f}").stdout


def _command(since: str) -> list[str]:
    command = ["journalctl", "--no-pager", "--quiet", "--all", "--output=json"]
    # Not --after-cursor: systemd 252 also skips the first match then, if that is not the cursor's.
    return [*command, f"--cursor={since}"] if since else command


def _lines(process: subprocess.Popen[bytes], deadline: float) -> Iterator[str]:
    """Yield the lines of stdout until its end or the DEADLINE."""
    assert process.stdout is not None
    descriptor = process.stdout.fileno()
    buffer = b""
    while (left := deadline - time.monotonic()) > 0:
        if not select.select([descriptor], [], [], left)[0]:
            return
        data = os.read(descriptor, 65536)
        if not data:
            return
        *lines, buffer = (buffer + data).split(b"\n")
        yield from (line.decode() for line in lines)


def _entries(lines: Iterable[str], since: str) -> Iterator[Entry]:
    for line in lines:
        entry = {name: _field(value) for name, value in json.loads(line).items()}
        if entry["__CURSOR"] != since:
            yield entry


def _field(value: Any) -> str:
    """One value of `journalctl -o json`: a list of bytes, or of values, is not a string there."""
    if isinstance(value, list) and value and isinstance(value[0], int):
        return bytes(value).decode(errors="backslashreplace")
    if isinstance(value, list):
        return _field(value[-1]) if value else ""
    return "" if value is None else str(value)
