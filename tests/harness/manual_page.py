# SPDX-License-Identifier: MIT
"""The manual pages as data: the text in their literal displays, and under their headings.

A display (.Bd -literal) after a comment `test: WORDS` is a `Block`; it has the text that a reader
sees and copies.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

DIRECTORY = Path(__file__).parents[2] / "packaging/man"
PAGES = sorted(DIRECTORY.glob("*.[1-9]"))

_BLOCK = re.compile(r'^\.\\" test: (.*)\n\.Bd -literal.*\n((?:(?!\.Ed).*\n)*)\.Ed$', re.MULTILINE)
_EXAMPLE = re.compile(
    r'^(?:\.\\" (?:example|test): (.*)\n)?\.Bd -literal.*\n((?:(?!\.Ed).*\n)*)\.Ed$', re.MULTILINE
)
_HEADING = re.compile(r"^\.S[hs] (.*)\n", re.MULTILINE)
_ESCAPES = {r"\e": "\\", r"\(aq": "'", r"\&": ""}
"""roff's own spelling; test_manual.py sees that there are no others."""


class Block(NamedTuple):
    """A display that tests use."""

    kind: str
    argument: str
    text: str


def source(name: str) -> str:
    """The mdoc text of the page NAME, as in postfix-rest-inetd.8."""
    return (DIRECTORY / name).read_text(encoding="utf-8")


def blocks(name: str) -> list[Block]:
    """The blocks of a page, in their order."""
    found = []
    for words, text in _BLOCK.findall(source(name)):
        kind, _, argument = words.partition(" ")
        found.append(Block(kind, argument, _unescaped(text)))
    assert found, f"{name} has no blocks"
    return found


def examples(name: str) -> list[Block]:
    """All displays of the section EXAMPLES; without a comment `example: WORDS`, to be run."""
    section = source(name).partition("\n.Sh EXAMPLES\n")[2].partition("\n.Sh ")[0]
    assert section, f"{name} has no EXAMPLES"
    found = []
    for words, text in _EXAMPLE.findall(section):
        kind, _, argument = (words or "run").partition(" ")
        found.append(Block(kind, argument, _unescaped(text)))
    return found


def displays(name: str, kind: str) -> dict[str, str]:
    """The displays after comments `KIND: WORDS`, by their words, as a reader sees them."""
    pattern = _BLOCK.pattern.replace(" test: ", f" {kind}: ")
    found = re.findall(pattern, source(name), re.MULTILINE)
    return {words: _unescaped(text) for words, text in found}


def as_shown(text: str) -> str:
    """A file as a page shows it: without the first line, if that says the license."""
    return text.partition("\n")[2] if text.startswith("# SPDX-") else text


def _unescaped(text: str) -> str:
    return re.sub(r"\\(\(..|.)", lambda match: _ESCAPES[match[0]], text)


def sections(name: str) -> dict[str, str]:
    """The text under each heading (.Sh or .Ss) of a page, up to the next one."""
    _, *parts = _HEADING.split(source(name))
    return dict(zip(parts[::2], parts[1::2], strict=True))


def list_tags(text: str) -> list[str]:
    """The tags (.It) of the lists in a part of a page."""
    return re.findall(r"^\.It (.*)$", text, re.MULTILINE)
