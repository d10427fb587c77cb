# SPDX-License-Identifier: MIT
"""A real systemd-journald of our own, without PID 1, for the handlers that are started beside it.

It runs in a private mount namespace in which /run/systemd and /run/log are empty tmpfses, so it
neither sees nor disturbs a journal of the machine; it leaves kernel messages and audit alone. It
says over NOTIFY_SOCKET when it is ready. Handlers join its namespace by the command prefix
`Journald.prefix`; `entries()` reads what arrived with journalctl, after `journalctl --sync`, which
returns when everything sent before is in the journal file.

Needs root, unshare, nsenter, journald and systemd-python; where one of them is missing, `start()`
skips the test with the reason.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.process_group import stop

JOURNALD = "/lib/systemd/systemd-journald"
WAIT_SEC = 20.0

_SCRIPT = """
set -e
mount -t tmpfs tmpfs /run/systemd
mkdir -p /run/systemd/journal /run/systemd/journald.conf.d /run/log
cp "$1" /run/systemd/journald.conf.d/50-test.conf
mount -t tmpfs tmpfs /run/log
exec "$2"
"""

_SETTINGS = """[Journal]
Storage=volatile
ReadKMsg=no
Audit=
RateLimitIntervalSec=0
ForwardToSyslog=no
ForwardToWall=no
"""


class Journald:
    """A running journald."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.prefix = ["nsenter", f"--mount=/proc/{process.pid}/ns/mnt", "--"]

    def _journalctl(self, *arguments: str) -> bytes:
        result = subprocess.run(
            [*self.prefix, "journalctl", *arguments],
            capture_output=True,
            timeout=WAIT_SEC,
            check=False,
        )
        assert result.returncode == 0, result.stderr
        return result.stdout

    def entries(self) -> list[dict[str, Any]]:
        """Every entry that handlers have sent so far, oldest first."""
        self._journalctl("--sync")
        output = self._journalctl(
            "--directory=/run/log/journal",
            "--output=json",
            "--all",
            "--no-pager",
            "SYSLOG_IDENTIFIER=postfix-rest-inetd",
        )
        return [json.loads(line) for line in output.splitlines()]

    def raw(self) -> bytes:
        """The journal in the export format: every field as bytes, nothing left out or shortened."""
        self._journalctl("--sync")
        return self._journalctl("--directory=/run/log/journal", "--output=export", "--no-pager")

    def forget(self) -> None:
        """Remove all entries that have arrived so far, as journald does when it needs room."""
        self._journalctl("--rotate")
        self._journalctl("--directory=/run/log/journal", "--vacuum-files=1")

    @contextlib.contextmanager
    def frozen(self) -> Iterator[None]:
        """For as long, journald does nothing (SIGSTOP), as when it waits for its disk."""
        stop(self._process)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    def stop(self) -> None:
        """End journald."""
        self._process.terminate()
        try:
            self._process.wait(WAIT_SEC)
        finally:
            if self._process.poll() is None:
                self._process.kill()
                self._process.wait(WAIT_SEC)


def _check_possible() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can run a journald of its own")
    for program in (JOURNALD, "unshare", "nsenter", "journalctl"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not installed")
    try:
        importlib.import_module("systemd._journal")
    except ImportError as error:
        pytest.skip(f"systemd-python is not installed: {error}")
    machine_id = Path("/etc/machine-id")
    if not machine_id.exists() or not machine_id.read_bytes().strip():
        pytest.skip("this machine has no machine id, without which journald does not start")
    probe = subprocess.run(
        ["unshare", "--mount", "mount", "-t", "tmpfs", "tmpfs", "/run/systemd"],
        capture_output=True,
        check=False,
    )
    if probe.returncode:
        pytest.skip(f"no private mount namespace here: {probe.stderr.decode().strip()}")


@contextlib.contextmanager
def start(directory: Path) -> Iterator[Journald]:
    """A journald that is ready; DIRECTORY is for its configuration and its ready message."""
    _check_possible()
    settings = directory / "journald.conf"
    settings.write_text(_SETTINGS, encoding="ascii")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as ready:
        ready.bind(str(directory / "notify"))
        ready.settimeout(WAIT_SEC)
        process = subprocess.Popen(
            ["unshare", "--mount", "sh", "-c", _SCRIPT, "sh", str(settings), JOURNALD],
            env={"PATH": os.environ["PATH"], "NOTIFY_SOCKET": str(directory / "notify")},
            stdin=subprocess.DEVNULL,
        )
        journald = Journald(process)
        try:
            while b"READY=1" not in ready.recv(4096).split(b"\n"):
                pass
            yield journald
        finally:
            journald.stop()
