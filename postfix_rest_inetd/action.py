# SPDX-License-Identifier: MIT
"""The action firewall: which texts may stand behind `action=` in a policy reply.

Postfix accepts the mail on an empty action and on one that is only digits (smtpd/smtpd_check.c,
check_table_result: such results once meant "OK"), a bare `451` or `554` included; it takes the text
up to the first newline and ignores the rest; it evaluates a text that does not begin with one of
its own actions as a list of restrictions separated by blanks and commas, and an empty list (`,`)
lets the mail pass to the next restriction. Whatever could be read as something that the backend did
not mean is refused here, and the caller answers with a temporary error.
"""

from __future__ import annotations

MAX_ACTION_BYTES = 4096

# access(5): the actions that Postfix tells by their first word, whatever text follows it.
_TEXT_ACTIONS = frozenset(
    "bcc defer defer_if_permit defer_if_reject discard dunno filter hold info ok prepend redirect "
    "reject relay warn".split()
)
_REPLY_CODE_DIGITS = 3


def checked_action(text: str, allowed: list[str] | None = None) -> str:
    """Trim white space from an action and return it if it is safe.

    `allowed` are the actions that the operator permits, in any letter case. An action of access(5)
    and a reply code may be followed by text; the name of a restriction must stand alone, because
    Postfix would evaluate the words behind it as restrictions too.

    Raises:
        ValueError: it is not safe; the text says why and does not repeat it.
    """
    action = text.strip(" \t\r\n\v\f")
    if not action:
        raise ValueError("the action is empty, on which Postfix would accept the mail")
    if len(action.encode()) > MAX_ACTION_BYTES:
        raise ValueError(f"the action is longer than {MAX_ACTION_BYTES} bytes")
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in action):
        raise ValueError("the action has a line break or another control character in it")
    if not (action[0].isascii() and action[0].isalnum()):
        raise ValueError("the action does not begin with a letter or a digit")
    if action.isascii() and action.isdigit():
        raise ValueError("the action is only a number, on which Postfix would accept the mail")
    if allowed is not None and not _is_allowed(action, allowed):
        raise ValueError("the action is not one of allowed-actions")
    return action


def verb_of(action: str) -> str | None:
    """The word that says what is done; None for a list of restrictions, which may hold anything."""
    verb = action.split(" ", 1)[0]
    if not verb.isascii():  # Python's lower() would make an ASCII letter of some others
        return None
    is_code = len(verb) == _REPLY_CODE_DIGITS and verb[0] in "45" and verb.isdigit()
    return verb if is_code or verb.lower() in _TEXT_ACTIONS else None


def _is_allowed(action: str, allowed: list[str]) -> bool:
    wanted = verb_of(action) or action
    return wanted.isascii() and any(wanted.lower() == entry.lower() for entry in allowed)
