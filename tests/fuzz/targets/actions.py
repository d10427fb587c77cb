# SPDX-License-Identifier: MIT
"""Postfix does all that an accepted action says, and cannot do so with a refused one."""

from __future__ import annotations

import unicodedata

from fuzz.models.smtpd_check import (
    ALONE,
    DECISIVE,
    HANGUP,
    NEED_DOMAIN,
    NEED_TABLE,
    SERVER_ERROR,
    Effect,
    check_table_result,
)

from postfix_rest_inetd.action import MAX_ACTION_BYTES, checked_action, verb_of

MODULES = ("action", "restrictions", "enhanced_status")

ALLOWED = (
    ["DUNNO", "OK", "permit", "450"],
    ["reject", "554", "Permit_Mynetworks", "warn_if_reject", "REJECT,"],
)
_NAMES = NEED_DOMAIN | NEED_TABLE | ALONE | DECISIVE | {b"sleep", b"warn_if_reject"}
_TRIMMED = " \t\r\n\v\f"


def run(data: bytes) -> None:
    """DATA is what the backend answers."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    reason = ""
    try:
        action = checked_action(text)
    except ValueError as error:
        reason = str(error)
    if reason:
        assert reason.isprintable()
        check_refused(text.strip(_TRIMMED))
        return
    octets = action.encode()
    assert action == text.strip(_TRIMMED)
    assert checked_action(action) == action
    check_accepted(octets)
    for allowed in ALLOWED:
        check_allowed(text, octets, allowed)


def effect_of(octets: bytes) -> Effect:
    """The effect of an action.

    To the firewall, HANGUP is a name that Postfix may know: Postfix has it for tests, and documents
    it nowhere. The client has to try again.
    """
    effect = check_table_result(octets)
    if effect.result == HANGUP:
        effect = check_table_result(b"x" + octets)._replace(result=HANGUP)
    return effect


def check_accepted(octets: bytes) -> None:
    """Nothing in it is ignored, misread, or an error of the server that can be foreseen."""
    effect = effect_of(octets)
    assert 1 <= len(octets) <= MAX_ACTION_BYTES
    assert not any(unicodedata.category(each) == "Cc" for each in octets.decode())
    assert not effect.by_accident
    assert effect.ignored == ()
    assert not effect.reads_on
    assert effect.result != SERVER_ERROR
    word = octets.split(b" ")[0].upper()
    assert effect.command in (b"", word)
    verb = verb_of(octets.decode())
    assert (verb is None) == (effect.command == b"")
    assert verb is None or verb.upper().encode() == effect.command


def check_allowed(text: str, octets: bytes, allowed: list[str]) -> None:
    """With a list of permitted actions, the word that decides is one of them."""
    try:
        assert checked_action(text, allowed).encode() == octets
    except ValueError:
        return
    effect = effect_of(octets)
    words = [each.lower().encode() for each in allowed]
    decisive = [effect.command.lower()] if effect.command else list(effect.restrictions)
    assert len(decisive) == 1
    assert decisive[0] in words


def check_refused(action: str) -> None:
    """It is refused because of what Postfix would do, or for one of the reasons beyond that."""
    effect = effect_of(action.encode())
    is_bad = effect.by_accident or effect.ignored or effect.reads_on
    assert is_bad or effect.result == SERVER_ERROR or is_beyond(action, effect)


def is_beyond(action: str, effect: Effect) -> bool:
    """Does the firewall refuse more here than Postfix's function would misunderstand?

    Other parts of Postfix fail later (qmgr for FILTER, cleanup for the addresses), or something in
    the action can only be a mistake.
    """
    octets = action.encode()
    if (
        effect.result == HANGUP
        or not octets
        or len(octets) > MAX_ACTION_BYTES
        or not octets[:1].isalnum()
    ):
        return True
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in action):
        return True
    if effect.command:
        return is_unusable(effect.command, action[len(effect.command) :].strip(" "))
    if "{" in action or "}" in action or effect.result == SERVER_ERROR:
        return True
    names = [each.lower() for each in octets.replace(b",", b" ").split(b" ") if each]
    pairs = zip(names, [*names[1:], b""], strict=True)
    return is_status(names[0]) or any(
        name in NEED_TABLE
        or (name in NEED_DOMAIN and (not after or after in _NAMES))
        or (name in DECISIVE and bool(after))
        or (name == b"sleep" and not after.isdigit())
        or (name == b"warn_if_reject" and not after)
        for name, after in pairs
    )


def is_unusable(command: bytes, text: str) -> bool:
    """Would qmgr or cleanup fail with this text?"""
    if command == b"FILTER":
        transport = text.partition(":")[0]
        return not transport or " " in transport
    if command in (b"REDIRECT", b"BCC"):
        return any(c in text for c in " ,<>") or text.startswith("@") or text.endswith("@")
    return command == b"PREPEND" and not text.partition(":")[0].rstrip(" ").isascii()


def is_status(word: bytes) -> bool:
    """Is the first word an enhanced status code, whose reply code has been forgotten?"""
    effect = check_table_result(b"REJECT " + word)
    return effect.reads_on
