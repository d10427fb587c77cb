# SPDX-License-Identifier: MIT
"""restart: what it takes for a replacement of the package."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

import postfix_rest_inetd
from postfix_rest_inetd import restart
from postfix_rest_inetd.marks import mark_of

PACKAGE = Path(postfix_rest_inetd.__file__).parent
NOT_OF_HANDLERS = ("admin", "units")
"""Packages of which a handler loads nothing (test_imports.py)."""


def test_every_directory_is_watched() -> None:
    """Wherever a module that a handler may load is replaced, a mark changes."""
    found = {path.parent.relative_to(PACKAGE) for path in PACKAGE.rglob("*.py")}
    handlers = {path for path in found if path.parts[:1] not in [(n,) for n in NOT_OF_HANDLERS]}
    assert len(handlers) > 1
    assert {mark_of(str(PACKAGE / path)) for path in handlers} <= set(restart.installed())


@pytest.mark.parametrize("path", sorted({path.parent for path in PACKAGE.rglob("*.py")}))
def test_a_replacement_anywhere_is_noticed(path: Path, tmp_path: Path, monkeypatch) -> None:
    """A module of any directory that was replaced a moment ago means a replacement going on."""
    copy = tmp_path / "package"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__", "*.py"))
    directories = [copy, *(each for each in copy.rglob("*") if each.is_dir())]
    for directory in directories:
        os.utime(directory, (1, 1))
    monkeypatch.setattr(restart, "_PACKAGE", str(copy))
    assert not restart.is_being_replaced()
    (copy / path.relative_to(PACKAGE) / "new.py").touch()
    assert restart.is_being_replaced(restart.QUIET_SEC * 10)
