# SPDX-License-Identifier: MIT
"""tcp_table(5): `get KEY` and a newline, answered by `CODE TEXT` and a newline.

The grammar of a request is what Postfix's client (util/dict_tcp.c) sends and nothing else:

    get SP *( 0x21-0x7e, with %XX for an octet ) LF

- Postfix sends `%`, white space, control characters and octets from 0x80 on as %XX. Any of them in
  its raw form is a broken request, also a carriage return before the newline. XX may be in either
  case. `+ & = / "` are literal.
- %00 is broken, because keys are C strings. Other control characters may occur as %XX.
- The key may be empty: `postmap -q ""` sends that.
- `put`, which tcp_table(5) describes, but Postfix does not send, is broken.
- A line has at most MAX_REQUEST_BYTES with its newline: header_checks may look up keys of up to
  102400 octets, each of which takes up to three octets here. Input that cannot become a request is
  refused at once and not at its newline, so that a client of another protocol does not wait.

In a reply, the same octets are encoded as %XX, and no others. The client accepts at most
MAX_REPLY_BYTES (DICT_TCP_MAXLEN) with the newline. It knows three codes: 200, 400 (try again later)
and 500 (no such key). So a permanent error is also a 400.
"""

from __future__ import annotations

from .. import model
from ..errors import InvalidDataError, ProtocolError

MAX_REQUEST_BYTES = 320 * 1024
MAX_REPLY_BYTES = 4096

_COMMAND = b"get "
_PRINTABLE = bytes(range(0x21, 0x7F))
_HEX_DIGITS = b"0123456789ABCDEFabcdef"


class Decoder:
    """Takes the bytes of one connection, gives LookupRequests."""

    __slots__ = ("_buffer", "_searched")

    def __init__(self) -> None:
        """Nothing has arrived yet."""
        self._buffer = bytearray()
        self._searched = 0

    @property
    def pending(self) -> bool:
        """Has a part of a request arrived?"""
        return bool(self._buffer)

    def feed(self, data: bytes) -> None:
        """Take what arrived."""
        self._buffer += data

    def next_request(self) -> model.LookupRequest | None:
        """Return the next request, or None when more input is needed.

        Raises:
            ProtocolError: the input is not a request.
        """
        if not _COMMAND.startswith(self._buffer[: len(_COMMAND)]):
            raise _broken("it does not begin with 'get '")
        newline = self._buffer.find(b"\n", self._searched, MAX_REQUEST_BYTES)
        if newline < 0:
            self._searched = len(self._buffer)
            if self._searched >= MAX_REQUEST_BYTES:
                raise _broken(f"it is longer than {MAX_REQUEST_BYTES} bytes")
            return None
        quoted = bytes(self._buffer[len(_COMMAND) : newline])
        del self._buffer[: newline + 1]
        self._searched = 0
        return model.LookupRequest(_unquote(quoted))

    def end(self) -> None:
        """Tell that no more input will come.

        Raises:
            ProtocolError: the input ended inside a request.
        """
        if self._buffer:
            raise _broken("the connection ended in the middle of it")


def encode(reply: model.Reply) -> bytes:
    """Put a reply into the protocol's form.

    Raises:
        InvalidDataError: Postfix would not accept a reply of that length.
    """
    text = "key not found" if reply.kind == model.REPLY_NOT_FOUND else reply.text
    line = b"%s %s\n" % (_CODES.get(reply.kind, b"400"), _quote(text.encode()))
    if len(line) > MAX_REPLY_BYTES:
        raise InvalidDataError(
            f"the reply would be {len(line)} bytes long, and Postfix takes at most "
            f"{MAX_REPLY_BYTES} from a tcp table; a socketmap takes 100000"
        )
    return line


_CODES = {model.REPLY_VALUE: b"200", model.REPLY_NOT_FOUND: b"500"}


def _broken(reason: str) -> ProtocolError:
    return ProtocolError(reason, "Broken request!")


def _quote(data: bytes) -> bytes:
    if b"%" not in data and not data.translate(None, _PRINTABLE):
        return data
    return b"".join(
        [
            b"%c" % octet if octet in _PRINTABLE and octet != 0x25 else b"%%%02X" % octet
            for octet in data
        ]
    )


def _unquote(quoted: bytes) -> bytes:
    if quoted.translate(None, _PRINTABLE):
        raise _broken("it has a blank, a control or an 8-bit character that is not encoded as %XX")
    if b"%" not in quoted:
        return quoted
    head, *rest = quoted.split(b"%")
    pieces = [head]
    for piece in rest:
        code = piece[:2]
        if len(code) != 2 or code.translate(None, _HEX_DIGITS) or code == b"00":
            raise _broken(
                "it has a % that is not followed by the two hexadecimal digits of a character"
            )
        pieces.append(bytes.fromhex(code.decode()))
        pieces.append(piece[2:])
    return b"".join(pieces)
