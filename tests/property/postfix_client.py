# SPDX-License-Identifier: MIT
"""The other side of the three protocols, as Postfix has it: requests encoded, replies decoded.

Written from the descriptions of the protocols and Postfix's own client code, not from the package:
a mistake would have to be made twice to go unnoticed.
"""

from __future__ import annotations

import re
from typing import NamedTuple

HEX = b"0123456789ABCDEF"


class Frame(NamedTuple):
    """One reply, as Postfix takes it off the wire."""

    status: bytes
    text: bytes


class BadReplyError(Exception):
    """Postfix would not take this for one good reply."""


def tcp_request(key: bytes, *, lower: bool = False) -> bytes:
    """A key as a tcp table is asked for it: hex_quote() of global/quote_flags, and a newline."""
    quoted = bytearray()
    for octet in key:
        if octet == 0x25 or octet <= 0x20 or octet >= 0x7F:
            digits = bytes([HEX[octet >> 4], HEX[octet & 15]])
            quoted += b"%" + (digits.lower() if lower else digits)
        else:
            quoted.append(octet)
    return b"get " + bytes(quoted) + b"\n"


def socketmap_request(name: bytes, key: bytes) -> bytes:
    """A key as a socketmap is asked for it."""
    payload = name + b" " + key
    return str(len(payload)).encode("ascii") + b":" + payload + b","


def policy_request(attributes: list[tuple[bytes, bytes]]) -> bytes:
    """Attributes as a policy service is sent them."""
    return b"".join(name + b"=" + value + b"\n" for name, value in attributes) + b"\n"


def tcp_reply(wire: bytes) -> Frame:
    """A tcp table's reply: one line of at most 4096 bytes, `CODE SP TEXT`, %XX decoded."""
    if len(wire) > 4096:
        raise BadReplyError("longer than DICT_TCP_MAXLEN")
    if not wire.endswith(b"\n") or wire.count(b"\n") != 1:
        raise BadReplyError("not one line")
    match = re.fullmatch(rb"([245]\d\d) ([!-~]*)\n", wire)
    if match is None:
        raise BadReplyError("not a code, a space, and printable characters")
    pieces = re.split(rb"%(..)?", match[2])
    text = bytearray(pieces[0])
    for code, literal in zip(pieces[1::2], pieces[2::2], strict=True):
        if code is None or not re.fullmatch(rb"[0-9A-Fa-f]{2}", code):
            raise BadReplyError("a bad %XX")
        text += bytes.fromhex(code.decode()) + literal
    if match[1].startswith(b"2") and not text:
        raise BadReplyError("an empty value")
    return Frame(match[1], bytes(text))


def socketmap_reply(wire: bytes) -> Frame:
    """A socketmap's reply: one netstring of at most 100000 bytes, `STATUS SP TEXT`."""
    match = re.match(rb"(0|[1-9][0-9]*):", wire)
    if match is None:
        raise BadReplyError("no length")
    length = int(match[1])
    payload = wire[match.end() : match.end() + length]
    if length > 100_000:
        raise BadReplyError("longer than Postfix takes")
    if wire[match.end() + length :] != b",":
        raise BadReplyError("not one netstring")
    status, space, text = payload.partition(b" ")
    if status not in (b"OK", b"NOTFOUND", b"TEMP", b"TIMEOUT", b"PERM") or not space:
        raise BadReplyError("an unknown status")
    if (status == b"OK") != bool(text) and status in (b"OK", b"NOTFOUND"):
        raise BadReplyError("an empty value, or a value of what was not found")
    return Frame(status, text)


def policy_reply(wire: bytes) -> Frame:
    """A policy service's reply: `action=TEXT`, an empty line, and nothing else."""
    match = re.fullmatch(rb"action=([^\n]*)\n\n", wire)
    if match is None:
        raise BadReplyError("not one action and an empty line")
    return Frame(b"action", match[1])


def lets_mail_in_by_accident(action: bytes) -> bool:
    """Would check_table_result() accept the mail on an action that says no such thing?

    It does when there is no restriction in the text, blanks, commas and braces taken away, and when
    the text is a number.
    """
    return not action.translate(None, b" ,\t\r\n{}") or not action.translate(None, b"0123456789")


_STATUS = rb"[245]\.[0-9]{1,3}\.[0-9]{1,3}"
_LEFT_OVERS = re.compile(
    rb"(?i:reject|defer|defer_if_permit|defer_if_reject|[45][0-9]{2})[ \t]\s*" + _STATUS
)


def sends_left_overs(action: bytes) -> bool:
    """Would dsn_split(), as it was for long, step over the end of the action?"""
    return _LEFT_OVERS.fullmatch(action) is not None


def is_ignored(action: bytes) -> bool:
    """Does check_table_result() warn of the action, or of a part of it, and go on without it?"""
    command, _, text = action.replace(b"\t", b" ").partition(b" ")
    command, text = command.lower(), text.strip()
    if command == b"filter":
        return b":" not in text
    if command in (b"redirect", b"bcc"):
        return b"@" not in text
    if command == b"prepend":
        return re.match(rb"[!-9;-~]+[ \t]*:", text) is None
    if command in _TOLD_BY_THE_FIRST_WORD or is_reply_code(action):
        return False
    return _is_partly_ignored(re.split(rb"[ ,\t\r\n]+", action.lower().strip(b" ,\t\r\n")))


_TOLD_BY_THE_FIRST_WORD = (
    b"dunno reject defer hangup info warn hold discard defer_if_permit defer_if_reject ok relay"
).split()
_NEEDS_A_NAME = re.compile(
    rb"reject_rbl|reject_rbl_client|permit_(?:dns|rhs)wl_client|"
    rb"reject_rhsbl_(?:(?:reverse_)?client|helo|sender|recipient)"
)


_LAST = (b"permit", b"reject", b"defer", b"check_relay_domains")


def _is_partly_ignored(names: list[bytes]) -> bool:
    """The warnings of generic_checks() in the order of the list, as long as it goes on."""
    warns = False
    while names:
        name, *names = names
        if name in _LAST and not (warns and name != b"permit"):
            return bool(names)
        if _NEEDS_A_NAME.fullmatch(name):
            if not names:
                return True
            del names[0]
        if name == b"sleep":
            if not names or not names[0].isdigit():
                return False  # an error, not a warning
            del names[0]
        warns = name == b"warn_if_reject"
    return warns


def is_reply_code(action: bytes) -> bool:
    """Is the action a reply code with text behind it, as Postfix tells one?"""
    command, _, text = action.partition(b" ")
    return (
        len(command) == 3 and command[:1] in b"45" and command.isdigit() and bool(text.lstrip(b" "))
    )
