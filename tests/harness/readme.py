# SPDX-License-Identifier: MIT
"""README.md as data: the steps that it tells a reader to take, and what the reader then sees.

`steps(text)` are the headings, programs, commands and dialogues, in their order. In a dialogue, a
command follows `$ `, and its output is below it; a line `...` there matches any lines.
`same_shape(shown, said)` compares what is shown with what a command has said: word by word, as
README breaks lines in other places, and without times and bars, which differ each time.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

TEXT = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")

ELLIPSIS = "..."
_PART = re.compile(
    r"^(?P<heading>#+ .*)\n|^```(?P<language>\w+)\n(?P<code>(?s:.*?))^```$"
    r"|^(?P<indented>(?: {4}.*\n(?:\n+(?= {4}))?)+)",
    re.MULTILINE,
)
_DIFFERENT = (
    (r"(\d{4}-\d\d-\d\d )?\d\d:\d\d:\d\d(\.\d+)?", "(date)"),
    (r"\d+(\.\d+)? (us|ms|s)\b", "(time)"),
    (r"\d+(\.\d+)? a (second|minute)", "(rate)"),
    (r"[\u2588-\u258f]+", "(bar)"),
)


class Step(NamedTuple):
    """A part of README: its kind is `heading`, `run`, `ask`, or the language of a program."""

    kind: str
    text: str
    """The heading, the program, or the commands for a shell."""
    shown: str = ""
    """For `ask`: what the command is said to print."""


def steps(text: str = TEXT) -> list[Step]:
    """All of a text, in its order."""
    found: list[Step] = []
    for part in _PART.finditer(text):
        if part["heading"]:
            found.append(Step("heading", part["heading"].lstrip("# ")))
        elif part["language"]:
            found.append(Step(part["language"], part["code"]))
        else:
            found += _indented(re.sub("^ {4}", "", part["indented"], flags=re.MULTILINE))
    return found


def _indented(block: str) -> list[Step]:
    if not block.startswith("$ "):
        return [Step("run", block)]
    parts = re.findall(r"^\$ ((?:.*\\\n)*.*)\n((?:(?!\$ ).*\n)*)", block, re.MULTILINE)
    return [Step("ask", command, shown) for command, shown in parts]


def between(first: str, end: str, text: str = TEXT) -> list[Step]:
    """The steps from the heading FIRST up to the heading END, which is left out."""
    found = steps(text)
    headings = {step.text: at for at, step in enumerate(found) if step.kind == "heading"}
    return found[headings[first] : headings[end]]


def the(kind: str, text: str = TEXT) -> str:
    """The only step of a kind."""
    (found,) = [step.text for step in steps(text) if step.kind == kind]
    return found


def same_shape(shown: str, said: str) -> bool:
    """Is SAID what is SHOWN?"""
    parts = re.split(rf"^{re.escape(ELLIPSIS)}$", f"\n{shown}\n", flags=re.MULTILINE)
    pattern = r"(?:.*\s)?".join(
        r"\s*" + "".join(rf"{re.escape(word)}\s+" for word in _alike(part).split())
        for part in parts
    )
    return re.fullmatch(pattern, f"{_alike(said)}\n", re.DOTALL) is not None


def _alike(text: str) -> str:
    for pattern, name in _DIFFERENT:
        text = re.sub(pattern, name, text)
    return text
