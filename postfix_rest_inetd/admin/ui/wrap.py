# SPDX-License-Identifier: MIT
"""Text in lines of a width, for screens of 80 columns."""

from __future__ import annotations

import textwrap

WIDTH = 80
_DOTS = "..."


def wrapped(
    text: str, width: int, first: str = "", others: str = "", *, breaks_words: bool = True
) -> list[str]:
    """The lines of a paragraph, at least one; they break at blanks, but not at hyphens.

    Args:
        text: without line breaks.
        width: of a line with its indentation.
        first: what the first line begins with.
        others: what all other lines begin with.
        breaks_words: whether a word that is too long continues in the next line.
    """
    lines = textwrap.wrap(
        text,
        width,
        initial_indent=first,
        subsequent_indent=others,
        break_long_words=breaks_words,
        break_on_hyphens=False,
    )
    return lines or [first]


def cut(text: str, width: int, *, keeps_end: bool = False) -> str:
    """A text of at most `width` characters, with dots in place of its end or its beginning."""
    if len(text) <= width:
        return text
    kept = max(0, width - len(_DOTS))
    return _DOTS + text[len(text) - kept :] if keeps_end else text[:kept] + _DOTS


def pieces(text: str, width: int) -> list[str]:
    """Text cut wherever a line is full; none of an empty text."""
    return [text[start : start + width] for start in range(0, len(text), width)]
