# SPDX-License-Identifier: MIT
"""What systemd has loaded for a socket unit that is active, compared with the files."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import failed_units
from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING, Finding
from postfix_rest_inetd.admin.checks.finding import commands as indented
from postfix_rest_inetd.admin.checks.steps import RELOAD, RELOAD_SCRIPT, START, STOP, Step, commands
from postfix_rest_inetd.admin.checks.trouble import Trouble, reopening, solvable
from postfix_rest_inetd.admin.host import systemd
from postfix_rest_inetd.admin.host.listeners import resolved

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.listeners import Listeners
    from postfix_rest_inetd.admin.host.socket_units import Unit
    from postfix_rest_inetd.config.endpoint import Endpoint


def stale(
    unit: Unit, endpoints: list[Endpoint], others: set[str], listeners: Listeners
) -> Iterator[Trouble]:
    """What differs from the files; OTHERS are addresses that are for other units of the mode."""
    found = list(failed_units.stolen(unit, endpoints, listeners))
    yield from found
    wanted = {resolved(str(endpoint.address)) for endpoint in endpoints}
    listen = map(resolved, unit.listen)
    loaded = {address for address in listen if not _is_extra(address, wanted)}
    silent = [str(e.address) for e in endpoints if listeners.at(e.address) is None]
    if wanted != loaded:
        what = "does not match config.json: "
        what += _difference(wanted - loaded, loaded - wanted)
        steps = reopening(unit)
        if loaded & {resolved(address) for address in others}:
            # A restart would not give up these addresses (units/socket_units.py).
            steps = (Step(STOP, unit.name), Step(START, unit.name))
        yield solvable(WARNING, unit.name, what, *steps, Step(RELOAD))
    elif silent and not found:
        what = f"does not listen yet at {', '.join(silent)}, which is new"
        yield solvable(WARNING, unit.name, what, *reopening(unit))
    elif gone := _gone(endpoints):
        what = f"listens, but nobody can connect, because the file {gone} was removed"
        yield solvable(ERROR, unit.name, what, *reopening(unit))
    elif _is_outdated(unit):
        what = "has a file that was changed after the last daemon-reload"
        advice = "This restarts only the sockets for which that is necessary:"
        yield solvable(WARNING, unit.name, what, Step(RELOAD_SCRIPT), advice=advice)


def are_loaded(endpoints: list[Endpoint], units: list[Unit]) -> bool:
    """Has the generator seen these endpoints?"""
    loaded = {resolved(address) for unit in units for address in unit.listen}
    return all(resolved(str(endpoint.address)) in loaded for endpoint in endpoints)


def refused(unit: Unit) -> Finding:
    """A unit that has refused connections."""
    what = f"has refused {unit.refused} connections: MaxConnections={unit.max_connections}"
    advice = "Postfix treats that as a failure. Accept more:\n"
    more = raising_max_connections(unit, 2 * unit.max_connections)
    return Finding(WARNING, unit.name, what, advice + more)


def raising_max_connections(unit: Unit, number: int) -> str:
    """The commands that allow a unit more connections, even if other drop-ins limit them."""
    directory = f"/etc/systemd/system/{unit.kind}@.socket.d"
    text = f"[Socket]\\nMaxConnections={number}\\n"
    return indented(
        f"mkdir -p {directory}",
        f"printf '{text}' >{directory}/90-max-connections.conf",
        *(each.text for each in commands((Step(RELOAD), *reopening(unit)))),
    )


def _is_extra(address: str, wanted: set[str]) -> bool:
    """Is it an IPv4 address that the generator adds for a [::]?"""
    return address.startswith("0.0.0.0:") and f"[::]:{address[8:]}" in wanted - {address}


def _gone(endpoints: list[Endpoint]) -> str:
    """The path of a unix socket that is not there; empty if there is none, or nobody can tell."""
    for endpoint in endpoints:
        path = endpoint.address.path
        if path is not None:
            try:
                os.lstat(path)
            except FileNotFoundError:
                return path
            except OSError:
                continue
    return ""


def _difference(missing: set[str], surplus: set[str]) -> str:
    parts = []
    if missing:
        parts.append(f"{', '.join(sorted(missing))} is missing")
    if surplus:
        parts.append(f"{', '.join(sorted(surplus))} is no longer configured")
    return ", ".join(parts)


def _is_outdated(unit: Unit) -> bool:
    """Has another file than config.json made systemd ask for a daemon-reload?"""
    if not unit.needs_reload:
        return False
    own = [file for file in unit.files if not file.startswith(systemd.GENERATED)]
    last_reload = _changed_at(f"{systemd.GENERATED}/{unit.name}.d")
    return bool(unit.new_files) or any(
        not os.path.exists(file) or _changed_at(file) > last_reload for file in own if file
    )


def _changed_at(path: str) -> float:
    try:
        return os.stat(path).st_ctime
    except OSError:
        return 0.0
