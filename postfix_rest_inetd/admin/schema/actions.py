# SPDX-License-Identifier: MIT
"""Actions in the JSON schema of config.json: patterns that refuse what action.py refuses.

In a list of restrictions, a pattern cannot tell whether each one has its argument; the description
of the schema says so.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from postfix_rest_inetd.action import MAX_ACTION_BYTES

if TYPE_CHECKING:
    Schema = dict[str, Any]

UNTELLABLE = "restrictions in an action that lack their argument, or are ignored after another"

_BLANKS = r"[ \t\r\n\v\f]*"
_INNER = r"[^\u0000-\u001f\u007f-\u009f]"
_STATUS = r"[245]\.[0-9]{1,3}\.[0-9]{1,3}"
_END = rf"{_BLANKS}$"


def any_case(word: str) -> str:
    """A pattern for a word in any letter case."""
    return "".join(f"[{c.upper()}{c}]" if c.isalpha() else c for c in word)


def _verbs(words: str) -> str:
    """A pattern for one of several actions."""
    return f"(?:{'|'.join(map(any_case, words.split()))})"


_REPLIES = rf"(?:[45][0-9]{{2}}|{_verbs('reject defer defer_if_permit defer_if_reject')})"
_OTHERS = _verbs("dunno info warn filter hold discard redirect bcc prepend ok relay")

_UNUSABLE = (
    # a status code alone, after a reply code, after a verb, or by itself
    rf"^{_BLANKS}{_REPLIES} +{_STATUS}{_END}",
    rf"^{_BLANKS}{_STATUS}(?:[ ,]|{_END})",
    # without transport:destination, an address or a header field
    rf"^{_BLANKS}{_verbs('filter')}(?! +[^ :]+:)(?: |{_END})",
    rf"^{_BLANKS}{_verbs('redirect bcc')}(?! +[^ ,<>]+@[^ ,<>@]+{_END})(?: |{_END})",
    rf"^{_BLANKS}{_verbs('prepend')}(?! +[!-9;-~]+ *:)(?: |{_END})",
    # a table, or braces, in a list of restrictions
    rf"^{_BLANKS}(?!(?:{_REPLIES}|{_OTHERS})(?: |{_END})){_INNER}*[:{{}}]",
)


def action() -> Schema:
    """An action that passes the action firewall."""
    return {
        "type": "string",
        "pattern": (
            rf"^{_BLANKS}(?![0-9]+{_END})[0-9A-Za-z]{_INNER}{{0,{MAX_ACTION_BYTES - 1}}}{_END}"
        ),
        "not": {"anyOf": [{"pattern": pattern} for pattern in _UNUSABLE]},
    }


def verb() -> Schema:
    """The first word of an action: not a status code, and not a number except a reply code."""
    return {
        "type": "string",
        "pattern": r"^[0-9A-Za-z][!-+\-.-9;-z|~]*$",
        "not": {
            "anyOf": [
                {"pattern": r"\n"},
                {"pattern": r"^(?![45][0-9]{2}$)[0-9]+$"},
                {"pattern": rf"^{_STATUS}$"},
            ]
        },
    }
