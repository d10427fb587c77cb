# SPDX-License-Identifier: MIT
"""What tests/mutation has to know about the rest of the tree is true; it is not run here."""

from __future__ import annotations

from pathlib import Path

import pytest
from mutation.equivalents import equivalents_in
from mutation.selection import LEFT_OUT, ROWS, row_of

TESTS = Path(__file__).parents[1]
PACKAGE = TESTS.parent / "postfix_rest_inetd"
EQUIVALENT = equivalents_in(TESTS / "mutation/equivalent.txt")


@pytest.mark.parametrize("name, inside, outside", ROWS)
def test_rows(name: str, inside: list[str], outside: list[str]) -> None:
    """Each row is about something, and names tests that are there."""
    assert (PACKAGE / name).exists()
    assert [path for path in inside + outside if not (TESTS / path).exists()] == []


def test_what_is_left_out() -> None:
    """A test that is left out has not been renamed."""
    for name in LEFT_OUT:
        path, _, function = name.partition("::")
        function = function.partition("[")[0]
        assert function == "" or f"def {function}(" in (TESTS / path).read_text(encoding="utf-8")
        assert (TESTS / path).exists()


@pytest.mark.parametrize("path, place, removed", sorted({identity[:3] for identity in EQUIVALENT}))
def test_equivalent_mutants(path: str, place: str, removed: tuple[str, ...]) -> None:
    """A mutant that is named as equivalent is one of a line that is still there."""
    assert row_of(path)
    text = (PACKAGE / path).read_text(encoding="utf-8")
    assert place == "-" or place.rpartition(".")[2] in text
    assert set(removed) <= {line.strip() for line in text.splitlines()}
