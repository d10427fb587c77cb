# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd __complete`: from its arguments to the lines of its output.

It reads files, and asks postconf(1) and postqueue(1). It writes nothing, and asks no backend.
"""

from __future__ import annotations

import contextlib
import os
import sys
from typing import NamedTuple

from postfix_rest_inetd.config.loading import DEFAULT_PATH
from postfix_rest_inetd.log_entry import printable

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

MAX_WORDS = 500
_MAX_ABOUT = 60


class Asked(NamedTuple):
    """The arguments: of what kind are the words, which configuration, and what was typed."""

    kind: str
    config: str
    word: str
    argument: str


def run(arguments: list[str]) -> int:
    """Print the words; returns the exit status, which is always 0."""
    # A shell would show a message in the middle of the line that is being typed.
    with contextlib.suppress(Exception, KeyboardInterrupt):
        kind, config, word, argument, *_ = (*arguments, "", "", "", "")
        asked = Asked(kind, config or DEFAULT_PATH, word, argument)
        text = "".join(_lines(_found(asked), word))
        _write(text.encode(errors="replace"))
    return 0


def _found(asked: Asked) -> Iterable[tuple[str, str]]:
    """Words, and what each of them is."""
    if asked.kind == "attributes":
        from postfix_rest_inetd.admin.completion import attributes

        return attributes.words(asked.word)
    if asked.kind == "subjects":
        from postfix_rest_inetd.admin.completion import subjects

        return subjects.words(asked.word, asked.argument or None)
    from postfix_rest_inetd.admin.completion import endpoints

    kinds = {"endpoints": endpoints.all_of_them, "lookups": endpoints.lookups}
    if asked.kind == "maps":
        return endpoints.maps(asked.config, asked.argument)
    return kinds[asked.kind](asked.config, asked.word)


def _lines(found: Iterable[tuple[str, str]], typed: str) -> Iterable[str]:
    """The lines for words that begin with what was typed, in either case of letters."""
    typed, told = typed.casefold(), set()
    for word, about in found:
        if not is_harmless(word) or word in told or not word.casefold().startswith(typed):
            continue
        told.add(word)
        yield f"{word}\t{printable(about, _MAX_ABOUT)}\n"
        if len(told) == MAX_WORDS:
            return


def is_harmless(word: str) -> bool:
    """Can it be shown, and does the command not take it for an option?"""
    return word.isprintable() and word.strip() == word != "" and not word.startswith("-")


def _write(data: bytes) -> None:
    descriptor = sys.stdout.fileno()
    while data:
        data = data[os.write(descriptor, data) :]
