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

from harness.project_files import project_files

ROOT = Path(__file__).parents[2]
MAX_LINES = 200
"""More complaints than that help nobody."""
PYTHON_SCRIPT = re.compile(rb"#!.*\bpython3?\b")
SHELL_SCRIPT = re.compile(rb"#!.*\b(?:sh|bash|dash)\b|# shellcheck shell=")


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


def scripts(first_line: re.Pattern[bytes]) -> list[str]:
    """The files whose FIRST LINE is such a one, with their paths from the root."""
    found = []
    for path in project_files():
        with (ROOT / path).open("rb") as stream:
            if first_line.match(stream.readline(200)):
                found.append(path)
    return found


def test_ruff_check() -> None:
    """Rules of ruff hold everywhere; each exception from them carries its reason."""
    assert complaints(tool("ruff"), "check", "--no-cache", "--output-format=concise", ".") == ""


def test_ruff_sees_every_script() -> None:
    """A program in Python whose name does not end in .py is known to ruff."""
    command = [tool("ruff"), "check", "--show-files", "."]
    seen = set(subprocess.check_output(command, cwd=ROOT, text=True, timeout=60).splitlines())
    assert {str(ROOT / path) for path in scripts(PYTHON_SCRIPT)} - seen == set()


def test_ruff_format() -> None:
    """Layout is ruff's business."""
    assert complaints(tool("ruff"), "format", "--check", "--no-cache", ".") == ""


def test_bandit() -> None:
    """What is installed has none of the weaknesses that bandit knows."""
    installed = [path for path in scripts(PYTHON_SCRIPT) if not path.startswith("tests/")]
    assert {"systemd/handler", "packaging/debian/tests/postfix"} <= set(installed)
    command = (tool("bandit"), "--quiet", "--configfile", "pyproject.toml", "--recursive")
    assert complaints(*command, "postfix_rest_inetd", "packaging/examples", *installed) == ""


def test_mypy() -> None:
    """The package is fully typed, in mypy's strict mode."""
    assert complaints(tool("mypy"), "--strict", "-p", "postfix_rest_inetd") == ""


def test_shellcheck() -> None:
    """No shell script makes one of the well-known mistakes."""
    found = scripts(SHELL_SCRIPT)
    assert {"packaging/common.sh", "tests/run"} <= set(found)
    assert complaints(tool("shellcheck"), "--external-sources", *found) == ""


def test_codespell() -> None:
    """No well-known misspelling, anywhere."""
    assert complaints(tool("codespell"), *project_files()) == ""


def test_reuse(tmp_path: Path) -> None:
    """Every file says what its license is; REUSE.toml says it for files that cannot.

    In a copy, because without git reuse(1) would look into the caches.
    """
    for path in project_files():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, tmp_path / path)
    assert complaints(tool("reuse"), "--root", str(tmp_path), "lint") == ""


def test_license() -> None:
    """LICENSE is for people and packages, LICENSES/MIT.txt for reuse(1): the same text."""
    assert (ROOT / "LICENSES/MIT.txt").read_text() == (ROOT / "LICENSE").read_text()
