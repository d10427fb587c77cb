# SPDX-License-Identifier: MIT
"""The texts of --help, in lines that fit the screen.

A paragraph is filled. It ends at a line that ends with a colon, and before an indented line. An
indented line is a row of a table, whose last column is wrapped; two blanks are before it. The lines
after `examples:`, up to an empty one, are commands, which remain as they are.
"""

from __future__ import annotations

import argparse
import re
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.ui.wrap import wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

EXAMPLES = "examples:"

_COLUMN = re.compile(r" +(?:\S.*?  +)?")


class HelpFormatter(argparse.HelpFormatter):
    """Fills descriptions and epilogs as above; what is said of an option breaks at no hyphen."""

    def add_argument(self, action: argparse.Action) -> None:
        """Leave room for the longest command, which argparse of Python 3.11 does not indent."""
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001
            indent = self._current_indent + self._indent_increment
            length = indent + max(map(len, action.choices), default=0)
            self._action_max_length = max(self._action_max_length, length)

    def _split_lines(self, text: str, width: int) -> list[str]:
        return wrapped(" ".join(text.split()), width)

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        return "\n".join(f"{indent}{line}" for line in _filled(text, width))


def _filled(text: str, width: int) -> Iterator[str]:
    paragraph: list[str] = []
    shows_commands = False
    for line in [*text.rstrip().splitlines(), ""]:
        if line and line[0] != " ":
            paragraph.append(line)
            shows_commands = line == EXAMPLES
            if not line.endswith(":"):
                continue
        if paragraph:
            yield from wrapped(" ".join(paragraph), width)
            paragraph.clear()
        if not line:
            shows_commands = False
            yield ""
        elif line[0] == " ":
            yield from [line] if shows_commands else _row(line, width)


def _row(line: str, width: int) -> list[str]:
    found = _COLUMN.match(line)
    first = found[0] if found else ""
    return wrapped(line[len(first) :], width, first, " " * len(first))
