# SPDX-License-Identifier: MIT
"""The socket units: which should listen, which do, and which processes hold their addresses.

Four states are compared, each of which may lag behind the one before it: config.json, the drop-ins
that systemd has loaded, the addresses that have listeners, and the units that a boot will start.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.checks import host
from postfix_rest_inetd.admin.checks.finding import ERROR, NOTE, WARNING, Finding, commands
from postfix_rest_inetd.admin.host import systemd
from postfix_rest_inetd.admin.host.listeners import resolved
from postfix_rest_inetd.units.advice import command
from postfix_rest_inetd.units.names import instances_of, socket_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.listeners import Listeners
    from postfix_rest_inetd.admin.host.systemd import Unit
    from postfix_rest_inetd.config.endpoint import Endpoint

_RELOAD = "systemctl daemon-reload"


def findings(endpoints: list[Endpoint] | None, listeners: Listeners) -> Iterator[Finding]:
    """What is wrong with the socket units; without a usable configuration, the failed ones."""
    instances = _instances(endpoints or [])
    names = sorted({*instances, *systemd.known_sockets()})
    units = systemd.units(names)
    yield from host.findings(endpoints)
    for unit in units:
        if unit.active == "failed" and endpoints is not None and unit.name not in instances:
            yield _failed_for_nobody(unit)
        elif unit.active == "failed":
            yield _failed(unit, instances.get(unit.name, []), listeners)
        if systemd.is_refusing(unit):
            yield _refused(unit)
    if endpoints is None:
        return
    for kind in systemd.KINDS:
        own = [unit for unit in units if unit.kind == kind]
        yield from _rivals(own)
        yield from _orphans(own, instances)
        yield from _stale(own, instances, listeners)
        yield from _waiting(kind, own, instances, listeners)


def serving(endpoints: list[Endpoint]) -> list[tuple[Unit, list[Endpoint]]]:
    """The units that listen, or will after a boot, and the endpoints of each."""
    instances = _instances(endpoints)
    return [
        (unit, instances[unit.name])
        for unit in systemd.units(sorted(instances))
        if unit.is_active or unit.is_enabled
    ]


def open_addresses() -> frozenset[str]:
    """Where socket units listen, according to what systemd has loaded."""
    units = systemd.units(systemd.known_sockets())
    return frozenset(address for unit in units if unit.is_active for address in unit.listen)


def _instances(endpoints: list[Endpoint]) -> dict[str, list[Endpoint]]:
    """The endpoints of each socket unit, by its name, as the generator assigns them."""
    return {
        socket_of(mode, instance): own
        for mode in model.MODES
        for of_mode in [[endpoint for endpoint in endpoints if endpoint.mode == mode]]
        if of_mode
        for instance, own in instances_of(of_mode).items()
    }


def without_units(endpoints: list[Endpoint], listeners: Listeners) -> Iterator[Finding]:
    """The addresses at which no other inetd listens, where the units are not installed."""
    for endpoint in endpoints:
        if listeners.at(endpoint.address) is None:
            what = f"nothing listens at {endpoint.address}"
            advice = "The units are not installed, so another inetd has to listen."
            yield Finding(NOTE, endpoint.name, what, advice)


def _failed(unit: Unit, endpoints: list[Endpoint], listeners: Listeners) -> Finding:
    if unit.instance != "all" and any(e.address.path is not None for e in endpoints):
        what = "has failed: an endpoint with a bind-path is served by @all only"
        template = f"{unit.kind}@"
        advice = commands(
            command("disable --now", unit.name),
            command("reset-failed", unit.name),
            command("enable", f"{template}.socket"),
            command("restart", f"{template}all.socket"),
        )
        return Finding(ERROR, unit.name, what, advice)
    why = systemd.last_failure(unit.name) or "the journal does not say why"
    for endpoint in endpoints:
        place = listeners.in_the_way_of(endpoint.address)
        holder = None if place is None else listeners.holder(place)
        if place is not None and (holder is None or holder.pid != 1):
            who = holder or "a process that only root can see"
            why += f"; {place} is held by {who}"
            advice = f"Stop {holder.name if holder else 'it'}, or choose another address for "
            advice += f"{endpoint.name}. The unit then starts again by itself, or with\n"
            return Finding(
                ERROR, unit.name, f"has failed: {why}", advice + commands(*_restart(unit))
            )
    advice = f"{command('status', unit.name)} shows more. To start it again:\n"
    return Finding(ERROR, unit.name, f"has failed: {why}", advice + commands(*_restart(unit)))


def _failed_for_nobody(unit: Unit) -> Finding:
    what = "has failed, and config.json has no endpoint for it"
    steps = (
        command("disable --now", unit.name),
        command("reset-failed", unit.name),
    )
    return Finding(ERROR, unit.name, what, commands(*steps))


def _refused(unit: Unit) -> Finding:
    what = f"has refused {unit.refused} connections: MaxConnections={unit.max_connections}"
    advice = "Postfix treats that as a failure. Accept more:\n"
    more = raising_max_connections(unit, 2 * unit.max_connections)
    return Finding(WARNING, unit.name, what, advice + more)


def raising_max_connections(unit: Unit, number: int) -> str:
    """The commands that allow a unit more connections, even if other drop-ins limit them."""
    directory = f"/etc/systemd/system/{unit.kind}@.socket.d"
    text = f"[Socket]\\nMaxConnections={number}\\n"
    return commands(
        f"mkdir -p {directory}",
        f"printf '{text}' >{directory}/90-max-connections.conf",
        _RELOAD,
        *_restart(unit),
    )


def _rivals(units: list[Unit]) -> Iterator[Finding]:
    enabled = [unit for unit in units if unit.is_enabled]
    named = [unit for unit in enabled if unit.instance != "all"]
    every = next((unit for unit in enabled if unit.instance == "all"), None)
    if every and named:
        names = ", ".join(unit.name for unit in named)
        what = f"is enabled, and so is {names}, but they exclude each other"
        steps = [_disabling(unit) for unit in named]
        if not every.is_active:
            steps.append(command("start", every.name))
        advice = f"At boot, only one of them starts. Keep one:\n{commands(*steps)}"
        yield Finding(WARNING, every.name, what, advice)


def _disabling(unit: Unit) -> str:
    """The command that takes a unit out of service; one that was never loaded cannot be stopped."""
    return command(f"disable{' --now' if unit.is_active else ''}", unit.name)


def _orphans(units: list[Unit], instances: dict[str, list[Endpoint]]) -> Iterator[Finding]:
    """Units that are started although they have no endpoint."""
    for unit in units:
        if unit.name not in instances and (unit.is_enabled or unit.is_active):
            wanted = "endpoint" if unit.instance == "all" else f"endpoint {unit.instance}"
            what = f"is {'enabled' if unit.is_enabled else 'active'}, but config.json has no "
            what += f"{wanted} of this mode"
            yield Finding(WARNING, unit.name, what, _without_endpoint(unit, instances))


def _without_endpoint(unit: Unit, instances: dict[str, list[Endpoint]]) -> str:
    """How to remove a unit; if another endpoint has its address, without closing that."""
    # @NAME rather than @all, and without escapes if there is such a name.
    for name in sorted(instances, key=lambda name: ("@all." in name, "\\" in name)):
        endpoints = instances[name]
        own = name.startswith(f"{unit.kind}@") and not any(e.address.path for e in endpoints)
        if own and unit.is_active and {str(e.address) for e in endpoints} & set(unit.listen):
            start = (command("enable", name), command("start", name))
            advice = f"{name} has its address now. Starting that unit stops this one:\n"
            return advice + commands(command("disable", unit.name), _RELOAD, *start)
    return commands(_disabling(unit), _RELOAD)


def _stale(
    units: list[Unit], instances: dict[str, list[Endpoint]], listeners: Listeners
) -> Iterator[Finding]:
    """Units that are active, but differ from the files."""
    for unit in units:
        endpoints = instances.get(unit.name)
        if not unit.is_active or endpoints is None:
            continue
        yield from _stolen(unit, endpoints, listeners)
        wanted = {resolved(str(endpoint.address)) for endpoint in endpoints}
        listen = map(resolved, unit.listen)
        loaded = {address for address in listen if not _is_extra(address, wanted)}
        silent = [str(e.address) for e in endpoints if listeners.at(e.address) is None]
        if wanted != loaded:
            what = "does not match config.json: "
            what += _difference(wanted - loaded, loaded - wanted)
            yield Finding(WARNING, unit.name, what, commands(_RELOAD, *_restart(unit)))
        elif silent:
            what = f"does not listen yet at {', '.join(silent)}, which is new"
            yield Finding(WARNING, unit.name, what, commands(*_restart(unit)))
        elif _is_outdated(unit):
            what = "has a file that was changed after the last daemon-reload"
            yield Finding(WARNING, unit.name, what, commands(_RELOAD, *_restart(unit)))


def _stolen(unit: Unit, endpoints: list[Endpoint], listeners: Listeners) -> Iterator[Finding]:
    """Addresses at which another process listens, although the unit is active."""
    for endpoint in endpoints:
        place = listeners.at(endpoint.address)
        holder = None if place is None else listeners.holder(place)
        if holder is not None and holder.pid != 1:
            what = f"does not listen at {place}, which is held by {holder}"
            advice = f"Stop {holder.name}, or choose another address for {endpoint.name}."
            yield Finding(ERROR, unit.name, what, f"{advice}\n{commands(*_restart(unit))}")


def _is_extra(address: str, wanted: set[str]) -> bool:
    """Is it an IPv4 address that the generator adds for a [::]?"""
    return address.startswith("0.0.0.0:") and f"[::]:{address[8:]}" in wanted - {address}


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
    return any(not os.path.exists(file) or _changed_at(file) > last_reload for file in own if file)


def _changed_at(path: str) -> float:
    try:
        return os.stat(path).st_ctime
    except OSError:
        return 0.0


def _waiting(
    kind: str, units: list[Unit], instances: dict[str, list[Endpoint]], listeners: Listeners
) -> Iterator[Finding]:
    """Endpoints for which no unit is started now, or at the next boot."""
    everyone = instances.get(f"{kind}@all.socket", [])
    active = [unit for unit in units if unit.is_active]
    enabled = [unit for unit in units if unit.is_enabled]
    at_work = _of(active, instances) | _of([u for u in units if u.active == "failed"], instances)
    at_boot = _of(enabled, instances)
    idle = [endpoint for endpoint in everyone if endpoint not in at_work]
    for endpoint in list(idle):
        for finding in _held(kind, endpoint, listeners):
            idle.remove(endpoint)
            yield finding
    template, unit = f"{kind}@.socket", f"{kind}@all.socket"
    unmask = systemd.unmasking([unit])
    startable = [u.name for u in enabled if _of([u], instances) & set(idle)]
    reload = [_RELOAD] if _is_unloaded(idle, units) else []
    if startable:
        what = f"is enabled, but not started: nothing listens for {_names(idle)}"
        advice = commands(*reload, command("start", *startable))
        yield Finding(WARNING, startable[0], what, advice)
    elif idle:
        state = "masked" if unmask else "neither enabled nor started"
        what = f"is {state}: nothing listens for {_names(idle)}"
        steps = (
            *unmask,
            *reload,
            command("enable", template),
            command("start", unit),
        )
        advice = commands(*steps)
        yield Finding(WARNING, unit, what, advice)
    for lost in active:
        if not _of([lost], instances) <= at_boot:
            yield _lost_at_boot(lost)


def _held(kind: str, endpoint: Endpoint, listeners: Listeners) -> Iterator[Finding]:
    """The process that listens in place of a socket unit, if there is one."""
    place = listeners.in_the_way_of(endpoint.address)
    holder = None if place is None else listeners.holder(place)
    if place is not None and (holder is None or holder.pid != 1):
        who = holder or "a process that only root can see"
        what = f"{place} is held by {who}, and no socket unit is started for {endpoint.name}"
        advice = "If that is an inetd that starts handlers, this is fine. Otherwise stop it, or "
        advice += f"choose another address for {endpoint.name}."
        yield Finding(WARNING, f"{kind}@all.socket", what, advice)


def _lost_at_boot(unit: Unit) -> Finding:
    enabling = f"{unit.kind}@.socket" if unit.instance == "all" else unit.name
    unmask = systemd.unmasking([unit.name])
    state = "masked" if unmask else "not enabled"
    what = f"is active, but {state}: it does not start at the next boot"
    advice = commands(*unmask, command("enable", enabling))
    return Finding(WARNING, unit.name, what, advice)


def _of(units: list[Unit], instances: dict[str, list[Endpoint]]) -> set[Endpoint]:
    """The endpoints that units listen for."""
    return {endpoint for unit in units for endpoint in instances.get(unit.name, ())}


def _is_unloaded(endpoints: list[Endpoint], units: list[Unit]) -> bool:
    """Has the generator not seen these endpoints yet?"""
    loaded = {resolved(address) for unit in units for address in unit.listen}
    return any(resolved(str(endpoint.address)) not in loaded for endpoint in endpoints)


def _names(endpoints: list[Endpoint]) -> str:
    return ", ".join(dict.fromkeys(endpoint.name for endpoint in endpoints))


def _restart(unit: Unit) -> tuple[str, ...]:
    return (*systemd.unmasking([unit.name]), command("restart", unit.name))
