# SPDX-License-Identifier: MIT
"""The socket units of postfix-rest-inetd, as systemd has loaded them.

systemd is not asked about a socket that has no address yet: it would have to load it, and would
complain in the journal.

Whether a unit needs a daemon-reload is not left to systemd alone. Before 257, it does not look into
directories for drop-ins that are newer than its last reload (systemd#31752).
"""

from __future__ import annotations

import glob
import os
import re
import shlex
from typing import NamedTuple

from postfix_rest_inetd.admin.host.systemd import (
    GENERATED,
    KINDS,
    SOCKETS,
    UNIT_PATH,
    answer,
    output,
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
    "Id LoadState ActiveState UnitFileState Listen NeedDaemonReload NRefused "
    "MaxConnections DropInPaths FragmentPath ActiveEnterTimestampMonotonic"
)


class Unit(NamedTuple):
    """A socket unit as systemd has loaded it.

    Attributes:
        listen: its addresses, in the form of str(LocalAddress).
        needs_reload: has any of its files changed, config.json included?
        files: those that are loaded.
        new_files: drop-ins of the administrator's that are not.
        started_usec: by the monotonic clock.
    """

    name: str
    active: str
    file_state: str
    listen: tuple[str, ...]
    needs_reload: bool
    refused: int
    max_connections: int
    files: tuple[str, ...]
    started_usec: int = 0
    new_files: tuple[str, ...] = ()

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
        text = answer("systemctl", "show", properties, "--", *asked)
        answers = [_unit(block) for block in text.strip().split("\n\n") if block]
        found = {unit.name: unit for unit in answers}
    silent = {
        name: _unit(f"Id={name}\nUnitFileState={'enabled' if name in enabled else 'disabled'}")
        for name in names
        if name not in found
    }
    return [found.get(name) or silent[name] for name in names]


def _loaded_sockets() -> set[str]:
    listed = answer("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full", SOCKETS)
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


def _new_drop_ins(name: str, loaded: list[str]) -> tuple[str, ...]:
    """Drop-ins of the administrator's for a unit that are not LOADED.

    systemd.unit(5): of those with the same name, only one is loaded.
    """
    names = set(map(os.path.basename, loaded))
    return tuple(
        path
        for directory in UNIT_PATH
        for unit in _drop_in_names(name)
        for path in glob.glob(f"{glob.escape(f'{directory}/{unit}.d')}/*.conf")
        if os.path.basename(path) not in names
    )


def _drop_in_names(name: str) -> list[str]:
    """The names for which systemd looks for drop-ins of a unit: unit_file_find_dirs() in dropin.c.

    Of `a-b@i.socket`, these are `a-b@i.socket`, `a-b@.socket`, `a-@i.socket`, `a-@.socket` and
    `socket`.
    """
    prefix, _, instance = name.removesuffix(".socket").partition("@")
    words = prefix.split("-")
    prefixes = [prefix, *("-".join((*words[:n], "")) for n in range(len(words) - 1, 0, -1))]
    names = [f"{each}@{part}.socket" for each in prefixes for part in (instance, "")]
    return [*names, "socket"]


def _unit(block: str) -> Unit:
    values: dict[str, str] = {}
    listen = []
    for line in block.splitlines():
        key, _, value = line.partition("=")
        values[key] = value
        if key == "Listen":
            listen.append(_unescaped(value.rpartition(" (")[0]))
    name, drop_ins = values.get("Id", ""), _words(values.get("DropInPaths", ""))
    # systemd reads none for a unit that is masked.
    is_loaded = values.get("LoadState") == "loaded"
    new_files = _new_drop_ins(name, drop_ins) if is_loaded else ()
    return Unit(
        name=name,
        active=values.get("ActiveState", ""),
        file_state=values.get("UnitFileState", ""),
        listen=tuple(listen),
        needs_reload=values.get("NeedDaemonReload") == "yes" or bool(new_files),
        refused=_number(values.get("NRefused", "")),
        max_connections=_number(values.get("MaxConnections", "")),
        files=(values.get("FragmentPath", ""), *drop_ins),
        started_usec=_number(values.get("ActiveEnterTimestampMonotonic", "")),
        new_files=new_files,
    )


def _unescaped(text: str) -> str:
    """An address as systemctl shows it: cescape() in escape.c of systemd."""
    parts = _ESCAPE.split(os.fsencode(text))
    for at in range(1, len(parts), 2):
        is_octal = parts[at].isdigit()
        parts[at] = bytes((int(parts[at], 8),)) if is_octal else _ESCAPED.get(parts[at], parts[at])
    return os.fsdecode(b"".join(parts))


def _words(text: str) -> list[str]:
    """Paths as systemctl shows them: one with a blank is in quotes."""
    try:
        return shlex.split(text)
    except ValueError:
        return text.split()


def _number(text: str) -> int:
    return int(text) if text.isdecimal() else 0
