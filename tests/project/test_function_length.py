# SPDX-License-Identifier: MIT
"""No function of the package is longer than a screen."""

from __future__ import annotations

import ast
import io
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[2] / "postfix_rest_inetd"
MOST_LINES = 40

_NO_CODE = frozenset(
    (
        *(tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT),
        *(tokenize.ENCODING, tokenize.ENDMARKER),
    )
)


def lengths(source: str) -> Iterator[tuple[str, int]]:
    """By function, how many lines have code: docstrings, comments and blank lines do not count."""
    code: set[int] = set()
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type not in _NO_CODE:
            code.update(range(token.start[0], token.end[0] + 1))
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            lines = set(range(node.lineno, (node.end_lineno or 0) + 1)) & code
            if ast.get_docstring(node) is not None:
                lines -= set(range(node.body[0].lineno, (node.body[0].end_lineno or 0) + 1))
            yield node.name, len(lines)


@pytest.mark.parametrize("count, is_short", [(MOST_LINES, True), (MOST_LINES + 1, False)])
def test_measure(count: int, *, is_short: bool) -> None:
    """What is counted are the lines with code."""
    body = "    x = 1\n\n    # nothing\n" * (count - 1)
    ((name, length),) = lengths(f'def f():\n    """It\n    does.\n    """\n{body}')
    assert (name, length, length <= MOST_LINES) == ("f", count, is_short)


def test_no_long_function() -> None:
    """There are no exceptions."""
    found = [
        (str(path.relative_to(PACKAGE)), name, length)
        for path in PACKAGE.rglob("*.py")
        for name, length in lengths(path.read_text(encoding="utf-8"))
    ]
    assert len(found) > 500
    assert [each for each in found if each[2] > MOST_LINES] == []
