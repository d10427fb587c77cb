# SPDX-License-Identifier: MIT
"""Postfix's side of the three protocols: requests to bytes, bytes to replies, and no I/O.

What Postfix's own client would complain about is an error here too, in its words where it has any:
util/dict_tcp.c, util/dict_sockmap.c with util/netstring.c, and util/attr_scan_plain.c behind
smtpd/smtpd_check.c. One thing is stricter: bytes behind a reply, which nobody has asked for, are an
error, because Postfix would take them for the reply to its next request.

A reply is what Postfix makes of it: the first digit of a tcp_table reply decides, the word of a
socketmap reply, the first `action` of a policy reply.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd import model
from postfix_rest_inetd.protocols import netstring, socketmap, tcp_table

if TYPE_CHECKING:
    from collections.abc import Callable

# Postfix has no limit for policy replies; an action of the handler has at most 4096 bytes.
MAX_POLICY_REPLY_BYTES = 65536

_CODE_DIGITS = 3
_PRINTABLE = bytes(range(0x21, 0x7F))
_PERCENT = ord("%")
_TCP_KINDS = {
    ord("2"): model.REPLY_VALUE,
    ord("4"): model.REPLY_TEMPORARY,
    ord("5"): model.REPLY_NOT_FOUND,
}
_SOCKETMAP_KINDS = {
    b"OK": model.REPLY_VALUE,
    b"NOTFOUND": model.REPLY_NOT_FOUND,
    b"TEMP": model.REPLY_TEMPORARY,
    b"TIMEOUT": model.REPLY_TIMEOUT,
    b"PERM": model.REPLY_PERMANENT,
}


class ReplyError(ValueError):
    """It is no reply that Postfix could use; the text says why and repeats nothing of it."""


class Answer(NamedTuple):
    """What Postfix understands: one of the REPLY_ kinds, and the text, decoded."""

    kind: str
    word: str
    text: bytes


def encode(request: model.Request) -> bytes:
    """The bytes that Postfix sends."""
    if isinstance(request, model.PolicyRequest):
        return b"".join(b"%s=%s\n" % pair for pair in request.attributes) + b"\n"
    if request.map_name is not None:
        return netstring.encode(b"%s %s" % (request.map_name, request.key))
    return b"get %s\n" % _quoted(request.key)


class ReplyDecoder:
    """Takes the bytes of one connection, gives one Answer for each request."""

    def __init__(self, mode: str) -> None:
        """Nothing has arrived yet."""
        self._take = _TAKERS[mode]
        self._buffer = bytearray()

    @property
    def pending(self) -> bool:
        """Have bytes arrived that belong to no reply that was taken?"""
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
            what = "action" if self._take is _policy else "value"
            raise ReplyError(f"the {what} is empty")
        return answer


def _tcp(data: bytes) -> tuple[Answer, int] | None:
    end = data.find(b"\n", 0, tcp_table.MAX_REPLY_BYTES)
    if end < 0:
        if len(data) >= tcp_table.MAX_REPLY_BYTES:
            raise ReplyError(f"the reply is longer than {tcp_table.MAX_REPLY_BYTES} bytes")
        return None
    line = data[:end]
    code, blank, quoted = line[:_CODE_DIGITS], line[_CODE_DIGITS : _CODE_DIGITS + 1], line[4:]
    if len(code) < _CODE_DIGITS or not code.isdigit() or blank not in (b" ", b"\t"):
        raise ReplyError("the reply does not begin with three digits and a blank")
    if code[0] not in _TCP_KINDS:
        raise ReplyError("the code of the reply begins with none of the digits 2, 4 and 5")
    return Answer(_TCP_KINDS[code[0]], code.decode(), _unquoted(quoted)), end + 1


def _socketmap(data: bytes) -> tuple[Answer, int] | None:
    decoder = netstring.NetstringDecoder(socketmap.MAX_REPLY_BYTES)
    decoder.feed(data)
    try:
        payload = decoder.next_payload()
    except netstring.NetstringError as error:
        raise ReplyError(f"the reply is no netstring: {error}") from None
    if payload is None:
        return None
    word, _, text = payload.partition(b" ")
    if word not in _SOCKETMAP_KINDS:
        known = ", ".join(known.decode() for known in _SOCKETMAP_KINDS)
        raise ReplyError(f"the reply begins with none of the words {known}")
    answer = Answer(_SOCKETMAP_KINDS[word], word.decode(), text)
    return answer, len(netstring.encode(payload))


def _policy(data: bytes) -> tuple[Answer, int] | None:
    end = data.find(b"\n\n", 0, MAX_POLICY_REPLY_BYTES)
    if data.startswith(b"\n"):
        raise ReplyError("the reply has no action")
    if end < 0:
        if len(data) >= MAX_POLICY_REPLY_BYTES:
            raise ReplyError(f"the reply is longer than {MAX_POLICY_REPLY_BYTES} bytes")
        return None
    for line in data[:end].split(b"\n"):
        name, equals, value = line.partition(b"=")
        if not equals:
            raise ReplyError("the reply has a line without '='")
        if name == b"action":
            return Answer(model.REPLY_VALUE, "action", value), end + 2
    raise ReplyError("the reply has no action")


_TAKERS: dict[str, Callable[[bytes], tuple[Answer, int] | None]] = {
    model.TCP_LOOKUP: _tcp,
    model.SOCKETMAP_LOOKUP: _socketmap,
    model.POLICY: _policy,
}


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
            raise ReplyError("the reply has a % without two hexadecimal digits behind it")
        pieces += [octet, piece[2:]]
    return b"".join(pieces)
