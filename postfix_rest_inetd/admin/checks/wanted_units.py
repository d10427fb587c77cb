# SPDX-License-Identifier: MIT
"""Which socket units a mode should have: @all, or an @NAME for each endpoint.

The administrator decides that by enabling or, if nothing is enabled, by starting one of them. One
that has no endpoint counts if there is no other: its endpoint may have been renamed. @all is what a
mode has without a decision. Where an endpoint can only be served by @all (a unix socket,
or a name that is too long for a unit), it has to be @all.

Pure: the units come from the caller.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.units.names import MAX_NAME

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.host.socket_units import Unit
    from postfix_rest_inetd.config.endpoint import Endpoint


def wanted(kind: str, units: list[Unit], instances: dict[str, list[Endpoint]]) -> list[str]:
    """The names of the units, none if the mode has no endpoints.

    Args:
        kind: the name of the template, without the @.
        units: those of the mode that are loaded or enabled, or have an endpoint.
        instances: the endpoints of each unit that may be started, for all modes.
    """
    every = f"{kind}@all.socket"
    if every not in instances:
        return []
    decisive = _decisive(units, instances)
    if not decisive or every in decisive:
        return [every]
    own = {name: found for name, found in instances.items() if name.startswith(f"{kind}@")}
    return _named(decisive, own, every) or [every]


def _decisive(units: list[Unit], instances: dict[str, list[Endpoint]]) -> list[str]:
    """The units that say what the administrator wants: the first that there are of the kinds."""
    enabled = [unit.name for unit in units if unit.is_enabled]
    started = [unit.name for unit in units if unit.is_active or unit.active == "failed"]
    usable = [[name for name in names if name in instances] for names in (enabled, started)]
    return next(filter(None, [*usable, enabled, started]), [])


def _named(chosen: list[str], own: dict[str, list[Endpoint]], every: str) -> list[str]:
    """The units @NAME that serve all endpoints, those that are chosen first; or none."""
    endpoints = own.pop(every)
    if any(endpoint.address.path is not None for endpoint in endpoints):
        return []
    found: list[str] = []
    served: set[Endpoint] = set()
    # Without escapes if there is such a name.
    for name in sorted(own, key=lambda name: (name not in chosen, "\\" in name)):
        if len(name) <= MAX_NAME and not served & set(own[name]):
            found.append(name)
            served |= set(own[name])
    return sorted(found) if served == set(endpoints) else []
