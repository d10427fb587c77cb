# SPDX-License-Identifier: MIT
"""The position of a path is where the member or element of that path begins."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator

from postfix_rest_inetd.admin.checks import positions
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.config.problems import joined
from postfix_rest_inetd.errors import ConfigError

MODULES = ("admin.checks.positions", "config.problems")

_MOST_PATHS = 200
_DECODER = json.JSONDecoder()


def run(data: bytes) -> None:
    """DATA is the content of a file."""
    check_problems(data)
    wrong = positions.syntax_error(data)
    try:
        text = data.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        before = data[: error.start].decode()
        assert wrong == place_of(before, len(before))
        return
    expected = None
    try:
        document = json.loads(text)
    except json.JSONDecodeError as error:
        expected = place_of(text, mistaken(text, error.pos))
    except (ValueError, RecursionError):
        return
    assert wrong == expected
    if expected is None:
        check_places(data, text, document)


def mistaken(text: str, at: int) -> int:
    """Where the mistake is of which json has noticed something AT an offset.

    An empty file has it at its beginning, and a comma with nothing behind it is the mistake itself.
    """
    if not text.strip(" \t\r\n"):
        return 0
    comma = re.search(r",[ \t\r\n]*\Z", text[:at])
    return comma.start() if comma and text[at : at + 1] in ("]", "}") else at


def place_of(text: str, offset: int) -> tuple[int, int]:
    """The line and the column of an offset."""
    before = text[:offset]
    return before.count("\n") + 1, len(before.rpartition("\n")[2]) + 1


def check_problems(data: bytes) -> None:
    """What the loader finds wrong has a position in the text, or none."""
    try:
        loading.parse(data, "config.json")
    except ConfigError as error:
        paths = [path for path, _ in error.problems]
        lines = data.decode(errors="replace").removeprefix("\ufeff").split("\n")
        for position in positions.find(data, paths).values():
            assert 1 <= position.line <= len(lines)
            assert 1 <= position.column <= len(lines[position.line - 1]) + 1


def check_places(data: bytes, text: str, document: object) -> None:
    """Compare each place with what json reads there."""
    wanted = dict(list(places(document, "$"))[:_MOST_PATHS])
    found = positions.find(data, list(wanted))
    lines = text.split("\n")
    for path, (key, value) in wanted.items():
        line, column = found[path]
        offset = sum(len(each) + 1 for each in lines[: line - 1]) + column - 1
        there, end = _DECODER.raw_decode(text, offset)
        if key is None:
            assert repr(there) == repr(value)
        else:
            assert there == key
            at = text.index(":", end) + 1
            while text[at] in " \t\r\n":
                at += 1
            assert repr(_DECODER.raw_decode(text, at)[0]) == repr(value)


def places(value: object, path: str) -> Iterator[tuple[str, tuple[str | None, object]]]:
    """The paths below a value; for each, the key if it is a member, and the value."""
    if isinstance(value, dict):
        for key, inner in value.items():
            below = joined(path, key)
            yield below, (key, inner)
            yield from places(inner, below)
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield f"{path}[{index}]", (None, inner)
            yield from places(inner, f"{path}[{index}]")
