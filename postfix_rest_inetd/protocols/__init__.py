# SPDX-License-Identifier: MIT
"""The protocols: the differences between the modes, and a codec for each protocol. No I/O.

MODES has a row for each mode. All differences between modes are there, or in `admin.protocols`,
which has Postfix's side. A mode that has no row is a
KeyError everywhere.

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
    from collections.abc import Callable
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


class Mode:
    """The properties of a mode.

    Attributes:
        codec: returns the codec; only the one that is asked for is imported.
        unit: the name of its unit templates, without the @ and what follows.
        is_lookup: are the requests LookupRequests, for which the backend has values? Otherwise they
            are PolicyRequests, and it has actions.
        is_spoken: do the first bytes of a connection belong to it? None while there are too few to
            tell.
    """

    __slots__ = ("codec", "is_lookup", "is_spoken", "unit")

    def __init__(
        self,
        codec: Callable[[], Codec],
        unit: str,
        is_spoken: Callable[[bytes], bool | None],
        *,
        is_lookup: bool,
    ) -> None:
        """See the class."""
        self.codec = codec
        self.unit = unit
        self.is_spoken = is_spoken
        self.is_lookup = is_lookup


def _tcp_table() -> Codec:
    from . import tcp_table

    return tcp_table


def _socketmap() -> Codec:
    from . import socketmap

    return socketmap


def _policy() -> Codec:
    from . import policy

    return policy


_GET = b"get "


def _begins_with_get(data: bytes) -> bool | None:
    if len(data) < len(_GET) and _GET.startswith(data):
        return None
    return data.startswith(_GET)


def _begins_with_digit(data: bytes) -> bool | None:
    return data[:1].isdigit() if data else None


def _begins_with_anything(data: bytes) -> bool | None:
    """A policy request begins with the name of an attribute, and a name may be anything."""
    return True if len(data) >= len(_GET) or b"\n" in data else None


# `_begins_with_anything` comes last: recognise() takes the first that fits.
MODES = {
    model.TCP_LOOKUP: Mode(_tcp_table, "postfix-rest-tcp", _begins_with_get, is_lookup=True),
    model.SOCKETMAP_LOOKUP: Mode(
        _socketmap, "postfix-rest-socketmap", _begins_with_digit, is_lookup=True
    ),
    model.POLICY: Mode(_policy, "postfix-rest-policy", _begins_with_anything, is_lookup=False),
}

# The mode for a client that closes the connection before its first bytes tell the protocol. An
# incomplete policy request gets no reply, and every client can handle that.
OF_TOO_FEW_BYTES = model.POLICY


def codec_of(mode: str) -> Codec:
    """The codec of a mode; only the one that is asked for is imported."""
    return MODES[mode].codec()


def is_lookup(mode: str) -> bool:
    """Are the requests of a mode LookupRequests? Otherwise they are PolicyRequests."""
    return MODES[mode].is_lookup


def recognise(data: bytes) -> str | None:
    """The mode that the first bytes of a connection belong to, or None when they are too few.

    Needed only where no usable configuration tells the mode: a netstring starts with a digit, a
    tcp_table request with `get `, and a policy request with the name of an attribute.
    """
    for mode, row in MODES.items():
        if row.is_spoken(data):
            return mode
    return None
