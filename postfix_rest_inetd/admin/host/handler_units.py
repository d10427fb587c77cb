# SPDX-License-Identifier: MIT
"""What systemd says about the services of handlers: what they see, and what they execute.

The units must be installed. `check` is the instance that is asked about; it is never started.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import NamedTuple

from postfix_rest_inetd.admin.host import hidden_paths
from postfix_rest_inetd.admin.host.systemd import KINDS, METRICS, UNIT_PATH, output

_REVIVE = "revive-postfix-rest@.service"
_EXEC_START = re.compile(r"\{ path=(.*?) ; argv\[\]=")
_HOMES = ("/home", "/root", "/run/user")
_SETTINGS = ("User", "ProtectHome", "PrivateTmp", "CacheDirectory", "Environment")
_BINDS = ("BindPaths", "BindReadOnlyPaths")
# In them, systemd ignores a path that is missing only after a `-`.
_PATHS = ("ReadWritePaths", "InaccessiblePaths")
# In this one, it ignores it in a directory that is read-only as well, but not in one that it hides.
_READ_ONLY = "ReadOnlyPaths"
_BELOW_HOMES = tuple(f"{home}/" for home in _HOMES)
_TEMPORARY = ("/tmp", "/var/tmp")  # noqa: S108 - named, not used


class HandlerSettings(NamedTuple):
    """The settings for handlers that concern files.

    Attributes:
        user: the user that handlers run as.
        hidden: directories that the sandbox hides.
        credentials: the names of LoadCredential= and their files.
        cache_directory: what is passed to them as $CACHE_DIRECTORY; empty if nothing is.
        is_cache_made: does systemd make that directory when a handler starts?
        bound: paths below `hidden` that it shows (BindPaths=, BindReadOnlyPaths=).
        required: paths without which systemd does not start a handler (ReadWritePaths= and others).
    """

    user: str
    hidden: tuple[str, ...]
    credentials: dict[str, str]
    cache_directory: str = ""
    is_cache_made: bool = False
    bound: tuple[str, ...] = ()
    required: tuple[str, ...] = ()

    def hides(self, path: str) -> hidden_paths.Hidden | None:
        """What of a path handlers do not see; None if they see it all."""
        return hidden_paths.find(path, self.hidden, self.bound)

    def reads_as_root(self, path: str) -> bool:
        """Does systemd read a file on behalf of the handler?"""
        return path in self.credentials.values()


def handler_settings() -> HandlerSettings:
    """How handlers are started; the units must be installed."""
    unit = f"{KINDS[0]}@check.service"
    names = (*_SETTINGS, *_BINDS, *_PATHS, _READ_ONLY)
    text = output("systemctl", "show", f"--property={','.join(names)}", "--", unit)
    values = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    hidden: tuple[str, ...] = ()
    bound = _bound(" ".join(values.get(name, "") for name in _BINDS))
    if values.get("ProtectHome") in ("yes", "tmpfs"):
        hidden += _HOMES
    if values.get("ProtectHome") == "yes":  # there, systemd drops what is below
        bound = tuple(path for path in bound if not path.startswith(_BELOW_HOMES))
    if values.get("PrivateTmp") in ("yes", "disconnected"):
        hidden += _TEMPORARY
    credentials = {}
    # `show` calls them unprintable.
    for line in output("systemctl", "cat", "--", unit).splitlines():
        if line.startswith("LoadCredential="):
            name, _, path = line.removeprefix("LoadCredential=").partition(":")
            if path.startswith("/"):
                credentials[name] = path
    passed = _passed_directory(values.get("Environment", ""))
    made = _made_directory(values.get("CacheDirectory", ""))
    return HandlerSettings(
        values.get("User") or "root",
        hidden,
        credentials,
        made if passed is None else passed,
        made != "" and passed in (None, made),
        bound,
        _required(values, hidden),
    )


def files_naming(text: str) -> list[str]:
    """The administrator's files of the units of handlers that have TEXT outside of a comment."""
    units = [f"{kind}@check.service" for kind in KINDS]
    found: dict[str, None] = {}
    path = ""
    # Before each file, there is a line with its path.
    for line in output("systemctl", "cat", "--", *units).splitlines():
        if line.startswith("# /") and line.endswith((".service", ".conf")):
            path = line[2:]
        elif text in line and not line.startswith(("#", ";")):
            found[path] = None
    return [path for path in found if path.startswith(UNIT_PATH[:2])]


def programs() -> dict[str, str]:
    """The program of each service that is there, by the name of its unit, or of its template.

    A unit for which SELinuxContext= names the domain is left out.
    """
    names = [*(f"{kind}@check.service" for kind in KINDS), METRICS]
    text = output("systemctl", "show", "--property=Id,ExecStart,SELinuxContext", "--", *names)
    found = {}
    for block in text.split("\n\n"):
        values = dict(line.split("=", 1) for line in block.splitlines() if "=" in line)
        path = _EXEC_START.match(values.get("ExecStart", ""))
        if path is not None and not values.get("SELinuxContext") and os.path.exists(path[1]):
            found[values["Id"].replace("@check.", "@.")] = path[1]
    # An instance of it cannot be asked about: systemd would load the socket unit that it names.
    return {**found, _REVIVE: "/usr/bin/sh"}


def _bound(entries: str) -> tuple[str, ...]:
    """The places of BindPaths=, as `systemctl show` gives it: [-]SOURCE:PLACE[:OPTION]."""
    return tuple(parts[1] for parts in (each.split(":") for each in entries.split()) if parts[1:])


def _required(values: dict[str, str], hidden: tuple[str, ...]) -> tuple[str, ...]:
    """The paths without which systemd does not start a handler."""
    named = " ".join(values.get(name, "") for name in _PATHS).split()
    named += [
        path
        for path in values.get(_READ_ONLY, "").split()
        if hidden_paths.find(path, hidden, ()) is not None
    ]
    return tuple(path for path in dict.fromkeys(named) if path.startswith("/"))


def _passed_directory(environment: str) -> str | None:
    """$CACHE_DIRECTORY by Environment=, which overrides CacheDirectory=; None without it."""
    for assignment in shlex.split(environment):
        if assignment.startswith("CACHE_DIRECTORY="):
            return assignment.partition("=")[2].partition(":")[0]
    return None


def _made_directory(names: str) -> str:
    """The path of the first directory of CacheDirectory=, without the links to it; or empty."""
    name = names.partition(" ")[0].partition(":")[0]
    return f"/var/cache/{name}" if name else ""
