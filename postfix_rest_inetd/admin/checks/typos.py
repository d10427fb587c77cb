# SPDX-License-Identifier: MIT
"""Tables and policy services that are meant for an endpoint, in a form that Postfix refuses.

Postfix reports them as `invalid transport name`, `valid hostname or network address required`
or `garbage after numerical service`, in the log and a fatal error of each process.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.host import references
from postfix_rest_inetd.admin.protocols import SIDES, socketmap

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.admin.host.references import Reference

NO_MAP_NAME = "the name of the map is missing"
_TRANSPORTS = ("inet", "unix", "local")


def readings(reference: Reference, settings: Settings) -> Iterator[tuple[str, Reference]]:
    """What is wrong with a reference, and what it was probably meant to be."""
    yield from _READINGS[reference.mode](reference, settings)


def _policy(reference: Reference, settings: Settings) -> Iterator[tuple[str, Reference]]:
    for transport in _transports(reference.text):
        meant = f"{transport}:{reference.text}"
        yield f"{transport}: is missing", references.policy(meant, settings, "")


def _tcp_table(reference: Reference, _settings: Settings) -> Iterator[tuple[str, Reference]]:
    around, kind, rest = _split(reference)
    if rest.startswith("inet:"):
        meant = rest.removeprefix("inet:")
        yield "a tcp: table does not have inet:", _table(around, kind, meant)
    if "/" in rest:
        kind = socketmap.TABLE
        meant = f"unix:{rest.removeprefix('unix:')}:NAME"
        yield "a tcp: table has no unix sockets", _table(around, kind, meant)


def _socketmap(reference: Reference, _settings: Settings) -> Iterator[tuple[str, Reference]]:
    around, kind, rest = _split(reference)
    for transport in _transports(rest):
        problem = f"{transport}: is missing"
        yield problem, _table(around, kind, f"{transport}:{rest}")
        yield f"{problem}, and {NO_MAP_NAME}", _table(around, kind, f"{transport}:{rest}:NAME")
    yield NO_MAP_NAME, _table(around, kind, f"{rest.rstrip(':')}:NAME")
    server, _, name = rest.rpartition(":")
    server, colon, first = server.rpartition(":")
    if colon:
        meant = f"{server}:{first}-{name}"
        yield "the name of a map cannot have a colon", _table(around, kind, meant)


_READINGS = {
    model.TCP_LOOKUP: _tcp_table,
    model.SOCKETMAP_LOOKUP: _socketmap,
    model.POLICY: _policy,
}


def _transports(place: str) -> tuple[str, ...]:
    """The missing transport, derived from the rest of the reference."""
    if place.partition(":")[0] in _TRANSPORTS:
        return ()
    return ("unix",) if "/" in place else ("inet",)


def _split(reference: Reference) -> tuple[str, str, str]:
    """The text around a table, its type, and the text after the type."""
    kind = SIDES[reference.mode].TABLE
    around, _, rest = reference.text.partition(f"{kind}:")
    return around, kind, rest


def _table(around: str, kind: str, rest: str) -> Reference:
    return references.table(f"{around}{kind}:{rest}", kind, rest)
