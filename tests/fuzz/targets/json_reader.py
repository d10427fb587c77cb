# SPDX-License-Identifier: MIT
"""A document that is read without the json module is what json reads, or json's own error."""

from __future__ import annotations

import json
from collections.abc import Callable

from postfix_rest_inetd import json_reader

MODULES = ("json_reader",)

Constant = Callable[[str], float]


def run(data: bytes) -> None:
    """DATA is the body of a response, or the content of config.json."""
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return
    for parse_constant in (float, refuse):
        assert ours(text, dict, parse_constant) == theirs(text, dict, parse_constant)
    assert ours(text, pairs, refuse) == theirs(text, pairs, refuse)


def ours(text: str, hook: object, parse_constant: Constant) -> str:
    """The document, in a form in which NaN equals itself; or the error."""
    try:
        return repr(json_reader.loads(text, hook, parse_constant))
    except (ValueError, RecursionError) as error:
        return f"{type(error)} {error}"


def theirs(text: str, hook: object, parse_constant: Constant) -> str:
    """The same, by json."""
    try:
        return repr(json.loads(text, object_pairs_hook=hook, parse_constant=parse_constant))
    except (ValueError, RecursionError) as error:
        return f"{type(error)} {error}"


def refuse(constant: str) -> float:
    """Constants are errors."""
    raise ValueError(f"{constant} is not for us")


def pairs(found: list[tuple[str, object]]) -> object:
    """Keep all members, in order."""
    return tuple(found)
