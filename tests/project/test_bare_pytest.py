# SPDX-License-Identifier: MIT
"""`pytest` in a fresh clone, before tests/run, says in one line what is missing.

The environments are real: virtual environments into which a part of this one's packages is linked.
"""

from __future__ import annotations

import os
import subprocess
import sysconfig
import venv
from importlib.metadata import distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PYTEST = frozenset({"iniconfig", "packaging", "pluggy", "pygments", "pytest"})
"""pytest, and what it needs itself."""
TOOLS = (
    "coverage h11 hatchling hypothesis jsonschema postfix-rest-inetd prometheus-client "
    "pytest-timeout pytest-xdist systemd-python trustme urllib3"
).split()
"""What else the tests need."""


def installed() -> frozenset[str]:
    """The names of the distributions in this environment."""
    found = distributions(path=[sysconfig.get_path("purelib")])
    return frozenset(distribution.name.lower() for distribution in found)


def environment(directory: Path, names: frozenset[str]) -> Path:
    """The Python of a new virtual environment in DIRECTORY, which has the distributions NAMES."""
    venv.create(directory, symlinks=True)
    (site,) = directory.glob("lib/python*/site-packages")
    source = Path(sysconfig.get_path("purelib"))
    entries = {
        file.parts[0]
        for distribution in distributions(path=[str(source)])
        if distribution.name.lower() in names
        for file in distribution.files or ()
    }
    for entry in entries - {"..", "__pycache__"}:
        (site / entry).symlink_to(source / entry)
    return directory / "bin/python"


def run_pytest(python: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """What PYTHON's pytest says at the top of the checkout."""
    return subprocess.run(
        [python, "-P", "-m", "pytest", "-p", "no:cacheprovider", *arguments],
        cwd=ROOT,
        env={"PATH": os.defpath, "PYTHONDONTWRITEBYTECODE": "1"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def refusal(*names: str) -> tuple[int, str, str]:
    """Exit status and output of a pytest that lacks the distributions NAMES."""
    line = f"ERROR: this Python lacks {', '.join(names)}; run tests/run, which makes .venvs/main"
    return (pytest.ExitCode.USAGE_ERROR, "", f"{line}\n\n")


@pytest.mark.parametrize("arguments", [(), ("tests/property",), ("-n2", "-kpolicy", "tests/unit")])
def test_nothing_but_pytest(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    """Everything is named, whichever tests are asked for."""
    done = run_pytest(environment(tmp_path, PYTEST), *arguments)
    assert (done.returncode, done.stdout, done.stderr) == refusal(*TOOLS)


def test_a_plugin_is_missing(tmp_path: Path) -> None:
    """One missing tool is enough, and alone is named."""
    done = run_pytest(environment(tmp_path, installed() - {"pytest-timeout"}))
    assert (done.returncode, done.stdout, done.stderr) == refusal("pytest-timeout")


def test_nothing_is_missing(tmp_path: Path) -> None:
    """With every distribution, the tests run."""
    python = environment(tmp_path, installed())
    done = run_pytest(python, "-q", "tests/unit/protocols/test_netstring.py")
    assert (done.returncode, done.stderr) == (pytest.ExitCode.OK, "")
