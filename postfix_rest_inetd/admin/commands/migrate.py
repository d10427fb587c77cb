# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd migrate FILE`: from postfix-rest-connector, a daemon, to our sockets.

FILE is the daemon's configuration, which is used here as it is. Three things are printed: what is
wrong or different with it here, who holds its addresses at the moment, and the commands that put it
into service, in their order, as a text that a shell would take (everything else is a comment).

Nothing is changed. Exit status: 0 when the file can be used as it is, 1 when not, 2 for a wrong
command line.
"""

from __future__ import annotations

import json
import os
import re
import shlex
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import configuration, postfix, report
from postfix_rest_inetd.admin.checks.finding import ERROR, NOTE, WARNING, Finding
from postfix_rest_inetd.admin.host import systemd
from postfix_rest_inetd.admin.host.listeners import Listeners
from postfix_rest_inetd.admin.migration import main_cf
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.config.address import WILDCARDS
from postfix_rest_inetd.errors import ConfigError
from postfix_rest_inetd.model import MODES
from postfix_rest_inetd.units.names import escape, instances_of, socket_of

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator

    from postfix_rest_inetd.config.endpoint import Endpoint
    from postfix_rest_inetd.config.loading import Config

_USER = "postfix-rest-inetd"
_BOUNCING = frozenset((401, 403, 404, 408, 429))


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line knows."""
    parser.epilog = (
        "exit status: 0 the file can be used as it is; 1 it cannot; 2 wrong command line."
    )
    parser.add_argument("file", metavar="FILE", help="the configuration of postfix-rest-connector")


def run(arguments: argparse.Namespace) -> int:
    """Print what is to be known and done; returns the exit status."""
    path = arguments.file
    loaded, found = configuration.load(path)
    if loaded is None:
        report.as_text([finding._replace(advice="") for finding in found])
        if os.access(path, os.R_OK):
            print("\nMend this first, in a copy. The keys are those of postfix-rest-inetd.json(5).")
        return 1
    listeners = Listeners()
    holders = dict(_holders(loaded, listeners))
    found += _differences(loaded, _without_timeout(path))
    settings, _ = postfix.settings_or_note()
    found += main_cf.warnings(loaded.endpoints, settings)
    found += [
        Finding(WARNING, _named([endpoint]), f"its address is held by {who}: stop that first")
        for endpoint, (who, _) in holders.items()
    ]
    if os.path.abspath(path) != loading.DEFAULT_PATH and _has_endpoints():
        what = "has endpoints already; the first command keeps it as config.json~"
        found.append(Finding(WARNING, loading.DEFAULT_PATH, what))
    report.as_text(found)
    units = sorted({unit for _, unit in holders.values() if unit})
    print()
    for line in _commands(path, loaded, units, unknown=len(units) < len(holders)):
        print(line)
    print("# 3. Postfix, which asks what it has asked before:")
    for line in main_cf.lines(loaded.endpoints, settings):
        print(line)
    print("# 4. Is everything as it should be?\npostfix-rest-inetd check --probe")
    return 0 if all(finding.severity != ERROR for finding in found) else 1


def _has_endpoints() -> bool:
    """Is there a configuration that is in use, or may be?"""
    try:
        return bool(loading.load(loading.DEFAULT_PATH).endpoints)
    except ConfigError:
        return os.path.exists(loading.DEFAULT_PATH)


def _differences(loaded: Config, silent: set[str]) -> Iterator[Finding]:
    """What is worth knowing of good endpoints; `silent` are the JSON paths without a timeout."""
    endpoints = loaded.endpoints
    if found := _named(e for e in endpoints if e.address.ip in WILDCARDS):
        what = "listens at every address: whoever reaches this machine can ask it"
        yield Finding(NOTE, found, what, "If Postfix runs here, 127.0.0.1 is enough: bind-address.")
    if found := _named(e for e in endpoints if e.json_path in silent):
        what = "has no request-timeout, which means 2000 ms for everything together"
        yield Finding(NOTE, found, what, "In version 1.1.0 of the daemon it meant no limit.")
    bouncing = (e for e in endpoints if not e.is_lookup and not _defers(e))
    if found := _named(bouncing):
        what = "a 4xx of the backend bounces mail (554), as ever: that of an expired token, too"
        advice = f'To defer it: "temporary-statuses": {sorted(_BOUNCING)}'
        yield Finding(NOTE, found, what, advice)
    if found := _named(e for e in endpoints if not e.is_lookup):
        what = "an action that is empty, or only a number, or has a line break, is answered with "
        yield Finding(NOTE, found, what + "a temporary error; Postfix would accept the mail")
    what = "redirects are not followed; unknown keys, and keys that stand twice, are errors"
    yield Finding(NOTE, "all endpoints", what)


def _named(endpoints: Iterable[Endpoint]) -> str:
    """Endpoints by name and address, as names need not be unique."""
    return ", ".join(f"{endpoint.name} ({endpoint.address})" for endpoint in endpoints)


def _defers(endpoint: Endpoint) -> bool:
    return bool(_BOUNCING & endpoint.temporary_statuses)


def _without_timeout(path: str) -> set[str]:
    """The JSON paths of the endpoints that have no request-timeout."""
    with open(path, "rb") as file:
        document = json.loads(file.read().decode("utf-8-sig"))
    return {
        f"$.endpoints[{index}]"
        for index, entry in enumerate(document["endpoints"])
        if entry.get("request-timeout") is None
    }


def _holders(
    loaded: Config, listeners: Listeners
) -> Iterator[tuple[Endpoint, tuple[str, str | None]]]:
    """By endpoint who holds its address, and the unit that this one is of, if any."""
    for endpoint in loaded.endpoints:
        place = listeners.in_the_way_of(endpoint.address)
        if place is not None:
            holder = listeners.holder(place)
            if holder is None:
                yield endpoint, ("a process that only root can see", None)
            elif holder.pid != 1:
                yield endpoint, (str(holder), _unit_of(holder.pid))


def _unit_of(pid: int) -> str | None:
    """The service that a process belongs to."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
            found = re.findall(r"/([^/\n]+\.service)\b", file.read())
    except OSError:
        return None
    # Containers, and what somebody has started on a terminal, are not stopped by their service.
    own = [unit for unit in found if not unit.startswith(("docker.", "containerd.", "user@"))]
    return own[-1] if own and own == found else None


def _commands(path: str, loaded: Config, units: list[str], *, unknown: bool) -> Iterator[str]:
    """What to type until our sockets listen, in its order."""
    yield "# 1. The configuration, readable by root and the handlers alone:"
    if os.path.abspath(path) != loading.DEFAULT_PATH:
        keep = "-b " if _has_endpoints() else ""
        file = shlex.quote(f"./{path}" if path.startswith("-") else path)
        yield f"install {keep}-m 0640 -o root -g {_USER} {file} {loading.DEFAULT_PATH}"
    yield "postfix-rest-inetd check --only config,files"
    yield "systemctl daemon-reload"
    yield "# 2. The daemon goes, and the sockets come. In between, Postfix defers mail:"
    if units:
        yield systemd.command("disable --now", *units)
    if unknown:
        yield "# Stop what else holds the addresses; it is named above."
    modes = [mode for mode in MODES if any(e.mode == mode for e in loaded.endpoints)]
    if modes:
        yield systemd.command("enable", *(socket_of(mode) for mode in modes))
        yield systemd.command("start", *(socket_of(mode, "all") for mode in modes))
    yield from _single(loaded)


def _single(loaded: Config) -> Iterator[str]:
    """The units for endpoints alone."""
    named = [endpoint for endpoint in loaded.endpoints if endpoint.address.path is None]
    if len(loaded.endpoints) > 1 and named:
        yield "# In place of @all, these can be served one by one:"
        units = (socket_of(e.mode, _instance(e, loaded)) for e in named)
        for unit in dict.fromkeys(units):
            yield f"#   {systemd.command('start', unit)}"


def _instance(endpoint: Endpoint, loaded: Config) -> str:
    """What stands behind the @: the name as it is where that is possible, or else escaped."""
    of_mode = [other for other in loaded.endpoints if other.mode == endpoint.mode]
    known = instances_of(of_mode)
    plain = endpoint.name
    usable = plain != "all" and endpoint in known.get(plain, ())
    return plain if usable else escape(plain)
