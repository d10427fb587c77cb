# SPDX-License-Identifier: MIT
"""Why a text is not JSON, in the words of somebody who writes configuration files.

Loaded only when json has refused a text. The position is that of the mistake, and does not depend
on the version of Python: json names the bracket behind a comma that should not be there, or the
comma, as from Python 3.13 on.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from json import JSONDecodeError

_BLANKS = " \t\n\r"  # RFC 8259 section 2
_WORDS = {
    "True": "true",
    "False": "false",
    "None": "null",
    "yes": "true",
    "no": "false",
    "on": "true",
    "off": "false",
    "undefined": "null",
}
_STRING = 'strings need double quotation marks (")'
_LINE_BREAK = "a string ends on the line on which it begins; a line break in it is written \\n"
# What the rest of the text begins with.
_BEGINNINGS = {"//": "JSON has no comments", "/*": "JSON has no comments", "'": _STRING}
_BEGINNINGS["#"] = _BEGINNINGS["//"]
# What json's message begins with, where the text is of no further help.
_MESSAGES = {
    "Unterminated string": "this string has no closing quotation mark",
    "Invalid \\u": "\\u takes four hexadecimal digits",
    "Invalid \\": "a backslash in a string is written \\\\",
    "Extra data": "something follows the end of the JSON document",
    "Expecting ':": "a colon is missing before this",
    "Expecting property name": 'a key is missing here, in double quotation marks (")',
}
_END = "the file ends too early; a bracket, a brace or a value is missing"
_OPEN = {"]": "{", "}": "["}


def mistake(error: JSONDecodeError) -> tuple[int, str]:
    """The offset of the mistake in the text, and what it is."""
    text, at, said = error.doc, error.pos, error.msg
    comma = _comma_before_bracket(text, at)
    if not text.strip(_BLANKS):
        return 0, "the file is empty"
    if comma is not None:
        return comma, "nothing follows this comma"
    if said.startswith("Invalid control character"):
        return at, _control(text[at])
    if text.startswith("\0", at):
        return at, "this is a NUL byte; the file must be UTF-8, and not UTF-16"
    return at, _by_beginning(text[at:]) or _by_message(said, text[at:])


def _comma_before_bracket(text: str, at: int) -> int | None:
    """The offset of the comma if `at` is that of a superfluous one, or of the bracket behind it."""
    if text[at : at + 1] == ",":
        return at if text[at + 1 :].lstrip(_BLANKS).startswith(("]", "}")) else None
    before = text[:at].rstrip(_BLANKS)
    if before.endswith(",") and text.startswith(("]", "}"), at):
        return len(before) - 1
    return None


def _control(character: str) -> str:
    if character in "\n\r":
        return _LINE_BREAK
    escape = "\\t" if character == "\t" else f"\\u{ord(character):04x}"
    return f"a control character in a string is written {escape}"


def _by_beginning(rest: str) -> str:
    found = (told for beginning, told in _BEGINNINGS.items() if rest.startswith(beginning))
    return next(found, "" if rest.strip(_BLANKS) else _END)


def _by_message(said: str, rest: str) -> str:
    for beginning, told in _MESSAGES.items():
        if said.startswith(beginning):
            return told
    if said.startswith("Expecting ',"):
        if rest[0] in _OPEN:
            return f"{_OPEN[rest[0]]} is open here, and {rest[0]} does not close it"
        return "a comma or a closing bracket is missing before this"
    return _no_value(rest)


def _no_value(rest: str) -> str:
    word = ""
    for character in rest:
        if not (character.isalnum() or character == "_"):
            break
        word += character
    if word in _WORDS:
        return f"{word} is written {_WORDS[word]} in JSON"
    return _STRING if word[:1].isalpha() else "a value is missing here"
