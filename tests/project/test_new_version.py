# SPDX-License-Identifier: MIT
"""packaging/new-version, by which a release begins, in a copy of the checkout."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.project_files import ROOT, project_files

UNRELEASED = "## [Unreleased]\n"
VERSION_TESTS = [path for path in project_files() if path.endswith("/test_versions.py")]


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """A copy that has something to release."""
    for path in project_files():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / path, tmp_path / path)
    changelog = tmp_path / "packaging/CHANGELOG.md"
    text = changelog.read_text(encoding="utf-8")
    if UNRELEASED not in text:
        changelog.write_text(text.replace("\n## [", f"\n{UNRELEASED}\n## [", 1), encoding="utf-8")
    return tmp_path


def new_version(checkout: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What the script says."""
    command = [checkout / "packaging/new-version", *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def contents(directory: Path) -> dict[Path, bytes]:
    """Every file in DIRECTORY."""
    return {path: path.read_bytes() for path in directory.rglob("*") if path.is_file()}


def test_every_file(checkout: Path) -> None:
    """Afterwards the tests that compare versions pass, for the new one."""
    done = new_version(checkout, "12.34.56", "2031-02-03")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    text = (checkout / "packaging/debian/changelog").read_text(encoding="utf-8")
    assert text.startswith("postfix-rest-inetd (12.34.56-1) unstable; urgency=medium\n\n  * ")
    assert ">  Mon, 03 Feb 2031 12:00:00 +0000\n\npostfix-rest-inetd (" in text
    tests = subprocess.run(
        [sys.executable, "-P", "-m", "pytest", "-p", "no:cacheprovider", "-q", *VERSION_TESTS],
        cwd=checkout,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert tests.returncode == 0, tests.stdout
    assert (checkout / "packaging/CHANGELOG.md").read_text().count(
        "## [12.34.56] - 2031-02-03"
    ) == 1


@pytest.mark.parametrize(
    "arguments", [(), ("1.2",), ("v1.2.3",), ("1.2.3", "noon?"), ("1.2.3", "", "")]
)
def test_wrong_command_line(checkout: Path, arguments: tuple[str, ...]) -> None:
    """A wrong command line changes nothing."""
    before = contents(checkout)
    assert new_version(checkout, *arguments).returncode == 64
    assert contents(checkout) == before


def test_nothing_to_release(checkout: Path) -> None:
    """A release without a line for operators is a mistake."""
    assert new_version(checkout, "12.34.56").returncode == 0
    before = contents(checkout)
    done = new_version(checkout, "12.34.57")
    assert (done.returncode, done.stderr) == (
        1,
        "new-version: packaging/CHANGELOG.md has nothing that is unreleased\n",
    )
    assert contents(checkout) == before
