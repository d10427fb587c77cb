# SPDX-License-Identifier: MIT
"""socketmap_table(5): a netstring of `NAME SP KEY`, answered by a netstring of `STATUS SP TEXT`.

What Postfix's client (util/dict_sockmap.c, util/netstring.c) sends and accepts:

- The name of the map ends at the first space, and may be empty. The key is the rest, also with
  spaces in it: raw octets without any encoding. It may be empty. Name and key have no NUL, because
  they are C strings. A payload without a space, or with a NUL, is a broken request.
- A payload has at most MAX_REQUEST_BYTES. Postfix sends up to 10000 from 3.12 on, and had no limit
  before. Its own parsers accept keys of up to 102400 octets, to which the name is added.
- The statuses are `OK`, `NOTFOUND`, `TEMP`, `TIMEOUT` and `PERM`, in capitals. `NOTFOUND` is sent
  with its space and no text. An empty `OK` is an error to Postfix. It does not occur, because
  `verdict` makes "not found" of an empty value.
- The client accepts at most MAX_REPLY_BYTES of payload. It would read the tail of a longer one as
  the next reply, so encode() refuses such a reply.
"""

from __future__ import annotations

from .. import model
from ..errors import InvalidDataError, ProtocolError
from . import netstring

MAX_REQUEST_BYTES = 110_000
MAX_REPLY_BYTES = 100_000


class Decoder:
    """Takes the bytes of one connection, gives LookupRequests."""

    __slots__ = ("_netstrings",)

    def __init__(self) -> None:
        """Nothing has arrived yet."""
        self._netstrings = netstring.NetstringDecoder(MAX_REQUEST_BYTES)

    @property
    def pending(self) -> bool:
        """Has a part of a request arrived?"""
        return self._netstrings.pending

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._netstrings.feed(data)

    def next_request(self) -> model.LookupRequest | None:
        """Return the next request, or None when more input is needed.

        Raises:
            ProtocolError: the input is not a request.
        """
        try:
            payload = self._netstrings.next_payload()
        except netstring.NetstringError as error:
            raise _broken(str(error)) from None
        if payload is None:
            return None
        map_name, space, key = payload.partition(b" ")
        if not space or b"\0" in payload:
            raise _broken("invalid request format")
        return model.LookupRequest(key, map_name)

    def end(self) -> None:
        """Tell that no more input will come.

        Raises:
            ProtocolError: the input ended inside a request.
        """
        if self.pending:
            raise _broken("The connection ended in the middle of the request")


def encode(reply: model.Reply) -> bytes:
    """Put a reply into the protocol's form.

    Raises:
        InvalidDataError: Postfix would not accept a reply of that length.
    """
    payload = b"%s %s" % (_STATUSES[reply.kind], reply.text.encode())
    if len(payload) > MAX_REPLY_BYTES:
        raise InvalidDataError(
            f"the reply would be {len(payload)} bytes long, and Postfix takes at most "
            f"{MAX_REPLY_BYTES} from a socketmap"
        )
    return netstring.encode(payload)


_STATUSES = {
    model.REPLY_VALUE: b"OK",
    model.REPLY_NOT_FOUND: b"NOTFOUND",
    model.REPLY_TEMPORARY: b"TEMP",
    model.REPLY_TIMEOUT: b"TIMEOUT",
    model.REPLY_PERMANENT: b"PERM",
}


def _broken(reason: str) -> ProtocolError:
    return ProtocolError(reason, f"Broken request! ({reason})")
