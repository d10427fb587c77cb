# SPDX-License-Identifier: MIT
"""The line of config.json with a mistake, and a caret below it.

The file contains tokens, and what is printed gets pasted elsewhere. Where a text is not JSON,
nothing says which of its words are secret. So only punctuation, JSON's own words and the keys and
modes of config.json are shown; an ellipsis replaces every other word.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postfix_rest_inetd.config.fields import ENDPOINT_FIELDS, FILE_FIELDS
from postfix_rest_inetd.protocols import MODES

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.checks.positions import Position

WIDTH = 60
"""Characters of the line, at most."""
ELLIPSIS = "..."

_KNOWN = {*FILE_FIELDS, *ENDPOINT_FIELDS, *MODES, "true", "false", "null", "//", "#", "/*", "*/"}
_PART = re.compile(r"[{}\[\]:,\"'\s]|[^{}\[\]:,\"'\s]+")


def excerpt(content: bytes | None, place: Position) -> str:
    """Two lines: what is around a position, and the caret; empty if there is no text to show."""
    try:
        line = (content or b"").decode().removeprefix("\ufeff").split("\n")[place.line - 1]
    except UnicodeDecodeError:
        return ""
    before = _masked(line[: place.column - 1]).lstrip()
    after = _masked(line[place.column - 1 :]).rstrip()
    if not (before or after):
        return ""
    room = WIDTH // 2
    if len(before) > room:
        before = ELLIPSIS + before[len(ELLIPSIS) - room :]
    if len(after) > room:
        after = after[: room - len(ELLIPSIS)] + ELLIPSIS
    return f"{before}{after}\n{' ' * len(before)}^"


def _masked(text: str) -> str:
    shown = (_shown(part) for part in _PART.findall(text))
    return re.sub(r"\.{3}(?:\s+\.{3})+", ELLIPSIS, "".join(shown))


def _shown(part: str) -> str:
    if part.isspace():
        return " "
    if len(part) == 1 and not part.isalnum():
        return part if part.isprintable() and part.isascii() else ELLIPSIS
    return part if part in _KNOWN else ELLIPSIS
