# SPDX-License-Identifier: MIT
"""The names of the units: a template for each mode, and its instances.

    @all    every endpoint of the mode
    @NAME   the endpoints of that name. NAME is escaped by systemd-escape(1). A name like
            domain-lookup, which systemd accepts unescaped, can also be used unescaped

A mode that has no template is a KeyError.
"""

from __future__ import annotations

from ..protocols import MODES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..config.endpoint import Endpoint

# Not systemd's 255: a file `NAME.conf` is made of it (10-limits.conf), of at most 255 bytes.
MAX_NAME = 250


def unit_of(mode: str) -> str:
    """The name of a mode's templates, without the @ and what follows."""
    return MODES[mode].unit


def socket_of(mode: str, instance: str = "") -> str:
    """The name of a socket unit, or of the template that the socket units of a mode have."""
    return f"{unit_of(mode)}@{instance}.socket"


def instances_of(endpoints: Iterable[Endpoint]) -> dict[str, list[Endpoint]]:
    """The instances of a socket template, and where each listens; `endpoints` are of one mode."""
    endpoints = list(endpoints)
    instances = {"all": endpoints}
    named: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        named.setdefault(escape(endpoint.name), []).append(endpoint)
    plain: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        if _is_plain(endpoint.name) and endpoint.name not in named:
            plain.setdefault(endpoint.name, []).append(endpoint)
    return {**named, **plain, **instances}


def escape(name: str) -> str:
    """A name as systemd-escape(1) escapes it."""
    escaped = []
    for index, octet in enumerate(name.encode()):
        character = chr(octet)
        if character == "/":
            escaped.append("-")
        elif octet < 0x80 and (
            character.isalnum() or character in ":_" or (character == "." and index)
        ):
            escaped.append(character)
        else:
            escaped.append(f"\\x{octet:02x}")
    return "".join(escaped)


def _is_plain(name: str) -> bool:
    """Can the name be used unescaped in the name of a unit?"""
    return name.isascii() and all(c.isalnum() or c in ":_.-" for c in name)
