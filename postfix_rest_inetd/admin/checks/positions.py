# SPDX-License-Identifier: MIT
"""The positions of JSON paths (config/problems.py) in a text: line and column, counted from 1.

The parser of the handler does not record positions, because that would cost time. So a text with
problems is read a second time to find them. `find` takes a document that is JSON; `syntax_error`
finds the position where a text stops being JSON, or UTF-8.

The position of a member of an object is that of its key; if the key appears twice, the last one
counts. The position of a missing key is that of its object.
"""

from __future__ import annotations

import json
import re
from typing import NamedTuple

from postfix_rest_inetd.config.not_json import mistake
from postfix_rest_inetd.config.problems import joined

_BLANK = re.compile(r"[ \t\n\r]*")
_SCALAR = re.compile(r"[^\s,\]}]+")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')


class Position(NamedTuple):
    """A position in a text."""

    line: int
    column: int


def find(content: bytes | None, paths: list[str]) -> dict[str, Position]:
    """The positions of JSON paths, as far as they can be found; none without `content`."""
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
    """The position where a document stops being JSON, or UTF-8; None if it has none."""
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
        return _position(text, mistake(error)[0])
    except (ValueError, RecursionError):
        pass
    return None


class _Places(dict[str, int]):
    """The offsets of paths; longer ones than the longest that is wanted are not recorded."""

    def __init__(self, longest: int) -> None:
        super().__init__()
        self._longest = longest

    def note(self, path: str, at: int) -> str:
        """Record a position; returns the path, cut to a length that no wanted path has.

        After a long key, all paths below it would be long as well.
        """
        if len(path) > self._longest:
            return path[: self._longest + 1]
        self[path] = at
        return path


def _nearest(path: str, places: dict[str, int]) -> int:
    """The offset of a path or, if nothing is there, of the value that would contain it."""
    while path not in places and len(path) > 1:
        path = path[: max(path.rfind("."), path.rfind("["), 1)]
    return places.get(path, places["$"])


def _value(text: str, start: int, path: str, places: _Places) -> int:
    """Record the positions in the value that begins at `start`; returns where it ends."""
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
        raise ValueError("this is not JSON")
    return match.end()


def _comma(text: str, at: int) -> int:
    at = _skip(text, at)
    return _skip(text, at + 1) if text[at] == "," else at


def _skip(text: str, at: int) -> int:
    blank = _BLANK.match(text, at)
    return at if blank is None else blank.end()


def _position(text: str, offset: int) -> Position:
    return Position(text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset))
