# SPDX-License-Identifier: MIT
"""The instances of the socket templates: where they listen, and the text of their drop-ins.

Instances that would listen at the same place exclude each other (Conflicts=). An instance @NAME
with a unix socket is refused with a message: before systemd 258, the handlers of two such units
could get the same unit name (`NUMBER-PID-UID`), and systemd then fails the socket unit permanently.
@all is a single unit, and numbers all of its connections.

After a change of config.json, an instance that listens keeps the addresses at which requests are
still answered; they are in `kept`. Otherwise systemd would close them at the next daemon-reload,
which the upgrade of any package can cause, and the unit would stay active.

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
# The same as MaxConnections=. When the queue of a unix socket is full, connect(2) fails at once,
# and Postfix tries only twice. Nobody but Postfix can fill it.
_UNIX_BACKLOG = "Backlog=1024"
_MAX_REVIVED_NAME = _MAX_UNIT_NAME - len(_REVIVAL.format(""))
_IPV4_BYTES, _IPV6_BYTES = 4, 16


class SocketUnit:
    """An instance of a socket template.

    Attributes:
        name: the name of the unit.
        instance: the part of the name after the @.
        endpoints: the endpoints that it is for.
        is_refused: must it not be started?
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
        """The addresses of its endpoints, in the form of ListenStream=."""
        return [str(endpoint.address) for endpoint in self.endpoints]

    @property
    def places(self) -> list[str]:
        """Where it listens now, or would listen after a start."""
        return self.kept if self.is_refused else [*self.addresses, *self.kept]


def units_of(mode: str, endpoints: list[Endpoint]) -> list[SocketUnit]:
    """The instances of one template; `endpoints` are of that mode. Any name may be too long."""
    if not endpoints:
        return []
    instances = instances_of(endpoints)
    return [SocketUnit(mode, instance, own) for instance, own in instances.items()]


def at_place(units: list[SocketUnit]) -> dict[str, list[str]]:
    """For each address, the names of the units that listen there."""
    found: dict[str, list[str]] = {}
    for unit in units:
        for place in unit.places:
            found.setdefault(place, []).append(unit.name)
    return found


def rivals(name: str, places: Iterable[str], at: dict[str, list[str]]) -> list[str]:
    """The other units that listen at one of these places."""
    return list(dict.fromkeys(r for place in places for r in at.get(place, ()) if r != name))


def drop_in(unit: SocketUnit, at: dict[str, list[str]], config_path: str) -> str:
    """The drop-in that makes a unit listen."""
    others = rivals(unit.name, unit.places, at)
    # With an order in either direction, one unit has closed before the other one opens.
    lines = _unit_section(others, [each for each in others if each < unit.name], config_path)
    if not unit.is_refused:
        lines += _revived(unit.name)
    lines += ["", "[Socket]"]
    lines += [f"ListenStream={specifier_free(place)}" for place in [*unit.addresses, *unit.kept]]
    if unit.is_refused:
        # This unit must not remove a path that @all may have.
        lines += ["RemoveOnStop=no", f"ExecStartPre=/usr/bin/sh -c '{_REFUSAL}'"]
    elif any(e.address.path is not None for e in unit.endpoints):
        # Operators may override these in a drop-in, for clients other than Postfix.
        lines += ["SocketUser=postfix", "SocketGroup=postfix", "SocketMode=0660"]
        lines += [_UNIX_BACKLOG]
    lines += _wildcards(unit.endpoints)
    return "\n".join([*lines, ""])


def gone_drop_in(name: str, socket_lines: list[str], rivals: list[str], config_path: str) -> str:
    """The drop-in that keeps a unit listening although config.json has no endpoint for it any more.

    `rivals` are the units of config.json that would listen at the same addresses. If there are
    none, no endpoint answers: requests get temporary errors, and the unit cannot be started again.
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
    """Not in a shared drop-in, because a refused unit must stay down and could not revoke it."""
    return [f"OnFailure={_REVIVAL.format('%n')}"] if len(name) <= _MAX_REVIVED_NAME else []


def _wildcards(endpoints: list[Endpoint]) -> list[str]:
    """Lines for [::] to accept IPv4 as well, unless 0.0.0.0 has an endpoint at the same port.

    BindIPv6Only= applies to a whole unit. If one port needs it, the others get their own IPv4
    address.
    """
    v4 = {e.address.port for e in endpoints if e.address.ip == bytes(_IPV4_BYTES)}
    v6 = {e.address.port for e in endpoints if e.address.ip == bytes(_IPV6_BYTES)}
    if v4.isdisjoint(v6):
        return ["BindIPv6Only=both"] if v6 else []
    return ["BindIPv6Only=ipv6-only", *(f"ListenStream=0.0.0.0:{port}" for port in sorted(v6 - v4))]


def specifier_free(text: str) -> str:
    """A value without specifiers of systemd (systemd.unit(5))."""
    return text.replace("%", "%%")
