# SPDX-License-Identifier: MIT
"""Checks whether Postfix could open more connections to a socket unit than the unit accepts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks.finding import WARNING, Finding
from postfix_rest_inetd.admin.checks.loaded_units import raising_max_connections
from postfix_rest_inetd.admin.host import destination, references
from postfix_rest_inetd.admin.protocols import has_maps

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.admin.host.socket_units import Unit
    from postfix_rest_inetd.config.endpoint import Endpoint

    # The endpoint, what tells connections apart, the instance and its service; and how many.
    Connections = dict[tuple[Endpoint, tuple[object, ...], str, str], int]


def findings(
    units: list[tuple[Unit, list[Endpoint]]], endpoints: list[Endpoint], instances: list[Settings]
) -> Iterator[Finding]:
    """The units that accept too few connections; `units` listen, each for some endpoints."""
    connections: Connections = {}
    for settings in instances:
        connections |= _connections(endpoints, settings)
    for unit, served in units:
        own = {key: number for key, number in connections.items() if key[0] in served}
        total = sum(own.values())
        if total > unit.max_connections > 0:
            by = ", ".join(dict.fromkeys(service for *_, service in own))
            what = (
                f"accepts {unit.max_connections} connections, but Postfix may open {total} ({by})"
            )
            advice = (
                "Postfix treats a refused connection as a failure. Lower default_process_limit, "
            )
            advice += "use proxy: tables, or accept more connections:\n"
            yield Finding(WARNING, unit.name, what, advice + raising_max_connections(unit, total))


def _connections(endpoints: list[Endpoint], settings: Settings) -> Connections:
    found: Connections = {}
    for reference in references.find(settings):
        target = destination.endpoint_of(reference, endpoints, settings)
        if target is None or reference.is_proxied:
            continue
        # The maps of a socketmap share one connection of a process.
        is_map = has_maps(target.mode)
        apart = () if is_map else (reference.text, reference.timeout_sec, reference.default_action)
        for service in destination.askers(reference, settings):
            found[target, apart, settings.instance, service.name] = service.max_processes
    return found
