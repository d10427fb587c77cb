# SPDX-License-Identifier: MIT
"""The instances of the socket templates: where they listen, and what their drop-ins say.

Two instances that would listen at one place exclude each other (Conflicts=). An instance @NAME
with a unix socket is refused with a message: the handlers of two such units could get the same unit
name (`NUMBER-PID-UID`), on which systemd fails a socket unit for good; @all is one unit and counts
its connections itself.

An instance that listens loses no address by a change of config.json at which requests are
answered: what it is to go on with is `kept`. systemd would close it at the next daemon-reload,
which the upgrade of any package may cause, and the unit would stay active.

Nothing is read or written here.
"""

from __future__ import annotations

from .names import instances_of, socket_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..config.endpoint import Endpoint

_REVIVAL = "revive-postfix-rest@{}.service"
_MAX_UNIT_NAME = 255  # systemd's UNIT_NAME_MAX, less its NUL
_MAX_REVIVED_NAME = _MAX_UNIT_NAME - len(_REVIVAL.format(""))
_IPV4_BYTES, _IPV6_BYTES = 4, 16


class SocketUnit:
    """An instance of a socket template.

    Attributes:
        name: the name of the unit.
        instance: what stands behind the @.
        endpoints: those that it is for.
        is_refused: whether it must not be started.
        kept: addresses of other endpoints at which it listens, as ListenStream= has them.
    """

    __slots__ = ("endpoints", "instance", "is_refused", "kept", "name")

    def __init__(self, mode: str, instance: str, endpoints: list[Endpoint]) -> None:
        """`endpoints` are all of that mode."""
        self.name = socket_of(mode, instance)
        self.instance = instance
        self.endpoints = endpoints
        self.is_refused = instance != "all" and any(e.address.path is not None for e in endpoints)
        self.kept: list[str] = []

    @property
    def addresses(self) -> list[str]:
        """Where its endpoints listen, as ListenStream= has it."""
        return [str(endpoint.address) for endpoint in self.endpoints]

    @property
    def places(self) -> list[str]:
        """Where it listens once it is started, or does so now."""
        return self.kept if self.is_refused else [*self.addresses, *self.kept]


def units_of(mode: str, endpoints: list[Endpoint]) -> list[SocketUnit]:
    """The instances of one template; `endpoints` are of that mode. Any name may be too long."""
    if not endpoints:
        return []
    instances = instances_of(endpoints)
    return [SocketUnit(mode, instance, own) for instance, own in instances.items()]


def at_place(units: list[SocketUnit]) -> dict[str, list[str]]:
    """By address the names of the units that listen there."""
    found: dict[str, list[str]] = {}
    for unit in units:
        for place in unit.places:
            found.setdefault(place, []).append(unit.name)
    return found


def rivals(name: str, places: Iterable[str], at: dict[str, list[str]]) -> list[str]:
    """The units that listen at one of these places as well."""
    return list(dict.fromkeys(r for place in places for r in at.get(place, ()) if r != name))


def drop_in(unit: SocketUnit, at: dict[str, list[str]], config_path: str) -> str:
    """What makes a unit listen."""
    others = rivals(unit.name, unit.places, at)
    # One of two has closed before the other one opens, if they are ordered in any direction.
    lines = _unit_section(others, [each for each in others if each < unit.name], config_path)
    if not unit.is_refused:
        lines += _revived(unit.name)
    lines += ["", "[Socket]"]
    lines += [f"ListenStream={specifier_free(place)}" for place in [*unit.addresses, *unit.kept]]
    if unit.is_refused:
        # A path that @all may have is not to be removed by this one.
        lines += ["RemoveOnStop=no", f"ExecStartPre=/usr/bin/sh -c '{_REFUSAL}'"]
    elif any(e.address.path is not None for e in unit.endpoints):
        # For a drop-in of the operator's own to change, where others than Postfix ask.
        lines += ["SocketUser=postfix", "SocketGroup=postfix", "SocketMode=0660"]
    lines += _wildcards(unit.endpoints)
    return "\n".join([*lines, ""])


def gone_drop_in(name: str, socket_lines: list[str], rivals: list[str], config_path: str) -> str:
    """What lets a unit that listens go on, although config.json does not have it any more.

    `rivals` are the units that listen where it does, as config.json has it. If there are none,
    nobody would be answered: it goes on with temporary errors, and is not to be started again.
    """
    lines = _unit_section(rivals, rivals, config_path)
    lines.append("Description=Kept until it is stopped: config.json has no such endpoint (%i)")
    if rivals:
        lines += _revived(name)
    lines += ["", "[Socket]", *socket_lines]
    if not rivals:
        lines.append(f"ExecStartPre=/usr/bin/sh -c '{_GONE}'")
    return "\n".join([*lines, ""])


_REFUSAL = (
    'echo "<3>%n: an endpoint with a bind-path is served by %p@all.socket only. '
    'Disable %n and enable %p@all.socket." >&2; exit 1'
)
_GONE = (
    'echo "<3>%n: config.json has no such endpoint any more. '
    'Disable %n and run systemctl daemon-reload." >&2; exit 1'
)


def _unit_section(rivals: list[str], before: list[str], config_path: str) -> list[str]:
    lines = ["[Unit]", f"SourcePath={specifier_free(config_path)}"]
    lines += [f"Conflicts={rival}" for rival in rivals]
    return [*lines, *(f"After={rival}" for rival in before)]


def _revived(name: str) -> list[str]:
    """Not in a shared drop-in: a refused unit is to stay down, and nothing takes this back."""
    return [f"OnFailure={_REVIVAL.format('%n')}"] if len(name) <= _MAX_REVIVED_NAME else []


def _wildcards(endpoints: list[Endpoint]) -> list[str]:
    """What makes [::] take IPv4 connections too, unless 0.0.0.0 has an endpoint at the same port.

    BindIPv6Only= is for a whole unit: where one port needs it, the others get their IPv4 apart.
    """
    v4 = {e.address.port for e in endpoints if e.address.ip == bytes(_IPV4_BYTES)}
    v6 = {e.address.port for e in endpoints if e.address.ip == bytes(_IPV6_BYTES)}
    if v4.isdisjoint(v6):
        return ["BindIPv6Only=both"] if v6 else []
    return ["BindIPv6Only=ipv6-only", *(f"ListenStream=0.0.0.0:{port}" for port in sorted(v6 - v4))]


def specifier_free(text: str) -> str:
    """A value in which systemd finds no specifiers (systemd.unit(5))."""
    return text.replace("%", "%%")
