# SPDX-License-Identifier: MIT
"""The socket units: which should listen, which do, and which processes hold their addresses.

Four states are compared, each of which may lag behind the one before it: config.json, the drop-ins
that systemd has loaded, the addresses that have listeners, and the units that a boot will start.
`check` prints what is found, and `apply` carries out the steps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.checks import failed_units, host, loaded_units
from postfix_rest_inetd.admin.checks.finding import NOTE, Applicable, Finding
from postfix_rest_inetd.admin.checks.mode_units import ModeUnits
from postfix_rest_inetd.admin.checks.trouble import Trouble
from postfix_rest_inetd.admin.host import socket_units, systemd
from postfix_rest_inetd.units.names import instances_of, socket_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.listeners import Listeners
    from postfix_rest_inetd.admin.host.socket_units import Unit
    from postfix_rest_inetd.config.endpoint import Endpoint


def findings(endpoints: list[Endpoint] | None, listeners: Listeners) -> Iterator[Finding]:
    """What is wrong with the socket units; without a usable configuration, the failed ones."""
    found = list(troubles(endpoints, listeners))
    blocked = {trouble.kind for trouble in found if trouble.is_blocking}
    for trouble in found:
        is_blocked = trouble.kind in blocked or "" in blocked
        is_applicable = trouble.steps and not is_blocked
        yield Applicable(*trouble.finding) if is_applicable else trouble.finding


def troubles(endpoints: list[Endpoint] | None, listeners: Listeners) -> Iterator[Trouble]:
    """The same, with the steps."""
    instances = _instances(endpoints or [])
    units = socket_units.units(sorted({*instances, *socket_units.known_sockets()}))
    yield from host.troubles(endpoints)
    for unit in units:
        if socket_units.is_refusing(unit):
            yield Trouble(loaded_units.refused(unit), unit.kind)
        if endpoints is None and unit.active == "failed":
            yield failed_units.failed(unit, [], listeners)
    if endpoints is not None:
        for kind in systemd.KINDS:
            own = [unit for unit in units if unit.kind == kind]
            yield from ModeUnits(kind, own, instances, listeners).troubles()


def serving(endpoints: list[Endpoint]) -> list[tuple[Unit, list[Endpoint]]]:
    """The units that listen, or will after a boot, and the endpoints of each."""
    instances = _instances(endpoints)
    return [
        (unit, instances[unit.name])
        for unit in socket_units.units(sorted(instances))
        if unit.is_active or unit.is_enabled
    ]


def open_addresses() -> frozenset[str]:
    """Where socket units listen, according to what systemd has loaded."""
    units = socket_units.units(socket_units.known_sockets())
    return frozenset(address for unit in units if unit.is_active for address in unit.listen)


def without_units(endpoints: list[Endpoint], listeners: Listeners) -> Iterator[Finding]:
    """The addresses at which no other inetd listens, where the units are not installed."""
    for endpoint in endpoints:
        if listeners.at(endpoint.address) is None:
            what = f"nothing listens at {endpoint.address}"
            advice = "The units are not installed, so another inetd has to listen."
            yield Finding(NOTE, endpoint.name, what, advice)


def _instances(endpoints: list[Endpoint]) -> dict[str, list[Endpoint]]:
    """The endpoints of each socket unit, by its name, as the generator assigns them."""
    return {
        socket_of(mode, instance): own
        for mode in model.MODES
        for of_mode in [[endpoint for endpoint in endpoints if endpoint.mode == mode]]
        if of_mode
        for instance, own in instances_of(of_mode).items()
    }
