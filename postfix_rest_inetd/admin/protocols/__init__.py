# SPDX-License-Identifier: MIT
"""Postfix's side of each protocol: its requests, the replies it accepts, and its form in main.cf.

A side is a module with

    TABLE               the type of the tables in main.cf; empty if this is not a table
    HAS_MAPS            does a request name a map? Then all maps share one connection
    HAS_UNIX_SOCKETS    can Postfix ask at the path of a unix socket?
    TRIES               the tries of Postfix, in words, before it treats an unusable reply as an
                        error; empty if there are none
    TRIES_AFTER_CLOSE   the same if the connection has ended, or could not be made
    in_main_cf(place, map_name)
                        the element of a parameter that asks at a place (`inet:127.0.0.1:9001`,
                        `unix:/run/x`)
    encode(Request)     the bytes that Postfix sends
    take(bytes)         the Answer that the bytes begin with, and its length; None when it needs
                        more; raises ReplyError if Postfix cannot use them

It does no I/O. SIDES has one for each mode; a mode that has none is a KeyError. The differences
between the modes on the handler's side are in the package of the same name in the core.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.protocols import policy, socketmap, tcp_table

if TYPE_CHECKING:
    from typing import Protocol

    from postfix_rest_inetd.admin.protocols.answer import Answer

    class Side(Protocol):
        """What the modules have in common."""

        TABLE: str
        HAS_MAPS: bool
        HAS_UNIX_SOCKETS: bool
        TRIES: str
        TRIES_AFTER_CLOSE: str

        def in_main_cf(self, place: str, map_name: str) -> str:
            """The element of a parameter that asks at a place."""

        def encode(self, request: model.Request) -> bytes:
            """The bytes that Postfix sends."""

        def take(self, data: bytes) -> tuple[Answer, int] | None:
            """The reply that the bytes begin with, and its length."""


SIDES: dict[str, Side] = {
    model.TCP_LOOKUP: tcp_table,
    model.SOCKETMAP_LOOKUP: socketmap,
    model.POLICY: policy,
}
MODES_OF_TABLES = {side.TABLE: mode for mode, side in SIDES.items() if side.TABLE}
"""The modes of the tables, by their type."""


def has_maps(mode: str) -> bool:
    """Do the requests of a mode name a map?"""
    return SIDES[mode].HAS_MAPS
