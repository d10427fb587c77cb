# SPDX-License-Identifier: MIT
"""What smtpd(8) does with an action: the reply of a policy service, or a value of an access table.

The order and the words are those of check_table_result() in Postfix's smtpd/smtpd_check.c, which
access(5) describes; the enhanced status codes are split off by global/dsn_util.c (dsn_split). The
client's reply is that of smtpd_recipient_restrictions; in another list `<recipient>: Recipient
address` is the client, the HELO name or the sender. A pure function.

An action that is none of these is a list of restrictions: whether Postfix knows them is not known
here.
"""

from __future__ import annotations

import re
from typing import NamedTuple

GOOD, BAD, DOUBTFUL = "good", "bad", "doubtful"


class Effect(NamedTuple):
    """What becomes of the mail, and how the operator may like it."""

    text: str
    tone: str = GOOD


_REJECTED = "{} <recipient>: Recipient address rejected: {}"
_MISTAKE = "451 4.3.5 Server configuration error"
_DSN = re.compile(r"([245]\.\d{1,3}\.\d{1,3})(?:[ \t]+|$)")
_CODE = re.compile(r"[45]\d\d", re.ASCII)

_ACCESS_DENIED = "Access denied"
_REFUSALS = {"REJECT": ("554", "5.7.1"), "DEFER": ("450", "4.7.1")}
_UNFINISHED = {"DEFER_IF_PERMIT": "would be accepted", "DEFER_IF_REJECT": "would be rejected"}

# The other verbs; {} is the text behind the verb.
_NEXT = "then the next restriction is evaluated"
_VERBS = {
    "DUNNO": (GOOD, "no decision: the next restriction is evaluated"),
    "INFO": (GOOD, f"a line is logged, {_NEXT}"),
    "WARN": (DOUBTFUL, f"a warning is logged, {_NEXT}"),
    "PREPEND": (GOOD, f"the header {{}} is put before the mail; {_NEXT}"),
    "BCC": (GOOD, f"the mail, if it is accepted, goes to {{}} too; {_NEXT}"),
    "HOLD": (DOUBTFUL, f"the mail, if it is accepted, waits in the hold queue; {_NEXT}"),
    "FILTER": (DOUBTFUL, f"the mail, if it is accepted, goes through {{}}; {_NEXT}"),
    "REDIRECT": (
        DOUBTFUL,
        f"the mail, if it is accepted, goes to {{}} and to nobody else; {_NEXT}",
    ),
    "DELAY": (DOUBTFUL, f"the mail, if it is accepted, is delayed; {_NEXT}"),
    "DISCARD": (DOUBTFUL, "the mail is accepted and thrown away; the client learns nothing"),
    "HANGUP": (BAD, "the connection is dropped without a reply"),
}
_NEED_TEXT = {"FILTER", "REDIRECT", "BCC", "PREPEND"}


def effect_of(action: str) -> Effect:
    """What smtpd(8) does with an action at RCPT TO."""
    verb, text = _split(action)
    name = verb.upper() if verb.isascii() else ""
    if name in _REFUSALS:
        return _refusal(*_REFUSALS[name], text or _ACCESS_DENIED)
    if name in _UNFINISHED:
        dsn, words = _status(text, "4.7.1")
        said = _REJECTED.format(f"450 {dsn}", words or "Service unavailable")
        text = f"the recipient is deferred with {said}, if it {_UNFINISHED[name]} otherwise"
        return Effect(text, DOUBTFUL)
    if name in _NEED_TEXT and not text:
        return Effect(f"{name} without a text is a warning in the log; {_NEXT}", DOUBTFUL)
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
    if ":" in action:
        return Effect(f"the mail is deferred with {_MISTAKE}: an action may not name a table", BAD)
    words = action.replace(",", " ").split()
    if not words:
        return Effect("the recipient is passed to the next restriction, with a warning", BAD)
    listed = ", ".join(words)
    text = f"the restrictions {listed} are evaluated; one that Postfix does not know is {_MISTAKE}"
    return Effect(text, DOUBTFUL)


def _split(action: str) -> tuple[str, str]:
    parts = re.split(r"[ \t]+", action, maxsplit=1)
    return parts[0], parts[1] if len(parts) > 1 else ""


def _status(text: str, default: str) -> tuple[str, str]:
    """The enhanced status code and the words of a text that may begin with one."""
    found = _DSN.match(text)
    return (found[1], text[found.end() :]) if found else (default, text)


def _refusal(code: str, default: str, text: str) -> Effect:
    dsn, words = _status(text, default)
    said = _REJECTED.format(f"{code} {dsn}", words or _ACCESS_DENIED)
    if code.startswith("4"):
        return Effect(f"the mail is deferred with {said}", DOUBTFUL)
    return Effect(f"the mail bounces with {said}", BAD)
