# SPDX-License-Identifier: MIT
"""A machine with a real systemd: a Debian booted by systemd-nspawn, controlled by the test.

A `Container` boots a fresh copy of a root file system made by tests/integration/build_container;
`close()` (it is a context manager) ends it and leaves nothing behind. Only the kernel is shared
with the host: loopback is the only network, and everything that a test writes is in memory.

Commands run inside, as root, in a neutral environment. Paths are the container's; they are always
resolved by a process inside, because a symbolic link that the host followed would end on the host.
Every wait ends with an event or, after a bound, with an exception that shows what was said.
"""

from __future__ import annotations

import contextlib
import io
import os
import shutil
import socket
import subprocess
import tarfile
import time
import uuid
from pathlib import Path
from typing import Any, Self

from harness.container_backend import Backend, Route
from harness.container_disk import Disk
from harness.container_journal import Journal
from harness.line_log import LineLog
from harness.process_group import end

BOOT_SEC = 90
"""A boot takes a few seconds; on a machine busy with something else, several times that."""

RUN_SEC = 60

ENVIRONMENT = {
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "TERM": "dumb",
}

RUNNING: list[Container] = []
"""The containers of this process; when a test fails, their journals are shown."""

_NSPAWN = [
    *("systemd-nspawn", "--quiet", "--boot", "--register=no", "--keep-unit", "--settings=no"),
    *("--private-network", "--resolv-conf=off", "--timezone=off", "--link-journal=no"),
    *("--console=read-only", "--notify-ready=yes"),
]
# If this process is killed, nspawn is told to power the container off.
_WITH_US = ["setpriv", "--pdeathsig", "TERM"]
_AS_USER = 'exec setpriv --reuid="$0" --regid="$(id -g "$0")" --init-groups -- "$@"'
_PROGRAMS = ("mount", "nsenter", "setpriv", "systemd-nspawn", "unshare")


class CommandError(AssertionError):
    """A command in a container failed, or did not end in time."""


class Container:
    """A booted container; OPTIONS are more options for systemd-nspawn."""

    def __init__(self, root: Path, name: str = "", options: tuple[str, ...] = ()) -> None:
        self.name = name or root.name
        self.leader = 0
        """The pid, on the host, of the container's PID 1; 0 while it is off."""
        self.console: LineLog | None = None
        """What the boot said on the console."""
        self.journal = Journal(self)
        self._options = [f"--uuid={uuid.uuid4()}", "--machine=container", *options]
        self._nspawn: subprocess.Popen[bytes] | None = None
        self._disk = Disk(root)
        RUNNING.append(self)
        try:
            self.boot()
        except BaseException:
            self.close()
            raise

    # -- power

    def boot(self) -> None:
        """Boot, and return when everything that starts at boot has started."""
        assert self._nspawn is None, f"{self.name} is on already"
        deadline = time.monotonic() + BOOT_SEC
        address = self._disk.directory / "notify"
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as notifications:
            notifications.bind(str(address))
            try:
                self._nspawn = self._start_nspawn(address)
                self._await_ready(notifications, deadline)
            finally:
                address.unlink()
        state = self.run("systemctl", "is-system-running", "--wait", timeout=BOOT_SEC, check=False)
        if state.stdout != "running\n":
            failed = self.run("systemctl", "--failed", "--no-legend", check=False).stdout
            raise CommandError(f"{self.name} is {state.stdout.strip()}, not running:\n{failed}")

    def _start_nspawn(self, address: Path) -> subprocess.Popen[bytes]:
        command = [*_WITH_US, *_NSPAWN, *self._options, f"--directory={self._disk.root}"]
        process = subprocess.Popen(
            self._disk.command(*command),
            pass_fds=self._disk.pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env={**ENVIRONMENT, "NOTIFY_SOCKET": str(address)},
            # Ctrl-C in pytest's terminal is pytest's business.
            start_new_session=True,
        )
        assert process.stdout is not None
        self.console = LineLog(process.stdout)
        return process

    def _await_ready(self, notifications: socket.socket, deadline: float) -> None:
        """Learn from nspawn's messages which process is the leader, and when it is ready."""
        # nspawn may also end without a word: look at it now and then.
        notifications.settimeout(0.5)
        while time.monotonic() < deadline:
            with contextlib.suppress(TimeoutError):
                for line in notifications.recv(4096).decode().splitlines():
                    key, _, value = line.partition("=")
                    if key == "X_NSPAWN_LEADER_PID":
                        self.leader = int(value)
                    elif line == "READY=1" and self.leader:
                        return
            if self._nspawn is None or self._nspawn.poll() is not None:
                break
        said = "\n  ".join(self.console.lines() if self.console else [])
        raise CommandError(f"{self.name} did not boot; the console:\n  {said}")

    def reboot(self) -> None:
        """Reboot as an operator does; files and the journal stay, /run and processes do not."""
        self._shut_down("reboot")
        self.boot()

    def poweroff(self) -> None:
        """Shut down in order; `boot()` boots again."""
        self._shut_down("poweroff")

    def _shut_down(self, verb: str) -> None:
        assert self._nspawn is not None, f"{self.name} is off already"
        # The command itself may be among what is killed.
        self.run("systemctl", verb, check=False)
        try:
            self._nspawn.wait(BOOT_SEC)
        except subprocess.TimeoutExpired:
            said = "\n  ".join(self.console.lines() if self.console else [])
            raise CommandError(f"{self.name}: {verb} does not end; console:\n  {said}") from None
        self._is_off()

    def crash(self) -> None:
        """Power off without a shutdown, as if the plug were pulled."""
        if self._nspawn is not None:
            # nspawn itself last: when it is there it sees to its dead, and unmounts.
            self._disk.cgroup.kill("payload")
            with contextlib.suppress(subprocess.TimeoutExpired):
                self._nspawn.wait(BOOT_SEC if self.leader else 0)
            self._disk.cgroup.kill()
            self._nspawn.wait(BOOT_SEC)
            self._is_off()

    def _is_off(self) -> None:
        self.leader = 0
        self._nspawn = None
        if self.console is not None:
            self.console.wait_for_end(BOOT_SEC)
        self._disk.cgroup.clear()

    def close(self) -> None:
        """Kill the container, and release everything."""
        if self in RUNNING:
            RUNNING.remove(self)
            try:
                self.crash()
            finally:
                self._disk.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.close()

    # -- commands

    def command(self, *argv: str, user: str | None = None) -> list[str]:
        """The command on the host that runs ARGV inside."""
        assert self.leader, f"{self.name} is off"
        enter = ["nsenter", f"--target={self.leader}", "--mount", "--pid", "--net", "--uts"]
        enter += ["--ipc", "--cgroup", "--wd", "--"]
        as_user = [] if user is None else ["sh", "-euc", _AS_USER, user]
        return [*enter, *as_user, *argv]

    def popen(self, *argv: str, user: str | None = None, **options: Any) -> subprocess.Popen[bytes]:
        """Start ARGV inside; the caller ends it (process_group), or it ends with the container."""
        options = {"stdin": subprocess.DEVNULL, "env": ENVIRONMENT, **options}
        # A group of its own, so that nsenter and what it runs can be ended together.
        return subprocess.Popen(self.command(*argv, user=user), start_new_session=True, **options)

    def run(
        self,
        *argv: str,
        input: str | bytes | None = None,  # noqa: A002 - subprocess.run's word
        timeout: float = RUN_SEC,
        check: bool = True,
        user: str | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run ARGV inside to its end; with CHECK, fail if it fails."""
        data = input.encode() if isinstance(input, str) else input
        pipe = subprocess.PIPE
        with self.popen(
            *argv,
            user=user,
            stdin=subprocess.DEVNULL if data is None else pipe,
            stdout=pipe,
            stderr=pipe,
        ) as process:
            try:
                output, errors = process.communicate(data, timeout)
                why = f"exit status {process.returncode}"
            except subprocess.TimeoutExpired:
                end(process)
                output, errors = process.communicate()
                why = f"did not end within {timeout} s"
                check = True
        done = subprocess.CompletedProcess(
            list(argv),
            process.returncode,
            output.decode(errors="backslashreplace"),
            errors.decode(errors="backslashreplace"),
        )
        if check and (why != "exit status 0"):
            text = f"{self.name}: {argv}: {why}\n{done.stdout}{done.stderr}"
            raise CommandError(text)
        return done

    def shell(self, program: str, *arguments: str, **options: Any) -> str:
        """What PROGRAM, a text for `sh -eu`, prints; $1 and so on are ARGUMENTS."""
        return self.run("sh", "-euc", program, "sh", *arguments, **options).stdout

    # -- files

    def write(
        self, path: str, content: str | bytes, mode: int = 0o644, owner: str = "root:root"
    ) -> None:
        """Make PATH a file with CONTENT, atomically; missing directories are made."""
        program = """
            directory=$(dirname "$1") && mkdir -p "$directory"
            new=$(mktemp "$directory/.new.XXXXXX")
            cat >"$new" && chown "$3" "$new" && chmod "$2" "$new" && mv "$new" "$1"
        """
        self.shell(program, path, f"{mode:o}", owner, input=content)

    def read(self, path: str) -> str:
        """The content of the file PATH."""
        return self.run("cat", "--", path).stdout

    def copy_in(self, source: Path, destination: str) -> None:
        """Copy the file or directory SOURCE of the host; root owns the copy."""

        def neutral(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
            member.uid = member.gid = 0
            member.uname = member.gname = "root"
            return None if "__pycache__" in member.name else member

        archive = io.BytesIO()
        with tarfile.open(fileobj=archive, mode="w") as tar:
            tar.add(source, Path(destination).name, filter=neutral)
        program = 'mkdir -p "$1" && tar -C "$1" -xpf -'
        self.shell(program, str(Path(destination).parent), input=archive.getvalue())

    # -- the product, and what it asks

    def install(self, checkout: Path) -> None:
        """Install the product from CHECKOUT, as its package would."""
        script = "packaging/install"
        for part in ("postfix_rest_inetd", "systemd", "packaging/reload", script):
            if (checkout / part).exists():
                self.copy_in(checkout / part, f"/run/checkout/{part}")
        self.run("bash", f"/run/checkout/{script}", "/")
        self.run("rm", "-r", "/run/checkout")

    def backend(self, routes: dict[str, Route] | None = None) -> Backend:
        """A REST backend on the container's loopback, running (see container_backend)."""
        return Backend(self, routes or {})

    def keep_state(self) -> None:
        """Remember the present configuration for `reset()`."""
        self.shell(_KEEP)

    def reset(self) -> None:
        """Bring a used container back to `keep_state()`: configuration, units, mail queue, cache.

        Users, packages and the journal stay as they are; a test that changes these, or more, wants
        a container of its own.
        """
        if not self.leader:
            self.boot()
        self.shell(_RESET)


_STATE = """
directories="/etc/postfix /etc/postfix-rest-inetd /etc/systemd/system /run/systemd/system"
kept=/var/lib/kept-by-tests
"""

_KEEP = f"""{_STATE}
rm -rf "$kept"
for directory in $directories; do
    mkdir -p "$kept$directory" "$directory"
    cp -aT "$directory" "$kept$directory"
done
"""

_RESET = f"""{_STATE}
systemctl stop --quiet 'postfix-rest-*.socket' 'postfix-rest-*.service'
postfix_changed=no
diff -r /etc/postfix "$kept/etc/postfix" >/dev/null || postfix_changed=yes
for directory in $directories; do
    find "$directory" -mindepth 1 -delete
    cp -aT "$kept$directory" "$directory"
done
systemctl daemon-reload
systemctl reset-failed
postsuper -d ALL 2>/dev/null
find /var/mail /var/spool/mail -type f -delete
# A later test may have a backend at the same port.
cache=/var/cache/postfix-rest-inetd
! [ -d $cache ] || find $cache -mindepth 1 -delete
if [ "$postfix_changed" = yes ] || ! postfix status 2>/dev/null; then
    systemctl restart postfix
fi
"""


def why_impossible() -> str:
    """Why this machine cannot run containers; empty when it can."""
    if os.geteuid() != 0:
        return "containers need root"
    missing = [program for program in _PROGRAMS if shutil.which(program) is None]
    if missing:
        return f"containers need {', '.join(missing)}"
    attempt = "mount -t tmpfs t /mnt && mkdir /mnt/a /mnt/b /mnt/c && mount -t cgroup2 c /mnt/a"
    attempt += " && mount -t overlay -o lowerdir=/etc,upperdir=/mnt/b,workdir=/mnt/c o /mnt/a"
    done = subprocess.run(
        ["unshare", "--mount", "--propagation", "private", "sh", "-euc", attempt],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=RUN_SEC,
        check=False,
    )
    return done.stderr.decode(errors="replace").strip() if done.returncode else ""
