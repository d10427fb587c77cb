# SPDX-License-Identifier: MIT
"""A private Postfix in a temporary directory, and postmap(1).

The instance has its own configuration, queue and data directories, an smtpd on a free port of
loopback that is not chrooted, and delivers all mail to discard(8). It runs in the foreground below
the test process (`postfix start-fg`) and logs to the pipe behind `log`. The host's own Postfix
configuration is neither used nor needed. Only root can run Postfix's master daemon; postmap(1)
runs as anyone.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import smtplib
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from harness.line_log import LineLog
from harness.ports import free_port

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

HOSTNAME = "mail.test.example"
_PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin"
_STOP_SEC = 15

_MASTER_CF = """\
127.0.0.1:{port} inet n - n - - smtpd
cleanup   unix n - n -   0 cleanup
qmgr      unix n - n 300 1 qmgr
rewrite   unix - - n -   - trivial-rewrite
bounce    unix - - n -   0 bounce
defer     unix - - n -   0 bounce
anvil     unix - - n -   1 anvil
proxymap  unix - - n -   - proxymap
discard   unix - - n -   - discard
error     unix - - n -   - error
retry     unix - - n -   - error
postlog   unix-dgram n - n - 1 postlogd
"""

_DEFAULTS = {
    "compatibility_level": "3.6",
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "myhostname": HOSTNAME,
    "mydestination": "",
    "mynetworks": "127.0.0.0/8",
    "alias_maps": "",
    "alias_database": "",
    # No names are looked up: there is nothing but loopback.
    "smtpd_peername_lookup": "no",
    "smtp_dns_support_level": "disabled",
    "default_transport": "discard:",
    "virtual_transport": "discard:",
    # An error reply need not be slowed down.
    "smtpd_error_sleep_time": "0",
}


class PostfixInstance(NamedTuple):
    """A running instance. `directory` can be read by everyone; it is removed at the end."""

    directory: Path
    smtp_port: int
    log: LineLog

    @property
    def queue_directory(self) -> Path:
        """Where daemons resolve relative unix: paths."""
        return self.directory / "queue"


def missing_programs() -> list[str]:
    """The programs a test with Postfix needs that are not installed."""
    needed = ("postmap", "swaks", "systemd-socket-activate")
    return [name for name in needed if shutil.which(name, path=_PATH) is None]


def write_config(directory: Path, parameters: Mapping[str, str]) -> Path:
    """Write a main.cf with PARAMETERS into DIRECTORY, which becomes a configuration directory."""
    directory.mkdir(exist_ok=True)
    lines = [f"{name} = {value}\n" for name, value in parameters.items()]
    (directory / "main.cf").write_text("".join(lines))
    return directory


@contextlib.contextmanager
def postfix_instance(
    parameters: Mapping[str, str], services: Sequence[str] = ()
) -> Iterator[PostfixInstance]:
    """Run a Postfix with PARAMETERS in main.cf and SERVICES as further lines of master.cf."""
    with tempfile.TemporaryDirectory(prefix="postfix-") as name:
        directory = Path(name)
        # Postfix's daemons run as another user.
        directory.chmod(0o755)
        port = free_port()
        _write_instance(directory, port, parameters, services)
        process = subprocess.Popen(
            ["postfix", "-c", str(directory / "etc"), "start-fg"],
            env={"PATH": _PATH, "LC_ALL": "C"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        assert process.stdout is not None
        log = LineLog(process.stdout)
        try:
            log.wait_for("daemon started")
            with smtplib.SMTP("127.0.0.1", port, HOSTNAME, timeout=20) as client:
                client.noop()
            yield PostfixInstance(directory, port, log)
        finally:
            _stop(directory, process, log)


def _write_instance(
    directory: Path, port: int, parameters: Mapping[str, str], services: Sequence[str]
) -> None:
    queue, data = directory / "queue", directory / "data"
    queue.mkdir()
    data.mkdir()
    shutil.chown(data, "postfix")
    places = {
        "queue_directory": str(queue),
        "data_directory": str(data),
        "maillog_file": "/dev/stdout",
    }
    etc = write_config(directory / "etc", {**_DEFAULTS, **places, **parameters})
    master = _MASTER_CF.format(port=port) + "".join(f"{service}\n" for service in services)
    (etc / "master.cf").write_text(master)


def _stop(directory: Path, process: subprocess.Popen[bytes], log: LineLog) -> None:
    """End master, which ends all its daemons and thereby the command that started it."""
    if process.poll() is None:
        master_pid = int((directory / "queue/pid/master.pid").read_text())
        os.kill(master_pid, signal.SIGTERM)
    try:
        process.wait(_STOP_SEC)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    assert log.wait_for_end(_STOP_SEC), "a Postfix daemon is left"


class PostmapResult(NamedTuple):
    """The result of `postmap -q`."""

    status: int
    stdout: bytes
    stderr: str


def postmap(key: str | bytes, table: str, config_dir: Path) -> PostmapResult:
    """Ask TABLE for KEY as Postfix would, with the main.cf in CONFIG_DIR."""
    done = subprocess.run(
        ["postmap", "-c", str(config_dir), "-q", key, table],
        env={"PATH": _PATH, "LC_ALL": "C"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=60,
        check=False,
    )
    return PostmapResult(done.returncode, done.stdout, done.stderr.decode(errors="replace"))
