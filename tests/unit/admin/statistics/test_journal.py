# SPDX-License-Identifier: MIT
"""A period is read to its end although the clock of the machine was set, forwards or back.

journald takes the times of entries from the clock, so a real one cannot make such a journal here.
"""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.statistics import journal

FIELDS = {"MESSAGE": b"x"}


class Reader:
    """What a reader of systemd-python does with entries of these times (seconds since 1970)."""

    def __init__(self, times: list[int]) -> None:
        self._times = times
        self._at = -1

    def seek_tail(self) -> None:
        """Go behind the last entry."""
        self._at = len(self._times)

    def _previous(self) -> bool:
        self._at -= 1
        return self._at >= 0

    def _next(self) -> bool:
        self._at += 1
        return self._at < len(self._times)

    def _get_realtime(self) -> int:
        return self._times[self._at] * 1_000_000

    def _get_all(self) -> dict[str, bytes]:
        return FIELDS


def journal_of(times: list[int]) -> journal.Journal:
    """A journal with entries of these times, at its beginning."""
    made = journal.Journal.__new__(journal.Journal)
    made._reader, made.alien, made._at_new = Reader(times), 0, False
    return made


@pytest.mark.parametrize("most, found", [(1, 1), (2, 2)])
def test_backwards(most: int, found: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some entries that seem too early do not end it; more of them do."""
    monkeypatch.setattr(journal, "MAX_STRAY", most)
    read = journal_of([10, 101, 2, 3, 102]).newest_first(100.0, None)
    assert [when // 1_000_000 for when, _ in read] == [102, 101][:found]


@pytest.mark.parametrize("most, found", [(1, 1), (2, 2)])
def test_forwards(most: int, found: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor do some that seem too late."""
    monkeypatch.setattr(journal, "MAX_STRAY", most)
    read = journal_of([101, 300, 301, 102, 303])
    assert (list(read.entries(200.0)), read.alien) == ([], found)
