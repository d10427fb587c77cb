# SPDX-License-Identifier: MIT
"""Programs that a test needs, and that a machine may not have.

Servers are not installed, because they would start at once and at each boot: tests/run unpacks
their packages below .venvs/servers.
"""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

UNPACKED = Path(__file__).parents[2] / ".venvs/servers"


def find(name: str) -> Path | None:
    """The path of a program, beside the Python in use, on PATH, in sbin or unpacked."""
    directories = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    directories += ["/usr/sbin", "/sbin"]
    directories += [str(UNPACKED / "usr" / part) for part in ("sbin", "bin")]
    path = shutil.which(name, path=os.pathsep.join(directories))
    return None if path is None else Path(path)


def program(name: str) -> str:
    """The path of a program.

    Where it is not installed the test is skipped, but in CI that is a failure.
    """
    path = find(name)
    if path is None:
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up(f"{name} is not installed")
    return str(path)
