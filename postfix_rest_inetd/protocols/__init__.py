# SPDX-License-Identifier: MIT
"""The three protocols, one codec each: bytes to requests, replies to bytes, and no I/O at all.

A codec is a module with

    Decoder()        .feed(bytes) takes what arrived, in pieces of any size;
                     .next_request() returns a request, or None when it needs more, or raises
                     ProtocolError; .end() raises ProtocolError when the input ended inside a
                     request; .pending tells whether a part of a request has arrived
    encode(Reply)    the bytes for Postfix; raises InvalidDataError when they would be over the
                     limit of Postfix's client

After a ProtocolError a decoder must not be used any further. No decoder holds more than the limit
of its protocol, plus the piece that it was last fed.
"""

from __future__ import annotations

from .. import model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Decoder(Protocol):
        """What the decoders have in common."""

        @property
        def pending(self) -> bool:
            """Has a part of a request arrived?"""

        def feed(self, data: bytes) -> None:
            """Take what arrived."""

        def next_request(self) -> model.Request | None:
            """Return the next request, or None when more input is needed."""

        def end(self) -> None:
            """Tell that no more input will come."""

    class Codec(Protocol):
        """What the codec modules have in common."""

        def Decoder(self) -> Decoder:  # noqa: N802 - it is the class of that name
            """Create a decoder for one connection."""

        def encode(self, reply: model.Reply) -> bytes:
            """Put a reply into the protocol's form."""


def codec_of(mode: str) -> Codec:
    """The codec of a mode; only the one that is asked for is imported."""
    if mode == model.TCP_LOOKUP:
        from . import tcp_table

        return tcp_table
    if mode == model.SOCKETMAP_LOOKUP:
        from . import socketmap

        return socketmap
    from . import policy

    return policy


_RECOGNISABLE_BYTES = 4


def recognise(data: bytes) -> str | None:
    """The mode that the first bytes of a connection belong to, or None when they are too few.

    Needed only where no usable configuration tells the mode: a netstring starts with a digit, a
    tcp_table request with `get `, and a policy request with the name of an attribute.
    """
    if data[:1].isdigit():
        return model.SOCKETMAP_LOOKUP
    if data.startswith(b"get "):
        return model.TCP_LOOKUP
    if len(data) < _RECOGNISABLE_BYTES and b"\n" not in data:
        return None
    return model.POLICY
