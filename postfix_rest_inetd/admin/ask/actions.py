# SPDX-License-Identifier: MIT
"""What smtpd(8) does with an action: the reply of a policy service, or a value of an access table.

The order and the words are those of check_table_result() in Postfix's smtpd/smtpd_check.c, which
access(5) describes; the enhanced status codes are split off by global/dsn_util.c (dsn_split), and
smtpd/smtpd_chat.c (smtpd_chat_reply) closes the connection after a 421 and a 521. The reply
to the client is the one of smtpd_recipient_restrictions. In another list, the client, the HELO name
or the sender replaces `<recipient>: Recipient address`. A pure function.

Any other action is a list of restrictions; this module cannot tell whether Postfix knows them.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from postfix_rest_inetd import restrictions
from postfix_rest_inetd.action import fault_of

GOOD, BAD, DOUBTFUL = "good", "bad", "doubtful"


class Effect(NamedTuple):
    """What happens to the mail, and whether that is good or bad for the operator.

    `defers` is true if Postfix defers the mail; for DEFER_IF_, if it may defer it.
    """

    text: str
    tone: str = GOOD
    defers: bool = False


_REJECTED = "{} <recipient>: Recipient address rejected: {}"
_MISTAKE = "451 4.3.5 Server configuration error"
_SPACE = r"[ \t\r\n\v\f]"  # isspace() of C
_DSN = re.compile(rf"([245]\.\d{{1,3}}\.\d{{1,3}})(?:{_SPACE}+|\Z)", re.ASCII)
_CODE = re.compile(r"[45]\d\d", re.ASCII)
_CLOSING = {"421", "521"}

_LEFT_OVER = (
    "(what an earlier reply has left in Postfix's memory, because there is no text after the "
    "enhanced status code; Postfix from 3.8.16, 3.9.10, 3.10.9 and 3.11.1 on says {})"
)
_ACCESS_DENIED = "Access denied"
_REFUSALS = {"REJECT": ("554", "5.7.1"), "DEFER": ("450", "4.7.1")}
_UNFINISHED = {"DEFER_IF_PERMIT": "would be accepted", "DEFER_IF_REJECT": "would be rejected"}

# The other verbs; {} is the text after the verb.
_NEXT = "then the next restriction is evaluated"
_VERBS = {
    "DUNNO": (GOOD, "no decision: the next restriction is evaluated"),
    "INFO": (GOOD, f"a line is logged, {_NEXT}"),
    "WARN": (DOUBTFUL, f"a warning is logged, {_NEXT}"),
    "PREPEND": (GOOD, f"the header {{}} is put before the mail; {_NEXT}"),
    "BCC": (GOOD, f"the mail, if it is accepted, also goes to {{}}; {_NEXT}"),
    "HOLD": (DOUBTFUL, f"the mail, if it is accepted, waits in the hold queue; {_NEXT}"),
    "FILTER": (DOUBTFUL, f"the mail, if it is accepted, goes through {{}}; {_NEXT}"),
    "REDIRECT": (
        DOUBTFUL,
        f"the mail, if it is accepted, goes to {{}} and to nobody else; {_NEXT}",
    ),
    "DISCARD": (DOUBTFUL, "the mail is accepted and thrown away; the client learns nothing"),
    "HANGUP": (BAD, "the connection is dropped without a reply"),
}
_NEED_TEXT = {"FILTER", "REDIRECT", "BCC", "PREPEND"}


def effect_of(action: str) -> Effect:
    """What smtpd(8) does with an action at RCPT TO."""
    verb, text = _split(action)
    name = verb.upper() if verb.isascii() else ""
    if name in _REFUSALS:
        return _refusal(*_REFUSALS[name], text)
    if name in _UNFINISHED:
        said = _REJECTED.format(*_status("450", "4.7.1", text, "Service unavailable"))
        text = f"the recipient is deferred with {said}, if it {_UNFINISHED[name]} otherwise"
        return Effect(text, DOUBTFUL, defers=True)
    if name in _NEED_TEXT and (fault := fault_of(f"{verb} {text}")):
        return Effect(f"{fault}; {_NEXT}", BAD)
    if name in _VERBS:
        tone, what = _VERBS[name]
        return Effect(what.format(text), tone)
    return _other(action, verb, text, name)


def _other(action: str, verb: str, text: str, name: str) -> Effect:
    if action.isascii() and action.isdigit():
        return Effect("the recipient is ACCEPTED: a number alone means OK to Postfix", BAD)
    if _CODE.fullmatch(verb) and text:
        return _refusal(verb, f"{verb[0]}.7.1", text)
    if name in {"OK", "RELAY"}:
        return Effect("the recipient is accepted; no other restriction of this list is evaluated")
    return _list(action)


def _list(action: str) -> Effect:
    """What Postfix does with a list of restrictions."""
    if ":" in action:
        text = f"the mail is deferred with {_MISTAKE}: an action may not name a table"
        return Effect(text, BAD, defers=True)
    words = re.sub(r"[, \t\r\n]+", " ", action).strip()
    if not words:
        text = "the recipient is ACCEPTED: an empty list of restrictions means OK to Postfix"
        return Effect(text, BAD)
    listed = words.replace(" ", ", ")
    text = f"the restrictions {listed} are evaluated; one that Postfix does not know is {_MISTAKE}"
    if fault := restrictions.fault_of(words):
        return Effect(f"{text}; and {fault}", BAD)
    return Effect(text, DOUBTFUL)


def _split(action: str) -> tuple[str, str]:
    parts = re.split(rf"[ \t]{_SPACE}*", action, maxsplit=1)
    return parts[0], parts[1] if len(parts) > 1 else ""


def _status(code: str, default: str, text: str, instead: str) -> tuple[str, str]:
    """The codes and the words of the reply for a text that may begin with an enhanced status code.

    `default` is the status and `instead` are the words if the text has none.
    """
    found = _DSN.match(text)
    if found is None:
        return f"{code} {default}", text or instead
    if found[0] == found[1] == text:
        return f"{code} {_of_class(code, text)}", _LEFT_OVER.format(instead)
    return f"{code} {_of_class(code, found[1])}", text[found.end() :] or instead


def _of_class(code: str, status: str) -> str:
    """An enhanced status code that agrees with the reply code (smtpd_check_reject)."""
    return code[0] + status[1:]


def _refusal(code: str, default: str, text: str) -> Effect:
    said = _REJECTED.format(*_status(code, default, text, _ACCESS_DENIED))
    if code in _CLOSING:
        said = f"{said}, and the connection is closed"
    if code.startswith("4"):
        return Effect(f"the mail is deferred with {said}", DOUBTFUL, defers=True)
    return Effect(f"the mail bounces with {said}", BAD)
