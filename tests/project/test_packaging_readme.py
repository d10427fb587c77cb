# SPDX-License-Identifier: MIT
"""packaging/README.md tells packagers what packaging/install and the packages really do."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

from harness.project_files import ROOT

TEXT = (ROOT / "packaging/README.md").read_text(encoding="utf-8")
MODULES = "/usr/lib/python3/dist-packages"


def rows(heading: str) -> list[list[str]]:
    """The rows of the table whose first column has that heading."""
    table = re.split(rf"(?m)^\| {heading} .*\n.*\n", TEXT)[1].partition("\n\n")[0]
    return [[cell.strip(" `") for cell in line.split("|")[1:-1]] for line in table.splitlines()]


def test_directories(tmp_path: Path) -> None:
    """Each directory that gets files is listed, with the mode that all files in it have."""
    subprocess.run([ROOT / "packaging/install", tmp_path], check=True, timeout=60)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    installed = {
        (re.sub(f"^{MODULES}/.*", MODULES, f"/{file.parent.relative_to(tmp_path)}"), mode)
        for file in files
        for mode in [f"{file.stat().st_mode & 0o7777:04o}"]
    }
    assert {(directory, mode) for directory, mode, _ in rows("directory")} == installed


def test_lower_bounds() -> None:
    """The oldest versions are those of pyproject.toml and of the Debian package."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    dependencies = dict(re.split(">=|,", name)[:2] for name in project["dependencies"])
    control = (ROOT / "packaging/debian/control").read_text(encoding="utf-8")
    told = {
        what.split()[0].strip(",`"): version.split()[0]
        for _, what, version in rows("needed for")
        if version
    }
    assert told.pop("Python") == project["requires-python"].removeprefix(">=")
    assert told["systemd"] == re.findall(r"(?m)^ systemd \(>= (.*)\),$", control)[0]
    for name, version in dependencies.items():
        assert told[name].rstrip(",") == version


def test_unit_tests() -> None:
    """The command that runs them works, and has the options that the packages use."""
    command = re.findall(r"(?m)^    (python3 -m pytest(?:\\\n|.)*)$", TEXT)[0]
    (options,) = re.findall(r"pytest (.*) tests/unit$", command.replace("\\\n", " "))
    for package in ("debian/rules", "rpm/postfix-rest-inetd.spec"):
        used = (ROOT / "packaging" / package).read_text(encoding="utf-8")
        for option in re.findall(r"-c /dev/null|--[a-z-]+", options):
            assert option in used
    some = command.replace("python3", sys.executable, 1).replace(
        " tests/unit", " tests/unit/protocols/test_netstring.py"
    )
    done = subprocess.run(
        ["sh", "-c", some],
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stdout
