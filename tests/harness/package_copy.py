# SPDX-License-Identifier: MIT
"""A copy of the package whose files a test may replace, and a new version of it.

In the new version, one module and one constant that the modules share have other names: half of the
old and half of the new would be an internal error.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from harness.handler_process import package_parent
from harness.rewriting import renamed

_IGNORED = shutil.ignore_patterns("__pycache__", "admin")


def copy_package(directory: Path) -> Path:
    """A copy of what a handler needs of the package, which can be imported from DIRECTORY."""
    package = directory / "postfix_rest_inetd"
    shutil.copytree(package_parent() / "postfix_rest_inetd", package, ignore=_IGNORED)
    return package


_CLIENT = re.compile(r"^( *)from \.(client)? import (client|Client)\b", re.MULTILINE)


def _by_its_new_name(found: re.Match[str]) -> str:
    indentation, is_from_it, name = found.groups()
    if is_from_it:
        return f"{indentation}from .asker import {name}"
    return f"{indentation}from . import asker as {name}"


def upgrade(package: Path) -> None:
    """Replace all modules by those of the new version."""
    (package / "backend/asker.py").write_text((package / "backend/client.py").read_text())
    for path in sorted(package.rglob("*.py")):
        text = path.read_text().replace("REPLY_VALUE", "REPLY_OF_VALUES")
        renamed(path, _CLIENT.sub(_by_its_new_name, text))
    (package / "backend/client.py").unlink()
