# SPDX-License-Identifier: MIT
"""What a terminal gets for a report that takes the place of the one before."""

from __future__ import annotations

import os

import pytest

from postfix_rest_inetd.admin.ui import redrawing, terminal
from postfix_rest_inetd.admin.ui.sections import Section

SECTIONS = [Section("summary", ["s" * 10]), Section("others", ["long line" * 2, "o"])]


def test_in_its_place(monkeypatch):
    """A row is cleared before it is written: behind a full one, its last column would be."""
    monkeypatch.setattr(terminal, "has_cursor", lambda: True)
    told = redrawing.drawn(SECTIONS, os.terminal_size((10, 7)))
    rows = ["\x1b[Kssssssssss", "\x1b[K", "\x1b[Jlong linelong line", "\x1b[Ko"]
    assert told == "\x1b[H" + "".join(f"{row}\n" for row in rows) + "\x1b[J"


@pytest.mark.parametrize("lines, is_whole", [(7, True), (6, False)])
def test_without_a_cursor(monkeypatch, lines, is_whole):
    """An empty row comes before, and the cursor has the last one."""
    monkeypatch.setattr(terminal, "has_cursor", lambda: False)
    told = redrawing.drawn(SECTIONS, os.terminal_size((10, lines))).splitlines()
    whole = ["", "s" * 10, "", "long line" * 2, "o"]
    assert told == (whole if is_whole else ["", "s" * 10, "Not eve..."])


def test_elsewhere():
    """All of it, and an empty line behind."""
    assert redrawing.drawn(SECTIONS, None) == f"{'s' * 10}\n\n{'long line' * 2}\no\n\n"


def test_pause():
    """A new size ends it at once."""
    redrawing.pause(3600, os.terminal_size((1, 1)))
