# SPDX-License-Identifier: MIT
"""Postfix's side of tcp_table(5): util/dict_tcp.c. The first digit of a reply decides."""

from __future__ import annotations

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.protocols.answer import Answer, ReplyError
from postfix_rest_inetd.protocols import tcp_table

TABLE = "tcp"
HAS_MAPS = False
HAS_UNIX_SOCKETS = False  # util/dict_tcp.c connects to host:port, and takes a path for a port
TRIES = TRIES_AFTER_CLOSE = "after ten tries, a second apart, "

_CODE_DIGITS = 3
_PRINTABLE = bytes(range(0x21, 0x7F))
_PERCENT = ord("%")
_KINDS = {
    ord("2"): model.REPLY_VALUE,
    ord("4"): model.REPLY_TEMPORARY,
    ord("5"): model.REPLY_NOT_FOUND,
}


def in_main_cf(place: str, _map_name: str) -> str:
    """The table at a place."""
    return place.replace("inet:", "tcp:", 1)


def encode(request: model.Request) -> bytes:
    """The bytes that Postfix sends."""
    if not isinstance(request, model.LookupRequest) or request.map_name is not None:
        raise TypeError("a tcp table is asked for a key, and for nothing else")
    return b"get %s\n" % _quoted(request.key)


def take(data: bytes) -> tuple[Answer, int] | None:
    """The reply that the bytes begin with, and its length; None when it needs more.

    Raises:
        ReplyError: Postfix cannot use it.
    """
    end = data.find(b"\n", 0, tcp_table.MAX_REPLY_BYTES)
    if end < 0:
        if len(data) >= tcp_table.MAX_REPLY_BYTES:
            raise ReplyError(f"the reply is longer than {tcp_table.MAX_REPLY_BYTES} bytes")
        return None
    line = data[:end]
    code, blank, quoted = line[:_CODE_DIGITS], line[_CODE_DIGITS : _CODE_DIGITS + 1], line[4:]
    if len(code) < _CODE_DIGITS or not code.isdigit() or blank not in (b" ", b"\t"):
        raise ReplyError("the reply does not begin with three digits and a blank")
    if code[0] not in _KINDS:
        raise ReplyError("the code of the reply begins with none of the digits 2, 4 and 5")
    return Answer(_KINDS[code[0]], code.decode(), _unquoted(quoted)), end + 1


def _quoted(key: bytes) -> bytes:
    return b"".join(
        b"%c" % octet if octet in _PRINTABLE and octet != _PERCENT else b"%%%02X" % octet
        for octet in key
    )


def _unquoted(quoted: bytes) -> bytes:
    head, *rest = quoted.split(b"%")
    pieces = [head]
    for piece in rest:
        try:
            # fromhex() would take blanks for nothing.
            octet = bytes.fromhex(piece[:2].decode("ascii").replace(" ", "?"))
        except ValueError:
            octet = b""
        if not octet:
            raise ReplyError("the reply has a % without two hexadecimal digits after it")
        pieces += [octet, piece[2:]]
    return b"".join(pieces)
