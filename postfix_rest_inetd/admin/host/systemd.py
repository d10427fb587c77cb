# SPDX-License-Identifier: MIT
"""What systemd says about the socket units of postfix-rest-inetd; handler_units is about handlers.

`systemctl` and `journalctl` answer every user. They are not asked about a socket that has no
address yet: systemd would have to load it, and would complain in the journal.
"""

from __future__ import annotations

import glob
import os
import re
import shutil
import stat
import subprocess
from typing import NamedTuple

from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.model import MODES
from postfix_rest_inetd.units.names import unit_of

KINDS = tuple(unit_of(mode) for mode in MODES)
GENERATED = "/run/systemd/generator"

UNIT_PATH = ("/etc/systemd/system", "/run/systemd/system", "/usr/lib/systemd/system")
_GENERATOR = "postfix-rest-inetd-generator"
# systemd.generator(7): the first one that is found counts; a link to /dev/null masks it.
_GENERATOR_PATH = (
    *(f"{top}/systemd/system-generators" for top in ("/run", "/etc", "/usr/local/lib", "/usr/lib")),
    "/lib/systemd/system-generators",
)
_SEC = 20
_SOCKETS = "postfix-rest-*.socket"
METRICS = "export-postfix-rest-metrics.service"
_SERVICES = (
    "postfix-rest-inetd-config.service",
    "revive-postfix-rest@*.service",
    METRICS,
)
_MONOTONIC = re.compile(r"\[\s*([0-9]+\.[0-9]+)\]")
_ESCAPE = re.compile(rb"\\([0-7]{3}|.)", re.DOTALL)
_ESCAPED = {
    b"a": b"\a",
    b"b": b"\b",
    b"f": b"\f",
    b"n": b"\n",
    b"r": b"\r",
    b"t": b"\t",
    b"v": b"\v",
}
_LISTED_SOCKET = re.compile(r"(\S.*?)\s+(\S+\.socket)\s")
_WANTS = "/etc/systemd/system/*.wants/postfix-rest-*@?*.socket"
_PROPERTIES = (
    "Id ActiveState UnitFileState Listen NeedDaemonReload NRefused MaxConnections "
    "DropInPaths FragmentPath ActiveEnterTimestampMonotonic"
)


class Unit(NamedTuple):
    """A socket unit as systemd has loaded it."""

    name: str
    active: str
    file_state: str
    listen: tuple[str, ...]  # in the form of str(LocalAddress)
    needs_reload: bool
    refused: int
    max_connections: int
    files: tuple[str, ...]
    started_usec: int = 0  # by the monotonic clock

    @property
    def kind(self) -> str:
        """The name of its template, without the @."""
        return self.name.partition("@")[0]

    @property
    def instance(self) -> str:
        """The part of the name after the @."""
        return self.name.partition("@")[2].removesuffix(".socket")

    @property
    def is_enabled(self) -> bool:
        """Will it be started at the next boot? One that is enabled-runtime will not."""
        return self.file_state == "enabled"

    @property
    def is_active(self) -> bool:
        """Does it listen, or is it about to?"""
        return self.active in ("active", "activating", "reloading")


def is_running() -> bool:
    """Is systemd the service manager of this machine?"""
    return os.path.isdir("/run/systemd/system") and shutil.which("systemctl") is not None


def version() -> str:
    """Its version as a number, such as 252; empty if it is not running."""
    words = output("systemctl", "--version").split() if is_running() else []
    return words[1] if words[:1] == ["systemd"] and len(words) > 1 else ""


def are_installed() -> bool:
    """Are the units of postfix-rest-inetd there?

    Raises:
        CommandError: systemd does not answer.
    """
    listed = _answer("systemctl", "list-unit-files", "--no-legend", "--full", _SOCKETS).split()
    return all(f"{kind}@.socket" in listed for kind in KINDS)


def obstacle() -> str:
    """Why the socket units cannot be looked at; empty if they can."""
    if not is_running():
        return "systemd is not running"
    try:
        return "" if are_installed() else "the units are not installed"
    except CommandError as error:
        return str(error)


def known_sockets() -> list[str]:
    """The names of all socket units of ours that are loaded or enabled."""
    return sorted(name for name in _loaded_sockets() | _enabled_sockets() if "@" in name)


def units(names: list[str]) -> list[Unit]:
    """The units of these names, which need not exist.

    Raises:
        CommandError: systemd does not answer.
    """
    loaded, enabled = _loaded_sockets(), _enabled_sockets()
    asked = [name for name in names if name in loaded or _has_drop_ins(name)]
    found = {}
    if asked:
        properties = f"--property={','.join(_PROPERTIES.split())}"
        text = _answer("systemctl", "show", properties, "--", *asked)
        answers = [_unit(block) for block in text.strip().split("\n\n") if block]
        found = {unit.name: unit for unit in answers}
    silent = {
        name: _unit(f"Id={name}\nUnitFileState={'enabled' if name in enabled else 'disabled'}")
        for name in names
        if name not in found
    }
    return [found.get(name) or silent[name] for name in names]


def _loaded_sockets() -> set[str]:
    listed = _answer(
        "systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", _SOCKETS
    )
    return {line.split()[0] for line in listed.splitlines() if line.strip()}


def _enabled_sockets() -> set[str]:
    return {os.path.basename(path) for path in glob.glob(_WANTS)}


def _has_drop_ins(name: str) -> bool:
    """Does a unit have drop-ins of its own? Without them, our sockets have no address."""
    return any(os.path.isdir(f"{directory}/{name}.d") for directory in (GENERATED, *UNIT_PATH))


def foreign_sockets() -> dict[str, str]:
    """The socket units of others, by the addresses where systemd listens for them."""
    listed = output("systemctl", "list-sockets", "--no-legend", "--full")
    found = {}
    for line in listed.splitlines():
        match = _LISTED_SOCKET.match(line)
        if match and not match[2].startswith(tuple(f"{kind}@" for kind in KINDS)):
            found[_unescaped(match[1])] = match[2]
    return found


def new_drop_ins(unit: Unit) -> list[str]:
    """Drop-ins of the administrator's that systemd has not loaded for a unit.

    systemd.unit(5): of those with the same name, only one is loaded.
    """
    names = (unit.name, f"{unit.kind}@.socket", "postfix-rest-@.socket", "socket")
    loaded = {os.path.basename(path) for path in unit.files}
    return [
        path
        for directory in UNIT_PATH
        for name in names
        for path in glob.glob(f"{glob.escape(f'{directory}/{name}.d')}/*.conf")
        if os.path.basename(path) not in loaded
    ]


def last_failure(unit: str) -> str:
    """The last line of the journal that says why a unit has failed, or nothing."""
    text = output(
        *("journalctl", "--quiet", "--no-pager", "--output=cat", "--priority=notice"),
        *("--boot", "--lines=20", f"--unit={unit}", "_PID=1"),
    )
    reasons = [
        line.removeprefix(f"{unit}: ")
        for line in text.splitlines()
        if line.startswith((f"{unit}: Failed", f"{unit}: Control process exited"))
        and "with result" not in line
    ]
    return reasons[-1].rstrip(".") if reasons else ""


def is_refusing(unit: Unit) -> bool:
    """Has a unit refused connections since its last start?

    systemd never resets its own count, so the journal decides, if it can be read.
    """
    if not unit.refused:
        return False
    text = output(
        *("journalctl", "--quiet", "--no-pager", "--output=short-monotonic", "--boot"),
        *("--lines=1", f"--unit={unit.name}", "--grep=Too many incoming connections", "_PID=1"),
    )
    match = _MONOTONIC.match(text)
    return match is None or float(match[1]) * 1_000_000 > unit.started_usec


def masked(unit: str) -> list[tuple[str, bool]]:
    """Which of a unit and its template are masked, and whether only until the next boot."""
    names = dict.fromkeys((re.sub("@.*\\.", "@.", unit), unit))
    return [
        (name, directory == "/run")
        for directory in ("/etc", "/run")
        for name in names
        if os.path.realpath(f"{directory}/systemd/system/{name}") == os.devnull
    ]


def generator() -> tuple[str, bool]:
    """The path of the generator, empty if there is none, and whether systemd can run it."""
    paths = (f"{directory}/{_GENERATOR}" for directory in _GENERATOR_PATH)
    path = next((path for path in paths if os.path.lexists(path)), "")
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return path, False
    # Root may run a file that any user may run.
    return path, stat.S_ISREG(mode) and bool(mode & 0o111)


def failed_services() -> list[str]:
    """Services of ours, other than handlers, that stay failed until they are reset."""
    listed = output(
        *("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full"),
        *("--state=failed", *_SERVICES),
    )
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def _unit(block: str) -> Unit:
    values: dict[str, str] = {}
    listen = []
    for line in block.splitlines():
        key, _, value = line.partition("=")
        values[key] = value
        if key == "Listen":
            listen.append(_unescaped(value.rpartition(" (")[0]))
    return Unit(
        name=values.get("Id", ""),
        active=values.get("ActiveState", ""),
        file_state=values.get("UnitFileState", ""),
        listen=tuple(listen),
        needs_reload=values.get("NeedDaemonReload") == "yes",
        refused=_number(values.get("NRefused", "")),
        max_connections=_number(values.get("MaxConnections", "")),
        files=(values.get("FragmentPath", ""), *values.get("DropInPaths", "").split()),
        started_usec=_number(values.get("ActiveEnterTimestampMonotonic", "")),
    )


def _unescaped(text: str) -> str:
    """An address as systemctl shows it: cescape() in escape.c of systemd."""
    parts = _ESCAPE.split(os.fsencode(text))
    for at in range(1, len(parts), 2):
        is_octal = parts[at].isdigit()
        parts[at] = bytes((int(parts[at], 8),)) if is_octal else _ESCAPED.get(parts[at], parts[at])
    return os.fsdecode(b"".join(parts))


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def output(*command: str) -> str:
    """The output of a command; empty if it cannot be run."""
    try:
        done = _run(command)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="backslashreplace")


def _answer(*command: str) -> str:
    """The output of a command that must not be taken for an answer if it fails.

    A failure with an output is an answer: systemctl leaves out names that cannot be those of units.
    So is one without a message: `list-unit-files` fails if there are none.

    Raises:
        CommandError: the command fails, and has only a message.
    """
    try:
        done = _run(command)
    except subprocess.TimeoutExpired:
        raise CommandError(f"systemd does not answer within {_SEC} s") from None
    except OSError as error:
        raise CommandError(f"systemd cannot be asked: {error.strerror}") from None
    said = done.stderr.decode(errors="backslashreplace").strip()
    if done.returncode != 0 and not done.stdout and said:
        raise CommandError(f"systemd does not answer: {said.splitlines()[0]}")
    return done.stdout.decode(errors="backslashreplace")


def _run(command: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - no shell
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=_SEC,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
