# SPDX-License-Identifier: MIT
"""Values of Postfix's in words."""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.host.tokens import words

WORDS = {
    "": [],
    "a,b  c,\td,": ["a", "b", "c", "d"],
    "a\r\n b": ["a", "b"],
    "a{b, c} d": ["a{b, c}", "d"],
    "{a}b c": ["{a}b", "c"],
    "{ a, { b = c }, d }, e": ["{ a, { b = c }, d }", "e"],
    "} a": ["}", "a"],
    "a} b": ["a}", "b"],
    "{a b": ["{a b"],
}


@pytest.mark.parametrize("text, expected", WORDS.items())
def test_words(text: str, expected: list[str]) -> None:
    """Commas and white space separate; braces keep words together, also where one is missing."""
    assert words(text) == expected
