# SPDX-License-Identifier: MIT
"""Colour for standard output, and its encoding; messages on standard error.

Only a terminal gets colour, and only without NO_COLOR (https://no-color.org) and TERM=dumb.
"""

from __future__ import annotations

import functools
import io
import os
import shutil
import sys

from postfix_rest_inetd.admin.ui.wrap import WIDTH
from postfix_rest_inetd.log_entry import printable

_MIN_WIDTH = 40

# A report fits the first, and uses up to the second: longer names are shown, and longer bars.
LEAST, MOST = 60, 120

# Parameters of SGR (ECMA-48, 8.3.117), by their use.
TITLE, LABEL, WIRE, GOOD, BAD, DOUBTFUL = "1", "2", "36", "1;32", "1;31", "1;33"


@functools.cache
def is_colourful() -> bool:
    """Does standard output get colours?"""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM", "dumb") == "dumb"
    return sys.stdout.isatty() and not plain


def painted(text: str, style: str) -> str:
    """Text for standard output, in one of the styles above if standard output gets colours."""
    return f"\x1b[{style}m{text}\x1b[0m" if style and is_colourful() else text


def has_cursor() -> bool:
    """Is standard output a terminal that can move its cursor?"""
    return sys.stdout.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def screen_width() -> int:
    """The columns of a report on standard output: the terminal's within bounds; else WIDTH."""
    if not sys.stdout.isatty():
        return WIDTH
    return max(LEAST, min(shutil.get_terminal_size((WIDTH, 24)).columns, MOST))


def line_width(most: int = WIDTH) -> int:
    """The columns of a line on a terminal, at most `most`; 0 where lines are not wrapped."""
    if not sys.stdout.isatty():
        return 0
    columns = shutil.get_terminal_size((WIDTH, 24)).columns
    return max(_MIN_WIDTH, min(columns, most))


def tolerate() -> None:
    """Make standard output escape characters that its encoding lacks, instead of failing."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")


def complain(text: str) -> None:
    """Print a message on standard error: one line, with the name of the program before it."""
    print(f"postfix-rest-inetd: {printable(text)}", file=sys.stderr)
