# SPDX-License-Identifier: MIT
"""packaging/install: what it leaves of another version."""

from __future__ import annotations

import subprocess
from pathlib import Path

from harness.debian_build import CHECKOUT

PACKAGE = "usr/lib/python3/dist-packages/postfix_rest_inetd"


def modules(package: Path) -> set[Path]:
    """All files and directories below PACKAGE, but what Python caches."""
    found = {path.relative_to(package) for path in package.rglob("*")}
    return {path for path in found if "__pycache__" not in path.parts}


def test_modules_of_another_version(tmp_path: Path) -> None:
    """Only the modules of the checkout are left: a directory would hide a module of its name."""
    former = tmp_path / PACKAGE / "restart"
    (former / "__pycache__").mkdir(parents=True)
    (former / "__pycache__/__init__.cpython-313.pyc").touch()
    (former / "__init__.py").touch()
    (tmp_path / PACKAGE / "former.py").touch()
    command = [CHECKOUT / "packaging/install", tmp_path]
    subprocess.run(command, stdin=subprocess.DEVNULL, timeout=120, check=True)
    assert modules(tmp_path / PACKAGE) == modules(CHECKOUT / "postfix_rest_inetd")
