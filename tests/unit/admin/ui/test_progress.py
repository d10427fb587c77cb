# SPDX-License-Identifier: MIT
"""The progress bar: on a terminal only, not at once, and gone in the end."""

from __future__ import annotations

import io
import sys

import pytest

from postfix_rest_inetd.admin.ui import progress


class Screen(io.StringIO):
    """A standard error that may be a terminal."""

    def __init__(self, *, terminal: bool) -> None:
        super().__init__()
        self._terminal = terminal

    def isatty(self) -> bool:
        """As it was told."""
        return self._terminal


@pytest.mark.parametrize(
    "part, line",
    [
        (None, "5 keys"),
        (0.0, f"[{'.' * 30}]   0% 5 keys"),
        (0.5, f"[{'#' * 15}{'.' * 15}]  50% 5 keys"),
        (7.0, f"[{'#' * 30}] 100% 5 keys"),
        (-1.0, f"[{'.' * 30}]   0% 5 keys"),
    ],
)
def test_bar(part, line):
    """The bar shows what is known, and stays within its bounds."""
    assert progress.bar("keys", 5, part) == line


def shown(monkeypatch, *, terminal: bool, patience_sec: float) -> str:
    """What is written for two steps and an end."""
    screen = Screen(terminal=terminal)
    monkeypatch.setattr(sys, "stderr", screen)
    monkeypatch.setattr(progress, "PATIENCE_SEC", patience_sec)
    with progress.Progress("keys") as bar:
        bar.show(1, None)
        bar.show(2, None)
    return screen.getvalue()


def test_terminal(monkeypatch):
    """The bar is drawn, not again at once, and wiped out."""
    assert shown(monkeypatch, terminal=True, patience_sec=0) == "\r\x1b[K1 keys\r\x1b[K"


def test_quick_work(monkeypatch):
    """What is over in no time has no bar."""
    assert shown(monkeypatch, terminal=True, patience_sec=60) == ""


def test_no_terminal(monkeypatch):
    """What goes to a file has no bar."""
    assert shown(monkeypatch, terminal=False, patience_sec=0) == ""
