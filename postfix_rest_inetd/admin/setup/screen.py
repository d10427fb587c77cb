# SPDX-License-Identifier: MIT
"""What `setup` shows, on standard output. It never shows a token, or more of a URL than its origin.

A path, a query and the user information of a URL can all be secrets (config/target.py).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.wrap import wrapped
from postfix_rest_inetd.config.target import Target
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    from collections.abc import Iterable

_MARGIN = "    "


def paragraph(text: str, first: str = "", others: str = "") -> None:
    """A text, wrapped on a terminal."""
    width = terminal.line_width()
    shown = printable(text)
    lines = wrapped(shown, width, first, others, breaks_words=False) if width else [first + shown]
    print("\n".join(lines))


def item(label: str, text: str) -> None:
    """A choice."""
    paragraph(text, f"  {label} ", " " * (len(label) + 3))


def complain(text: str) -> None:
    """Why an answer is not right."""
    label, width = "not right: ", terminal.line_width()
    shown = printable(text)
    lines = wrapped(shown, width, label, " " * len(label)) if width else [label + shown]
    lines[0] = lines[0].replace(label, terminal.painted(label, terminal.BAD), 1)
    print("\n".join(lines))


def plan(path: str, entry: dict[str, object], token_path: str) -> None:
    """What is going to be written."""
    print(f"New endpoint for {printable(path)}:")
    target = str(entry["target"])
    origin = Target(target).origin
    shown = target if target in (origin, f"{origin}/") else f"{origin}/..."
    members = {**entry, "target": shown}
    for number, (key, value) in enumerate(members.items(), 1):
        text = f"{json.dumps(key)}: {json.dumps(value, ensure_ascii=False)}"
        print(_MARGIN + printable(text) + "," * (number < len(members)))
    if token_path:
        print(f"New file with the token: {printable(token_path)}")


def written(path: str, token_path: str) -> None:
    """What has been written."""
    paragraph(f"{path} was saved. It is in force from the next request on.")
    if token_path:
        paragraph(f"{token_path} has the token. Only root and the handlers can read it.")


def for_main_cf(lines: Iterable[str], question: str) -> None:
    """What is left for Postfix."""
    print("\nFor Postfix, added to what main.cf has:")
    for line in lines:
        if line.startswith("#"):
            paragraph(line.removeprefix("# "), "  # ", "  # ")
        else:
            print("\n".join(_MARGIN + part for part in line.split("\n")))
    print(f"Try it:\n{_MARGIN}{printable(question)}")
