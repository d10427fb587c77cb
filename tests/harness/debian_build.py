# SPDX-License-Identifier: MIT
"""Building the Debian package: packaging/build-deb on a Debian that has its build dependencies.

Each command runs in a fresh copy of a root file system made by tests/packaging/build_root, with no
network but loopback: what packaging/build-deb needs has to be there.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

from harness.container_disk import Disk

CHECKOUT = Path(__file__).parents[2]
COMMAND_SEC = 300
"""A build takes ten seconds; on a machine busy with something else, several times that."""

# What packaging/build-deb copies.
_SOURCES = (
    "LICENSE",
    "README.md",
    "packaging",
    "postfix_rest_inetd",
    "pyproject.toml",
    "systemd",
    "tests",
)
_NSPAWN = [
    *("systemd-nspawn", "--quiet", "--as-pid2", "--pipe", "--register=no", "--keep-unit"),
    *("--settings=no", "--private-network", "--resolv-conf=off", "--timezone=off"),
    *("--link-journal=no", "--machine=build"),
]
_AS_USER = """
chown -R nobody "$1"
cd "$1"
shift
exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"
"""


class Build(NamedTuple):
    """The results of a build, files in DIRECTORY."""

    directory: Path

    def one(self, pattern: str) -> Path:
        """The file whose name matches PATTERN."""
        (path,) = self.directory.glob(pattern)
        return path

    @property
    def deb(self) -> Path:
        """The binary package."""
        return self.one("*.deb")


def run(root: Path, directory: Path, *command: str, user: bool = False, **env: str) -> str:
    """What COMMAND prints on a copy of the Debian at ROOT; DIRECTORY is shared with it.

    It is the working directory, by the same path. As an ordinary USER, the directory is its own.
    """
    command = ("sh", "-euc", _AS_USER, "sh", str(directory), *command) if user else command
    disk = Disk(root)
    try:
        options = [f"--bind={directory}", f"--chdir={directory}", f"--directory={disk.root}"]
        options += [f"--setenv={name}={value}" for name, value in env.items()]
        done = subprocess.run(
            disk.command(*_NSPAWN, *options, "--", *command),
            pass_fds=disk.pass_fds,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=COMMAND_SEC,
            check=False,
        )
    finally:
        disk.close()
    text = f"{command}: exit status {done.returncode}\n{done.stdout}"
    assert done.returncode == 0, text
    return done.stdout


def checkout_copy(checkout: Path, directory: Path, version: str = "") -> Path:
    """DIRECTORY, made a clean copy of CHECKOUT.

    If a VERSION is given it has that one, of the same date and length, but its modules do not fit
    together with the original's.
    """
    directory.mkdir()
    for name in _SOURCES:
        source = checkout / name
        if source.is_dir():
            shutil.copytree(
                source, directory / name, ignore=shutil.ignore_patterns("__pycache__", ".*")
            )
        else:
            shutil.copy2(source, directory / name)
    if version:
        _replace(
            directory / "postfix_rest_inetd/__init__.py",
            r'(?m)^__version__ = ".*"$',
            f'__version__ = "{version}"',
        )
        for path in (directory / "postfix_rest_inetd").rglob("*.py"):
            text = path.read_text(encoding="utf-8").replace("BridgeError", "FormerBridgeError")
            path.write_text(text, encoding="utf-8")
        _replace(directory / "packaging/debian/changelog", r"\A(.*?)\(.*?\)", rf"\1({version})")
    return directory


def _replace(path: Path, pattern: str, text: str) -> None:
    new, count = re.subn(pattern, text, path.read_text(encoding="utf-8"), count=1)
    assert count == 1, f"{path} has no {pattern}"
    path.write_text(new, encoding="utf-8")


def build(root: Path, checkout: Path, *, user: bool = False, **env: str) -> Build:
    """Build CHECKOUT, a copy that this may write to, with the Debian at ROOT."""
    run(root, checkout, "packaging/build-deb", user=user, **env)
    return Build(checkout / "dist")


def lintian(root: Path, built: Build, *suppressed: str) -> str:
    """What lintian has to say about the packages, with nothing left out; overrides hold.

    Tags that are SUPPRESSED are not told either.
    """
    options = ["--info", "--display-info", "--pedantic", "--fail-on=none", "--no-cfg"]
    options += [f"--suppress-tags={tag}" for tag in suppressed]
    changes = built.one("*.changes").name
    env = {"LC_ALL": "C.UTF-8", "HOME": "/tmp"}
    return run(root, built.directory, "lintian", *options, changes, user=True, **env)
