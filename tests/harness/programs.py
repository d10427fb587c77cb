# SPDX-License-Identifier: MIT
"""Programs that a test needs, and that a machine may not have."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest


def program(name: str) -> str:
    """The path of a program, beside the Python in use, on PATH or in sbin.

    Where it is not installed the test is skipped, but in CI that is a failure.
    """
    directories = [str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]
    path = shutil.which(name, path=os.pathsep.join([*directories, "/usr/sbin", "/sbin"]))
    if path is None:
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up(f"{name} is not installed")
    return path
