# SPDX-License-Identifier: MIT
"""What a screen shows of more lines than it has."""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.overview.watching import fitting

LINES = [f"line {number}" for number in range(1, 41)]


@pytest.mark.parametrize("rows", [24, 40])
def test_head_first(rows: int) -> None:
    """The head is shown, and how much is not; the cursor has the last line for itself."""
    shown = fitting(LINES, rows)
    assert len(shown) == rows - 1
    assert shown[:-1] == LINES[: rows - 2]
    assert shown[-1] == f"... {40 - (rows - 2)} more lines"


def test_all_of_it() -> None:
    """What fits is left as it is; a screen without a height gets something."""
    assert fitting(LINES, 41) == LINES
    assert len(fitting(LINES, 0)) == 1
