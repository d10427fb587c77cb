# SPDX-License-Identifier: MIT
"""What Postfix's smtpd does with an action: check_table_result(), and generic_checks() for a list.

Written from smtpd/smtpd_check.c, global/dsn_util.c, global/is_header.c and util/mystrtok.c of
Postfix 3.12; octets, as C has them. What depends on the client, on tables or on DNS does not happen
here: such a restriction ends with DUNNO, and the list goes on, so that all of it is seen. An
unknown name may be a restriction class, and ends in the same way.
"""

from __future__ import annotations

from typing import NamedTuple

# What comes of an action.
DUNNO, PERMIT, REJECT, DEFER, HANGUP = "dunno", "permit", "reject", "defer", "hangup"
SERVER_ERROR = "451 4.3.5 Server configuration error"

_SEPARATORS = b", \t\r\n"  # CHARS_COMMA_SP
_SPACES = b" \t\n\v\f\r"  # isspace()
_DIGITS = b"0123456789"


class Effect(NamedTuple):
    """What happens."""

    result: str
    command: bytes = b""
    """The word that decided: an action or a reply code, in capitals; empty for a list."""
    by_accident: bool = False
    """Is mail accepted although the action does not say so?"""
    ignored: tuple[str, ...] = ()
    """Warnings after which Postfix goes on without the action, or without a part of it."""
    reads_on: bool = False
    """Did dsn_split() read past the end of the text, as it did until Postfix 3.11.0?"""
    restrictions: tuple[bytes, ...] = ()
    """The names that were evaluated, in small letters."""


def check_table_result(value: bytes) -> Effect:
    """The effect of the value of an action."""
    value = value.partition(b"\0")[0]
    length = next((at for at, octet in enumerate(value) if octet in b" \t"), len(value))
    command, text = value[:length].upper(), value[length:].lstrip(_SPACES)
    if command in _BY_FIRST_WORD:
        return _BY_FIRST_WORD[command](command, text)
    if value and not value.strip(_DIGITS):
        return Effect(PERMIT, command, by_accident=True)
    is_code = length == 3 and value[:1] in (b"4", b"5") and not value[1:3].strip(_DIGITS)
    if is_code and text:
        return _reply(command, text, REJECT if command[:1] == b"5" else DEFER)
    if b":" in value:
        return Effect(SERVER_ERROR)
    names = _split(value)
    if not names:
        return Effect(PERMIT, by_accident=True)
    return _generic_checks(names)


def _said(command: bytes, _: bytes) -> Effect:
    results = {b"HANGUP": HANGUP, b"OK": PERMIT, b"RELAY": PERMIT, b"DISCARD": PERMIT}
    return Effect(results.get(command, DUNNO), command)


def _reply(command: bytes, text: bytes, result: str) -> Effect:
    length = _dsn_valid(text)
    return Effect(result, command, reads_on=0 < length == len(text))


def _reject(command: bytes, text: bytes) -> Effect:
    return _reply(command, text, REJECT)


def _defer(command: bytes, text: bytes) -> Effect:
    return _reply(command, text, DEFER)


def _later(command: bytes, text: bytes) -> Effect:
    return _reply(command, text, DUNNO)


def _filter(command: bytes, text: bytes) -> Effect:
    ignored = () if b":" in text else ("requires transport:destination",)
    return Effect(DUNNO, command, ignored=ignored)


def _address(command: bytes, text: bytes) -> Effect:
    ignored = () if b"@" in text else ("requires user@domain target",)
    return Effect(DUNNO, command, ignored=ignored)


def _prepend(command: bytes, text: bytes) -> Effect:
    return Effect(DUNNO, command, ignored=() if is_header(text) else ("requires header: text",))


_BY_FIRST_WORD = {
    b"DUNNO": _said,
    b"REJECT": _reject,
    b"DEFER": _defer,
    b"HANGUP": _said,
    b"INFO": _said,
    b"WARN": _said,
    b"FILTER": _filter,
    b"HOLD": _said,
    b"DISCARD": _said,
    b"REDIRECT": _address,
    b"BCC": _address,
    b"DEFER_IF_PERMIT": _later,
    b"DEFER_IF_REJECT": _later,
    b"PREPEND": _prepend,
    b"OK": _said,
    b"RELAY": _said,
}


def _dsn_valid(text: bytes) -> int:
    """The length of the enhanced status code that a text begins with, or 0."""
    if text[:1] not in (b"2", b"4", b"5") or text[1:2] != b".":
        return 0
    at = 2
    for is_last in (False, True):
        begin = at
        while at < len(text) and text[at] in _DIGITS:
            at += 1
        if not 1 <= at - begin <= 3:
            return 0
        if not is_last:
            if text[at : at + 1] != b".":
                return 0
            at += 1
    return at if at == len(text) or text[at] in _SPACES else 0


def is_header(text: bytes) -> bool:
    """Does the text begin with a name, perhaps blanks, and a colon?"""
    has_name = has_blank = False
    for octet in text:
        if octet == 0x3A:
            return has_name
        if octet in b" \t":
            if not has_name:
                return False
            has_blank = True
        elif has_blank or octet >= 0x80 or octet < 0x20 or octet == 0x7F:
            return False
        else:
            has_name = True
    return False


def _split(value: bytes) -> list[bytes]:
    """argv_splitq(value, CHARS_COMMA_SP, CHARS_BRACE)."""
    words, word, level = [], bytearray(), 0
    for octet in value:
        if level == 0 and octet in _SEPARATORS:
            if word:
                words.append(bytes(word))
            word.clear()
            continue
        if octet == 0x7B:
            level += 1
        elif level > 0 and octet == 0x7D:
            level -= 1
        word.append(octet)
    return [*words, bytes(word)] if word else words


def _generic_checks(names: list[bytes]) -> Effect:
    """The effect of a list in which each restriction lets the next one decide, if it can."""
    result, evaluated, ignored = DUNNO, [], []
    warns = False
    at = 0
    while at < len(names) and result == DUNNO:
        name, *after = (each.lower() for each in names[at:])
        evaluated.append(name)
        at += 1
        if name == b"warn_if_reject":
            warns = True
            continue
        if name in NEED_DOMAIN and not after:
            ignored.append("requires domain name argument")
        if name in DECISIVE and after and (name == b"permit" or not warns):
            ignored.append(f"what is after {name.decode()} is ignored")
        result = _result_of(name, after, warns=warns)
        at += name in NEED_DOMAIN or name == b"sleep"
        warns = False
    if warns:
        ignored.append("warn_if_reject has nothing to warn of")
    return Effect(result, ignored=tuple(ignored), restrictions=tuple(evaluated))


def _result_of(name: bytes, after: list[bytes], *, warns: bool) -> str:
    if name == b"permit":
        return PERMIT
    if name in (b"reject", b"defer") and not warns:
        return REJECT if name == b"reject" else DEFER
    is_error = name == b"sleep" and (not after or after[0].strip(_DIGITS))
    return SERVER_ERROR if is_error or name in NEED_TABLE else DUNNO


# "restriction `%s' after `%s' is ignored". The last one exists up to Postfix 3.8.
DECISIVE = frozenset((b"permit", b"reject", b"defer", b"check_relay_domains"))
NEED_DOMAIN = frozenset(
    b"reject_rbl_client reject_rbl permit_dnswl_client reject_rhsbl_client permit_rhswl_client "
    b"reject_rhsbl_reverse_client reject_rhsbl_helo reject_rhsbl_sender "
    b"reject_rhsbl_recipient".split()
)
NEED_TABLE = frozenset(
    [
        b"check_policy_service",
        *(b"check_%b_access" % each for each in b"ccert sasl etrn recipient".split()),
        b"check_reverse_client_hostname_access",
        *(b"check_%b_access" % each for each in b"client helo sender".split()),
        *(
            b"check_%b_%b_access" % (who, what)
            for who in b"client reverse_client_hostname helo sender recipient".split()
            for what in b"ns mx a".split()
        ),
    ]
)
ALONE = frozenset(
    b"reject_unauth_pipelining defer_if_permit defer_if_reject reject_plaintext_session "
    b"reject_unknown_client_hostname reject_unknown_client reject_unknown_reverse_client_hostname "
    b"permit_inet_interfaces permit_mynetworks reject_maps_rbl reject_invalid_helo_hostname "
    b"reject_invalid_hostname reject_unknown_helo_hostname reject_unknown_hostname "
    b"reject_non_fqdn_helo_hostname reject_non_fqdn_hostname reject_unknown_address "
    b"reject_unknown_sender_domain reject_unverified_sender reject_non_fqdn_sender "
    b"reject_authenticated_sender_login_mismatch reject_known_sender_login_mismatch "
    b"reject_unauthenticated_sender_login_mismatch reject_sender_login_mismatch "
    b"reject_unlisted_sender permit_mx_backup permit_auth_destination reject_unauth_destination "
    b"defer_unauth_destination permit_sasl_authenticated "
    b"permit_tls_all_clientcerts permit_tls_clientcerts reject_unknown_recipient_domain "
    b"reject_non_fqdn_recipient check_recipient_maps reject_unlisted_recipient "
    b"reject_multi_recipient_bounce reject_unverified_recipient "
    b"permit_naked_ip_address".split()  # up to Postfix 3.8
)
