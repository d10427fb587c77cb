# SPDX-License-Identifier: MIT
"""Text in lines of a width."""

from __future__ import annotations

from postfix_rest_inetd.admin.ui.wrap import cut, pieces, wrapped


def test_lines_break_at_blanks() -> None:
    """A name with hyphens stays in one piece, so that it can be copied."""
    assert wrapped("postfix-rest-tcp@all.socket has failed", 30) == [
        "postfix-rest-tcp@all.socket",
        "has failed",
    ]


def test_indentation() -> None:
    """What lines begin with counts; an empty text is a line as well."""
    assert wrapped("one two three", 9, "-> ", "   ") == ["-> one", "   two", "   three"]
    assert wrapped("", 9, "-> ") == ["-> "]
    assert wrapped("", 9) == [""]


def test_long_words() -> None:
    """A word that is too long goes on in the next line, unless it must stay as it is."""
    assert wrapped("abcdef", 4) == ["abcd", "ef"]
    assert wrapped("abcdef", 4, breaks_words=False) == ["abcdef"]


def test_pieces() -> None:
    """Bytes that are shown are cut where a line is full."""
    assert pieces("a bcd", 2) == ["a ", "bc", "d"]
    assert pieces("", 2) == []


def test_cut() -> None:
    """What does not fit is replaced by dots, at the end or at the beginning."""
    assert cut("abc", 3) == "abc"
    assert cut("abcdef", 4) == "a..."
    assert cut("abcdef", 5, keeps_end=True) == "...ef"
    assert cut("abcdef", 3, keeps_end=True) == "..."
