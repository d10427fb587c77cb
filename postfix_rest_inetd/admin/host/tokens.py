# SPDX-License-Identifier: MIT
"""Splits a value as Postfix does: mystrtokq() of util/mystrtok.c."""

from __future__ import annotations

_SEPARATORS = ", \t\r\n"


def words(value: str) -> list[str]:
    """The words between commas and white space; a text in braces is one word, with its braces."""
    found, word, depth = [], "", 0
    for character in value:
        if depth == 0 and character in _SEPARATORS:
            found.append(word)
            word = ""
            continue
        depth += (character == "{") - (character == "}" and depth > 0)
        word += character
    return [each for each in [*found, word] if each]
