# SPDX-License-Identifier: MIT
"""restart: what it takes for a replacement of the package."""

from __future__ import annotations

from pathlib import Path

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
