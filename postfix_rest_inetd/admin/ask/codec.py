# SPDX-License-Identifier: MIT
"""Postfix's side of a connection: requests to bytes, bytes to replies, without I/O.

An error of Postfix's own client is an error here as well, with the same words if it has any; they
are in `admin.protocols` for each mode. Only one thing is stricter: unexpected bytes after a reply
are an error, because Postfix would take them for the reply to its next request.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.protocols import SIDES
from postfix_rest_inetd.admin.protocols.answer import Answer, ReplyError
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Answer", "ReplyDecoder", "ReplyError", "encode"]


def encode(mode: str, request: model.Request) -> bytes:
    """The bytes that Postfix sends; a request of another mode is a TypeError."""
    return SIDES[mode].encode(request)


class ReplyDecoder:
    """Takes the bytes of one connection, gives one Answer for each request."""

    def __init__(self, mode: str) -> None:
        """Nothing has arrived yet."""
        self._take: Callable[[bytes], tuple[Answer, int] | None] = SIDES[mode].take
        self._what = "value" if is_lookup(mode) else "action"
        self._buffer = bytearray()

    @property
    def pending(self) -> bool:
        """Have bytes arrived that are not part of a reply that was returned?"""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    def next_answer(self) -> Answer | None:
        """Return the reply, or None when more input is needed.

        Raises:
            ReplyError: Postfix cannot use what has arrived.
        """
        taken = self._take(bytes(self._buffer))
        if taken is None:
            return None
        answer, length = taken
        del self._buffer[:length]
        if self._buffer:
            raise ReplyError(f"{len(self._buffer)} bytes follow the reply, which nobody asked for")
        if answer.kind == model.REPLY_VALUE and not answer.text:
            raise ReplyError(f"the {self._what} is empty")
        return answer
