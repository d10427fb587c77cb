# SPDX-License-Identifier: MIT
"""The prose that we ship is free of the slips that a program can find without false alarms.

Each rule has a sentence that it finds and one that it passes. A rule that is wrong about a sentence
is made narrower; only a sentence that is a quotation goes into EXCEPTIONS. The files of SHIPPED are
covered; others are added there as they are revised.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from harness.manual_page import PAGES

ROOT = Path(__file__).parents[2]

SHIPPED = (
    ".github/*.md",
    "README.md",
    "SECURITY.md",
    "packaging/CHANGELOG.md",
    "packaging/README.md",
    "packaging/SECURITY.md",
    "packaging/audit",
    "packaging/build-*",
    "packaging/common.sh",
    "packaging/completions/*",
    "packaging/debian/control",
    "packaging/debian/postinst",
    "packaging/debian/postrm",
    "packaging/debian/prerm",
    "packaging/debian/tests/*",
    "packaging/demo",
    "packaging/examples/*",
    "packaging/install",
    "packaging/man/*",
    "packaging/new-version",
    "packaging/reload",
    "packaging/rpm/*.spec",
    "postfix_rest_inetd/**/*.py",
    "systemd/**/*",
    "tests/conftest.py",
    "tests/harness/*.py",
)

EXCEPTIONS: dict[str, tuple[str, ...]] = {}
"""By path: sentences, or parts of sentences, that are not ours to change."""

# name: (what is found, a sentence that has it, a sentence that has not)
RULES = {
    "a final too": (
        r"\btoo\b *[.,;:!?)]",
        "An existing file is put right, too.",
        "The name is too long.",
    ),
    "is no X": (
        r"(?<!\b[Tt]here )\b(?:is|are|was|were) no (?!(?:better|less|longer|more)\b)\w+",
        "It is no key that Postfix knows.",
        "If there is no key, the mail is no longer deferred.",
    ),
    "who without a noun": (
        r"\b(?:for|from|of|than|to|with) who\b|(?:^|[.:;] )Who\b[^.?]*\.",
        "It is for who reads one file. Who stops a unit does not want it.",
        "It is for those who read one file. Who was limited?",
    ),
    "an inverted clause": (
        r"\bso (?:are|can|did|do|does|has|have|is|was|will) (?:all|an?|each|every|postmap|the)\b",
        "The journal has it, and so does the log.",
        "If so, is it right? It does so.",
    ),
    "a relative clause that turns back": (
        r", (?:of|on) which\b",
        "The names clash, on which systemd gives up.",
        "The addresses on which systemd listens.",
    ),
    "to stand": (
        r"\b(?:stands?|stood|standing) (?:already|at|before|behind|in|last|there|twice)\b",
        "The reason stands in the journal.",
        "The name of the host stands for its addresses.",
    ),
    "likes and dislikes": (
        r"\b(?:likes?|liked) (?:it|one|the|to)\b|\b(?:backend|client|reader|side|you)s? likes?\b",
        "As long as the backend likes it.",
        "A name like this one, and names such as that.",
    ),
    "what it is for": (
        r"\bwhat (?:it|they|that|this) (?:is|are) for\b",
        "The page tells what it is for.",
        "The page is for administrators.",
    ),
    "nobody's": (r"\bnobody's\b", "The file is nobody's yet.", "Nobody can read it."),
    "others": (
        r"\b(?:are|be|is|were) others?\b",
        "Your times will be others.",
        "The other times are different.",
    ),
    "an idiom": (
        r"\b(?:by and by|come what may|ever so|for fear of|is spared|on top(?! of))\b",
        "The kernel forgets this by and by.",
        "The kernel forgets this after some time.",
    ),
}

# On a line that begins with a dot, words of two letters such as Li and Xr are macros.
_ROFF = re.compile(r"^\.\\\".*|^\.|\b[A-Z][a-z] |\\&")
_COMMENT = re.compile(r"^[ \t]*(?:#+|//+|\*) ?")


def prose(path: Path) -> str:
    """The words of a file in one line; an empty line is a full stop."""
    lines = path.read_text(encoding="utf-8").splitlines()
    if path in PAGES:
        lines = [_ROFF.sub("", line) if line.startswith(".") else line for line in lines]
    words = [_COMMENT.sub("", line).strip() or "." for line in lines]
    return re.sub(r"\s+", " ", " ".join(words))


def slips(rule: str, text: str, exceptions: tuple[str, ...] = ()) -> list[str]:
    """What a rule finds in a text, with the words around it."""
    for exception in exceptions:
        assert exception in text, f"the exception {exception!r} is not there any more"
        text = text.replace(exception, "")
    found = re.finditer(RULES[rule][0], text, re.IGNORECASE if rule == "an idiom" else 0)
    return [text[max(0, match.start() - 40) : match.end() + 40] for match in found]


def shipped() -> list[Path]:
    """The files that are covered."""
    found = {path for pattern in SHIPPED for path in ROOT.glob(pattern) if path.is_file()}
    return sorted(path for path in found if "__pycache__" not in path.parts)


@pytest.mark.parametrize("rule", RULES)
def test_rule(rule: str) -> None:
    """The rule finds what it is made for, and passes what only looks like it."""
    _, bad, good = RULES[rule]
    assert len(slips(rule, bad)) >= 1
    assert slips(rule, good) == []


def test_patterns() -> None:
    """Each pattern is one of files that there are, and so is each exception."""
    assert [pattern for pattern in SHIPPED if not any(ROOT.glob(pattern))] == []
    assert EXCEPTIONS.keys() <= {str(path.relative_to(ROOT)) for path in shipped()}


@pytest.mark.parametrize("path", shipped(), ids=lambda path: str(path.relative_to(ROOT)))
def test_prose(path: Path) -> None:
    """None of the rules finds anything."""
    text, exceptions = prose(path), EXCEPTIONS.get(str(path.relative_to(ROOT)), ())
    found = {rule: slips(rule, text, exceptions) for rule in RULES}
    assert {rule: places for rule, places in found.items() if places} == {}
