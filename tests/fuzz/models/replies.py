# SPDX-License-Identifier: MIT
"""What Postfix takes from a stream as the next reply, byte for byte as its C code does.

property/postfix_client.py says what a good reply is; this says what becomes of any bytes. The
functions take the stream from an offset, and return what Postfix has understood, and the offset at
which it would look for the next reply. Written from util/dict_tcp.c, util/hex_quote.c,
util/dict_sockmap.c, util/netstring.c, util/attr_scan_plain.c of Postfix 3.12.
"""

from __future__ import annotations

from typing import NamedTuple

VALUE, NOT_FOUND, RETRY, CONFIG = "value", "not found", "DICT_ERR_RETRY", "DICT_ERR_CONFIG"

_TCP_MAX_BYTES = 4096  # DICT_TCP_MAXLEN
_SOCKETMAP_MAX_BYTES = 100_000  # DICT_SOCKMAP_DEF_MAX_REPLY
_SPACES = b" \t\n\v\f\r"


class Understood(NamedTuple):
    """What a lookup or a policy request ends with."""

    kind: str
    text: bytes
    end: int
    is_kept: bool
    """Does Postfix go on with the connection?"""


class NotAReplyError(Exception):
    """Postfix warns, drops the connection, and tries again or gives up."""


def tcp(stream: bytes, begin: int = 0) -> Understood:
    """dict_tcp_lookup()."""
    # vstring_get_nonl_bound() takes at most MAXLEN characters, a newline among them.
    newline = stream.find(b"\n", begin, begin + _TCP_MAX_BYTES)
    if newline < 0:
        raise NotAReplyError("end of input, or too long")
    line = stream[begin:newline].partition(b"\0")[0]
    raw = _hex_unquote(line[4:])
    if not line[:3].isdigit() or line[3:4] not in _as_list(_SPACES) or len(line) < 4 or raw is None:
        raise NotAReplyError("malformed reply")
    if line[:1] == b"2":
        return Understood(VALUE, raw, newline + 1, is_kept=True)
    if line[:1] == b"5":
        return Understood(NOT_FOUND, raw, newline + 1, is_kept=True)
    if line[:1] == b"4":
        return Understood(RETRY, raw, newline + 1, is_kept=False)
    raise NotAReplyError("bad status code")


def _hex_unquote(line: bytes) -> bytes | None:
    raw = bytearray()
    at = 0
    while at < len(line):
        octet = line[at]
        if octet == 0x25:
            digits = line[at + 1 : at + 3]
            if len(digits) < 2 or any(digit not in b"0123456789abcdefABCDEF" for digit in digits):
                return None
            octet = int(digits, 16)
            at += 2
        raw.append(octet)
        at += 1
    return bytes(raw).partition(b"\0")[0]  # a C string


def _as_list(octets: bytes) -> list[bytes]:
    return [bytes([octet]) for octet in octets]


def socketmap(stream: bytes, begin: int = 0) -> Understood:
    """dict_sockmap_lookup(), with netstring_get()."""
    at = begin
    length = 0
    while True:
        if at == len(stream):
            raise NotAReplyError("end of input")
        octet = stream[at]
        at += 1
        if octet == 0x3A:
            break
        if not 0x30 <= octet <= 0x39:
            raise NotAReplyError("format")
        length = length * 10 + octet - 0x30
    if length > _SOCKETMAP_MAX_BYTES:
        raise NotAReplyError("size")
    payload, comma = stream[at : at + length], stream[at + length : at + length + 1]
    if comma != b",":
        raise NotAReplyError("format, or end of input")
    status, _, text = payload.partition(b"\0")[0].partition(b" ")
    end = at + length + 1
    if status == b"OK":
        return Understood(VALUE, text, end, is_kept=True)
    if status == b"NOTFOUND":
        return Understood(NOT_FOUND, b"", end, is_kept=True)
    kind = CONFIG if status == b"PERM" else RETRY
    return Understood(kind, text, end, is_kept=True)


def policy(stream: bytes, begin: int = 0) -> Understood:
    """attr_scan_plain(fp, ATTR_FLAG_MISSING, STR "action", END): what follows is the next reply."""
    at = begin
    action: bytes | None = None
    while True:
        name, ended_by, at = _plain_string(stream, at, b"=")
        if ended_by == b"\n" and not name:
            break
        if action is None and name == b"action":
            if ended_by != b"=":
                raise NotAReplyError("no value")
            action, _, at = _plain_string(stream, at, b"")
        elif ended_by != b"\n":
            _, _, at = _plain_string(stream, at, b"")  # nobody asks for this attribute
    if action is None:
        raise NotAReplyError("no action")
    return Understood(VALUE, action.partition(b"\0")[0], at, is_kept=True)


def _plain_string(stream: bytes, begin: int, terminator: bytes) -> tuple[bytes, bytes, int]:
    for at in range(begin, len(stream)):
        octet = stream[at : at + 1]
        if octet == b"\n" or (terminator and octet == terminator):
            return stream[begin:at], octet, at + 1
    raise NotAReplyError("end of input")
