# SPDX-License-Identifier: MIT
"""The action firewall: which texts Postfix may get as an action.

An action follows `action=` in a policy reply, or is the value of an access table. Postfix
(smtpd/smtpd_check.c, check_table_result) treats unsafe actions as follows:

- It accepts the mail on an empty action, on one that has only digits (such results once meant
  "OK"; `451` and `554` are not exceptions), and on an empty list of restrictions (`,`).
- It reads the text up to the first newline and ignores the rest.
- It ignores an action whose argument is missing, with a warning in its log, and continues as if
  there were no action.
- For an enhanced status code without a text it sends what an earlier reply left in its memory.

All of these are refused here, and the caller answers with a temporary error.

An action that does not begin with one of access(5) or with a reply code is a list of restrictions
(restrictions.py).
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

MAX_ACTION_BYTES = 4096

_REPLY_CODE_DIGITS = 3


def checked_action(text: str, allowed: list[str] | None = None) -> str:
    """Trim white space from an action and return it if it is safe.

    `allowed` has the actions that the operator permits, in any letter case. An action of access(5)
    and a reply code may be followed by text. The name of a restriction must stand alone, because
    Postfix would also evaluate the words that follow as restrictions.

    Raises:
        ValueError: it is not safe; the text says why and does not repeat it.
    """
    action = text.strip(" \t\r\n\v\f")
    if not action:
        raise ValueError("the action is empty, and Postfix would accept the mail")
    if len(action.encode()) > MAX_ACTION_BYTES:
        raise ValueError(f"the action is longer than {MAX_ACTION_BYTES} bytes")
    if any(character < " " or "\x7f" <= character <= "\x9f" for character in action):
        raise ValueError("the action has a line break or another control character in it")
    if not (action[0].isascii() and action[0].isalnum()):
        raise ValueError("the action does not begin with a letter or a digit")
    if action.isascii() and action.isdigit():
        raise ValueError("the action is only a number, and Postfix would accept the mail")
    if fault := fault_of(action):
        raise ValueError(fault)
    if allowed is not None and not _is_allowed(action, allowed):
        raise ValueError("the action is not one of allowed-actions")
    return action


def verb_of(action: str) -> str | None:
    """The first word of an action or a reply code; None for a list of restrictions."""
    verb = action.split(" ", 1)[0]
    if not verb.isascii():  # Python's lower() would make an ASCII letter of some others
        return None
    is_code = len(verb) == _REPLY_CODE_DIGITS and verb[0] in "45" and verb.isdigit()
    return verb if is_code or verb.lower() in _ACTIONS else None


def fault_of(action: str) -> str:
    """What Postfix would ignore or misread in an action of one line, or an empty string."""
    verb = verb_of(action)
    if verb is None:
        from . import restrictions  # rarely needed

        return restrictions.fault_of(action)
    fault_of_text = _ACTIONS.get(verb.lower(), _fault_of_reply)
    return fault_of_text(action[len(verb) :].strip(" ")) if fault_of_text is not None else ""


def _is_allowed(action: str, allowed: list[str]) -> bool:
    wanted = verb_of(action) or action
    return wanted.isascii() and any(wanted.lower() == entry.lower() for entry in allowed)


def _fault_of_reply(text: str) -> str:
    """dsn_split() of global/dsn_util.c reads past the end of a text that is only a status code.

    It does so up to Postfix 3.8.15, 3.9.9, 3.10.8 and 3.11.0, and in all of 3.7.
    """
    from .enhanced_status import is_enhanced_status  # most actions have no text

    if is_enhanced_status(text):
        return (
            "there is no text after the enhanced status code, and Postfix would send what "
            "an earlier reply left in its memory"
        )
    return ""


def _fault_of_filter(text: str) -> str:
    """The destination may be empty or a list; qmgr/qmgr_message.c splits at the colon.

    Without the name of a transport before the colon, the mail is deferred until it bounces.
    """
    transport, colon, _ = text.partition(":")
    if not colon or not transport or " " in transport:
        return (
            "FILTER needs transport:destination after it; Postfix ignores anything else, or finds "
            "no such transport"
        )
    return ""


def _fault_of_address(text: str) -> str:
    """Postfix ignores a text without `@`, and takes any other text as one address.

    With a second address, a remark or angle brackets in it, mail to that address bounces.
    """
    local, _, domain = text.rpartition("@")
    if not local or not domain or any(character in text for character in " ,<>"):
        return (
            "REDIRECT and BCC need one address after them, user@domain; Postfix ignores anything "
            "else, or takes it for an address to which mail bounces"
        )
    return ""


def _fault_of_header(text: str) -> str:
    """A header is a name, optional blanks and a colon, as for is_header() in global/is_header.c."""
    name, colon, _ = text.partition(":")
    name = name.rstrip(" ")
    if not colon or not name or not name.isascii() or " " in name:
        return "PREPEND needs a header field after it, or else Postfix ignores it"
    return ""


# The actions that Postfix recognises by their first word, in any letter case, and the function that
# finds what makes their text unusable. The numbers are lines of smtpd/smtpd_check.c in Postfix
# 3.10.0.
_ACTIONS: dict[str, Callable[[str], str] | None] = {
    "dunno": None,  # 2418: the text is ignored
    "reject": _fault_of_reply,  # 2425: dsn_split()
    "defer": _fault_of_reply,  # 2440: dsn_split()
    "info": None,  # 2470: the text is logged
    "warn": None,  # 2478: the text is logged
    "filter": _fault_of_filter,  # 2487: no text, or one without a colon, is ignored
    "hold": None,  # 2515: the text is logged
    "discard": None,  # 2568: the text is logged
    "redirect": _fault_of_address,  # 2588: a text without @ is ignored
    "bcc": _fault_of_address,  # 2612: a text without @ is ignored
    "defer_if_permit": _fault_of_reply,  # 2638: dsn_split()
    "defer_if_reject": _fault_of_reply,  # 2652: dsn_split()
    "prepend": _fault_of_header,  # 2666: a text that is_header() refuses is ignored
    # 2704: a reply code of three digits, as _fault_of_reply; dsn_split()
    "ok": None,  # 2722: the text is ignored
    "relay": None,  # 2722: the text is ignored
}
