# SPDX-License-Identifier: MIT
"""Postfix's side of each protocol: how it asks, what it understands, what main.cf calls it.

A side is a module with

    TABLE               the type of the tables in main.cf; empty where Postfix has no table
    HAS_MAPS            does a request name a map? All maps share one connection then
    TRIES               what Postfix does, in words, before it takes a reply that it cannot use for
                        what it is; empty for nothing
    TRIES_AFTER_CLOSE   the same where the connection has ended, or could not be made
    in_main_cf(place, map_name)
                        what asks at a place (`inet:127.0.0.1:9001`), as an element of a parameter
    encode(Request)     the bytes that Postfix sends
    take(bytes)         the Answer that the bytes begin with, and its length; None when it needs
                        more; raises ReplyError for what Postfix cannot use

It does no I/O. SIDES has one for each mode; a mode that has none is a KeyError. What the handler
does differently from one mode to another stands in the package of the same name in the core.
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
        TRIES: str
        TRIES_AFTER_CLOSE: str

        def in_main_cf(self, place: str, map_name: str) -> str:
            """What asks at a place."""

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
