# SPDX-License-Identifier: MIT
"""Where in a text the JSON paths of config/problems.py are: line and column, both counted from 1.

The parser of the handler knows no positions, and must not pay for them. So the places are looked
for afterwards, by a second reading of a text that has turned out to have problems. `find` takes a
document that is JSON; `syntax_error` says where one stops being JSON, or UTF-8.

The place of a member of an object is that of its key, of a key that stands there twice the last
one; the place of a key that is missing is that of its object.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from postfix_rest_inetd.config.problems import joined

_BLANK = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"[^\s,\]}]+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class Position(NamedTuple):
    """A place in a text."""

    line: int
    column: int


def find(content: bytes | None, paths: list[str]) -> dict[str, Position]:
    """The places of JSON paths, as far as they can be found; none without a content."""
    if content is None:
        return {}
    try:
        text = content.decode().removeprefix("\ufeff")
        places = _Places(max(map(len, paths), default=0))
        places["$"] = _skip(text, 0)
        _value(text, places["$"], "$", places)
    except (ValueError, IndexError, RecursionError):
        return {}
    return {path: _position(text, _nearest(path, places)) for path in paths if path}


def syntax_error(content: bytes | None) -> Position | None:
    """Where a document stops being JSON, or UTF-8; None where that has no place."""
    if content is None:
        return None
    try:
        text = content.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        return _position(before, len(before))
    try:
        json.loads(text)
    except json.JSONDecodeError as error:
        return Position(error.lineno, error.colno)
    except (ValueError, RecursionError):
        pass
    return None


class _Places(dict[str, int]):
    """The offsets of paths, of those that are as long as the longest one that is looked for."""

    def __init__(self, longest: int) -> None:
        super().__init__()
        self._longest = longest

    def note(self, path: str, at: int) -> str:
        """Note a place; returns the path, cut to a length at which nothing is looked for.

        Where a key is long, the paths of all that is in it would be.
        """
        if len(path) > self._longest:
            return path[: self._longest + 1]
        self[path] = at
        return path


def _nearest(path: str, places: dict[str, int]) -> int:
    """The offset of a path or, where nothing is, of what would contain it."""
    while path not in places and len(path) > 1:
        path = path[: max(path.rfind("."), path.rfind("["), 1)]
    return places.get(path, places["$"])


def _value(text: str, start: int, path: str, places: _Places) -> int:
    """Note the places in the value that begins at `start`; returns where it ends."""
    if text[start] == "{":
        return _object(text, start, path, places)
    if text[start] == "[":
        return _array(text, start, path, places)
    return _end(_STRING if text[start] == '"' else _SCALAR, text, start)


def _object(text: str, start: int, path: str, places: _Places) -> int:
    at = _skip(text, start + 1)
    while text[at] != "}":
        key_at, at = at, _end(_STRING, text, at)
        inner = places.note(joined(path, json.loads(text[key_at:at])), key_at)
        at = _value(text, _skip(text, _skip(text, at) + 1), inner, places)  # the colon
        at = _comma(text, at)
    return at + 1


def _array(text: str, start: int, path: str, places: _Places) -> int:
    at = _skip(text, start + 1)
    index = 0
    while text[at] != "]":
        inner = places.note(f"{path}[{index}]", at)
        at = _comma(text, _value(text, at, inner, places))
        index += 1
    return at + 1


def _end(pattern: re.Pattern[str], text: str, start: int) -> int:
    match = pattern.match(text, start)
    if match is None:
        raise ValueError("this is no JSON")
    return match.end()


def _comma(text: str, at: int) -> int:
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return at if blank is None else blank.end()


def _position(text: str, offset: int) -> Position:
    return Position(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
