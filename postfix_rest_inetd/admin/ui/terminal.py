# SPDX-License-Identifier: MIT
"""Colour for standard output, and its encoding.

Only a terminal gets colour, and only without NO_COLOR (https://no-color.org) and TERM=dumb.
"""

from __future__ import annotations

import functools
import io
import os
import sys

# Parameters of SGR (ECMA-48, 8.3.117), by what they are used for.
TITLE, LABEL, WIRE, GOOD, BAD, DOUBTFUL = "1", "2", "36", "1;32", "1;31", "1;33"


@functools.cache
def is_colourful() -> bool:
    """May standard output have colours?"""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return sys.stdout.isatty() and not plain


def painted(text: str, style: str) -> str:
    """Text for standard output in one of the styles above, where it may have colours."""
    return f"\x1b[{style}m{text}\x1b[0m" if style and is_colourful() else text


def tolerate() -> None:
    """Have standard output spell out what its encoding does not know, instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
