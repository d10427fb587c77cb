# SPDX-License-Identifier: MIT
"""How long a process stays for journald's sake."""

from __future__ import annotations

from time import monotonic

import pytest

from postfix_rest_inetd import journal

STAY_SEC = journal._READING_SEC


@pytest.mark.parametrize(
    "age, stay",
    [(0.0, STAY_SEC), (STAY_SEC / 2, STAY_SEC / 2), (STAY_SEC * 2, 0.0), (None, 0.0)],
    ids=["an entry of this moment", "a young entry", "an old entry", "no entry"],
)
def test_settle(monkeypatch, age, stay):
    """Until journald has had its time to read the last entry, and no longer."""
    waited = []
    monkeypatch.setattr(journal, "sleep", waited.append)
    monkeypatch.setattr(journal, "_last_sent", None if age is None else monotonic() - age)
    journal.settle()
    assert sum(waited) == pytest.approx(stay, abs=STAY_SEC / 10)
