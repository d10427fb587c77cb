# SPDX-License-Identifier: MIT
"""The linters, as tests: what they complain about fails the run.

Where a linter is not installed its test is skipped, but in CI that is a failure.
"""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MAX_LINES = 200
"""More complaints than that help nobody."""
SHELL_SCRIPT = re.compile(rb"#!.*\b(?:sh|bash|dash)\b")


def tool(name: str) -> str:
    """The path of the tool NAME, beside the Python in use or on PATH."""
    beside = str(Path(sys.executable).parent)
    path = shutil.which(name, path=f"{beside}{os.pathsep}{os.environ.get('PATH', os.defpath)}")
    if path is None:
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up(f"{name} is not installed")
    return path


def complaints(*command: str) -> str:
    """What COMMAND says in the checkout when it fails; empty when it succeeds."""
    done = subprocess.run(
        command,
        cwd=ROOT,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=300,
        check=False,
    )
    if done.returncode == 0:
        return ""
    lines = done.stdout.splitlines()
    shown = lines[:MAX_LINES] + ["..."] * (len(lines) > MAX_LINES)
    return "\n".join([f"exit status {done.returncode}", *shown])


def shell_scripts() -> list[str]:
    """Every file in the checkout whose first line names a shell, with its path from the root."""
    scripts = []
    for directory, names, files in os.walk(ROOT):
        # What is not part of the project: the caches of tools (.git, .venvs, ...); .ci is.
        names[:] = [n for n in names if n == ".ci" or not n.startswith((".", "__pycache__"))]
        for file in files:
            path = Path(directory, file)
            with path.open("rb") as stream:
                first_line = stream.readline(200)
            if SHELL_SCRIPT.match(first_line):
                scripts.append(str(path.relative_to(ROOT)))
    return sorted(scripts)


def test_ruff_check() -> None:
    """Rules of ruff hold everywhere; each exception from them carries its reason."""
    assert complaints(tool("ruff"), "check", "--no-cache", "--output-format=concise", ".") == ""


def test_ruff_format() -> None:
    """Layout is ruff's business."""
    assert complaints(tool("ruff"), "format", "--check", "--no-cache", ".") == ""


def test_mypy() -> None:
    """The package is fully typed, in mypy's strict mode."""
    assert complaints(tool("mypy"), "--strict", "-p", "postfix_rest_inetd") == ""


def test_shellcheck() -> None:
    """No shell script makes one of the well-known mistakes."""
    scripts = shell_scripts()
    assert "tests/run" in scripts
    assert complaints(tool("shellcheck"), *scripts) == ""
