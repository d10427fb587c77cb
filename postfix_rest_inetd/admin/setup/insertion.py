# SPDX-License-Identifier: MIT
"""One more endpoint in the text of a configuration; every character that was there stays.

The new entry is laid out as the last one is: on lines of its own with the same indentation, or in
one line.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import positions

if TYPE_CHECKING:
    Entry = dict[str, object]

_STEP = "  "
_INNER = re.compile(r"\{\s*\n([ \t]*)\S")


def inserted(content: bytes, entry: Entry) -> bytes:
    """The content with `entry` at the end of `endpoints`.

    Args:
        content: a configuration that can be used (loading.parse).
        entry: of an endpoint.
    """
    text = content.decode()
    mark = "\ufeff" if text.startswith("\ufeff") else ""
    text = text.removeprefix("\ufeff")
    line_end = "\r\n" if "\r\n" in text else "\n"
    count = len(json.loads(text)["endpoints"])
    if count:
        path = f"$.endpoints[{count - 1}]"
        start = _offset(text, positions.find(content, [path])[path])
        _, end = json.JSONDecoder().raw_decode(text, start)
        addition = _after(text, start, end, entry)
    else:
        key = _offset(text, positions.find(content, ["$.endpoints"])["$.endpoints"])
        end = text.index("[", key) + 1
        rest = text.index("]", end)
        indent = _indent(text, key)
        addition = f"\n{indent}{_STEP}{_laid_out(entry, indent + _STEP, _STEP)}\n{indent}"
        text = text[:end] + text[rest:]
    return (mark + text[:end] + addition.replace("\n", line_end) + text[end:]).encode()


def _after(text: str, start: int, end: int, entry: Entry) -> str:
    """What follows the last entry, which is between `start` and `end`."""
    indent = _indent(text, start)
    last = text[start:end]
    inner = _INNER.match(last.replace("\r\n", "\n"))
    step = inner[1].removeprefix(indent) if inner else ""
    laid_out = _laid_out(entry, indent, step) if step else json.dumps(entry, ensure_ascii=False)
    has_own_line = not text[:start].rpartition("\n")[2].strip() and "\n" in text[:start]
    return f",\n{indent}{laid_out}" if has_own_line else f", {laid_out}"


def _laid_out(entry: Entry, indent: str, step: str) -> str:
    """A member on each line; lists stay in one line."""
    members = (
        f"{indent}{step}{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        for key, value in entry.items()
    )
    return "{\n" + ",\n".join(members) + f"\n{indent}}}"


def _indent(text: str, at: int) -> str:
    """The blanks at the beginning of the line of an offset."""
    line = text[text.rfind("\n", 0, at) + 1 :]
    return line[: len(line) - len(line.lstrip(" \t"))]


def _offset(text: str, place: positions.Position) -> int:
    lines = text.split("\n")
    return sum(len(line) + 1 for line in lines[: place.line - 1]) + place.column - 1
