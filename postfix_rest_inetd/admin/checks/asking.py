# SPDX-License-Identifier: MIT
"""How Postfix, on this machine, asks an endpoint: as main.cf has it, or why it cannot."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.protocols import SIDES
from postfix_rest_inetd.config.address import WILDCARDS, LocalAddress

if TYPE_CHECKING:
    from postfix_rest_inetd.config.endpoint import Endpoint

# What ends a word in main.cf or has a meaning of its own: util/mystrtok.c, util/mac_parse.c.
_SPECIAL = frozenset(" ,{}$")


class Obstacle(NamedTuple):
    """Why Postfix cannot ask an endpoint, and what helps."""

    what: str
    advice: str


def obstacle(endpoint: Endpoint) -> Obstacle | None:
    """What keeps Postfix from asking an endpoint at its address; None for nothing."""
    path, side = endpoint.address.path, SIDES[endpoint.mode]
    if path is None:
        return None
    if not side.HAS_UNIX_SOCKETS:
        what = f"Postfix cannot ask it: a {side.TABLE}: table has no unix sockets"
        others = [mode for mode, each in SIDES.items() if each.TABLE and each.HAS_UNIX_SOCKETS]
        advice = f"Set bind-port instead of bind-path, or the mode {' or '.join(others)}."
        return Obstacle(what, advice)
    if not _SPECIAL.isdisjoint(path):
        what = "Postfix cannot ask it: main.cf cannot name its bind-path"
        return Obstacle(what, "Choose a bind-path without blanks, commas, braces and $.")
    return None


def element(endpoint: Endpoint, map_name: str, queue_directory: str) -> str:
    """What asks an endpoint that has no obstacle, as an element of a parameter.

    `queue_directory` is Postfix's, empty where it is not known. All programs of Postfix find a path
    below it that is relative to it, in a chroot or not.
    """
    place = _place(endpoint.address, queue_directory.rstrip("/"))
    return SIDES[endpoint.mode].in_main_cf(place, map_name)


def _place(address: LocalAddress, queue: str) -> str:
    if address.path is not None:
        return f"unix:{address.path.removeprefix(f'{queue}/') if queue else address.path}"
    if address.ip in WILDCARDS:
        loopback = b"\x7f\0\0\1" if len(address.ip or b"") == 4 else bytes(15) + b"\1"
        address = LocalAddress(loopback, address.port)
    return f"inet:{address}"
