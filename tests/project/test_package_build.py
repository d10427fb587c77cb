# SPDX-License-Identifier: MIT
"""The unit tests pass as root runs them when root builds a package.

packaging/build-deb and packaging/build-rpm work in a directory that only root may enter, without
pyproject.toml's settings and without the plugins of this environment. tests/packaging builds with
tests as an ordinary user; what depends on the user is tried here.
"""

from __future__ import annotations

import os
import re
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

from harness.project_files import project_files

ROOT = Path(__file__).parents[2]
DEPENDS_ON_THE_USER = re.compile(r"geteuid|other_user|pytest\.mark\.root|pytest\.mark\.timeout")


@pytest.mark.root
def test_unit_tests_of_root(tmp_path: Path) -> None:
    """No test needs files that everybody may read, and no marker is unknown."""
    checkout = tmp_path / "checkout"
    for name in project_files():  # no .git, which a package build lacks as well
        copy = checkout / name
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_bytes((ROOT / name).read_bytes())
    tmp_path.chmod(0o700)
    tests = [
        str(path)
        for path in sorted(checkout.glob("tests/unit/**/test_*.py"))
        if DEPENDS_ON_THE_USER.search(path.read_text())
    ]
    settings = ["-c", os.devnull, f"--rootdir={checkout}", "--import-mode=importlib"]
    settings += [f"--override-ini=pythonpath={checkout}/tests {checkout}", "-Werror"]
    settings += ["-p", "no:timeout", "-p", "no:xdist", "-p", "no:cacheprovider"]
    done = subprocess.run(
        # The Python below this environment: it does not know the checkout, which all may read.
        [os.path.realpath(sys.executable), "-P", "-m", "pytest", "-q", *settings, *tests],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": sysconfig.get_path("purelib")},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=110,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-5000:]
