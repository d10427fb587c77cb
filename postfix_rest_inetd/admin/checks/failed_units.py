# SPDX-License-Identifier: MIT
"""Socket units that have failed or cannot listen, and the processes that hold their addresses."""

from __future__ import annotations

import os
import stat
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING
from postfix_rest_inetd.admin.checks.steps import DISABLE_NOW, RESET, Step
from postfix_rest_inetd.admin.checks.trouble import Trouble, blocking, reopening, solvable
from postfix_rest_inetd.admin.host import socket_units, systemd
from postfix_rest_inetd.units.advice import command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.listeners import Listeners
    from postfix_rest_inetd.admin.host.socket_units import Unit
    from postfix_rest_inetd.config.address import LocalAddress
    from postfix_rest_inetd.config.endpoint import Endpoint


class _Held(NamedTuple):
    """An address that another process holds, or systemd for a unit that is not ours."""

    place: LocalAddress
    who: str
    is_known: bool  # without root, it may be systemd
    moving: str  # how to make room


def failed(unit: Unit, endpoints: list[Endpoint], listeners: Listeners) -> Trouble:
    """A unit that has failed, although it has to serve these endpoints."""
    why = systemd.last_failure(unit.name) or "the journal does not say why"
    for endpoint in endpoints:
        if found := _held(endpoint, listeners):
            what = f"has failed: {why}; {found.place} is held by {found.who}"
            advice = f"{found.moving} The unit then starts again by itself, or with"
            return blocking(ERROR, unit.name, what, *reopening(unit), advice=advice)
    advice = f"{command('status', unit.name)} shows more. To start it again:"
    return solvable(ERROR, unit.name, f"has failed: {why}", *reopening(unit), advice=advice)


def failed_for_nobody(unit: Unit, endpoints: list[Endpoint]) -> Trouble:
    """A unit that has failed, and serves nothing that other units do not; or has no endpoints."""
    if any(endpoint.address.path is not None for endpoint in endpoints):
        what = "has failed: an endpoint with a bind-path is served by @all only"
    elif endpoints:
        what = "has failed, and another unit serves its endpoint"
    else:
        what = "has failed, and config.json has no endpoint for it"
    steps = (Step(DISABLE_NOW, unit.name), Step(RESET, unit.name))
    return solvable(ERROR, unit.name, what, *steps)


def stolen(unit: Unit, endpoints: list[Endpoint], listeners: Listeners) -> Iterator[Trouble]:
    """Addresses at which another process listens, although the unit is active."""
    for endpoint in endpoints:
        found = _held(endpoint, listeners)
        if found and found.is_known:
            what = f"does not listen at {found.place}, which is held by {found.who}"
            yield blocking(ERROR, unit.name, what, *reopening(unit), advice=found.moving)


def obstructed(unit: Unit, endpoints: list[Endpoint]) -> Iterator[Trouble]:
    """What is in place of unix sockets: systemd cannot replace a directory, and deletes a file."""
    for endpoint in endpoints:
        path = endpoint.address.path
        if path is None or not os.path.lexists(path):
            continue
        if os.path.isdir(path):
            what = f"cannot listen at {path}, which is a directory"
            advice = f"Choose another bind-path for {endpoint.name}."
            yield blocking(ERROR, unit.name, what, advice=advice)
        elif not stat.S_ISSOCK(os.lstat(path).st_mode):
            what = f"would delete {path}, which is not a socket, to listen there"
            advice = f"Move it away, or choose another bind-path for {endpoint.name}."
            yield blocking(ERROR, unit.name, what, advice=advice)


def replaced(unit: str, endpoint: Endpoint, listeners: Listeners) -> Trouble | None:
    """The process that listens in place of a socket unit, if there is one."""
    found = _held(endpoint, listeners)
    if found is None:
        return None
    what = f"{found.place} is held by {found.who}, and no socket unit is started for "
    advice = "If that is an inetd that starts handlers, this is fine. Otherwise stop it, or "
    advice += f"choose another address for {endpoint.name}."
    return blocking(WARNING, unit, what + endpoint.name, advice=advice)


def _held(endpoint: Endpoint, listeners: Listeners) -> _Held | None:
    place = listeners.in_the_way_of(endpoint.address)
    holder = None if place is None else listeners.holder(place)
    if place is None:
        return None
    if holder is not None and holder.pid == 1:
        unit = socket_units.foreign_sockets().get(str(place))
        if unit is None:
            return None
        moving = f"Stop {unit}, or choose another address for {endpoint.name}."
        return _Held(place, unit, True, moving)  # noqa: FBT003
    moving = f"Stop {holder.name if holder else 'it'}, or choose another address for "
    who = str(holder or "a process that only root can see")
    return _Held(place, who, holder is not None, f"{moving}{endpoint.name}.")
