# SPDX-License-Identifier: MIT
"""Builds the Debian package: packaging/build-deb on a Debian that has its build dependencies.

Each command runs in a fresh copy of a root file system made by tests/packaging/build_root, with no
network but loopback: what packaging/build-deb needs has to be there.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import NamedTuple

import pytest

from harness.container import why_impossible
from harness.container_disk import Disk
from harness.project_files import project_files

CHECKOUT = Path(__file__).parents[2]
RELEASES = ("trixie", "bookworm")

PREPARE_SEC = 1800
COMMAND_SEC = 2400
"""A build with unit tests takes a minute; on a machine that is busy otherwise, many times that."""

_FORMER_FILES = {
    "packaging/completions/_former-postfix-rest": "#compdef former-postfix-rest\n",
    "packaging/completions/former-postfix-rest.bash": "complete -F _none former-postfix-rest\n",
    "packaging/completions/former-postfix-rest.fish": "complete -c former-postfix-rest\n",
    "packaging/examples/former.yaml": "former: yes\n",
    "packaging/man/postfix-rest-inetd-former.5": ".TH FORMER 5\n",
    "packaging/man/postfix-rest-inetd-former.7": ".TH FORMER 7\n",
    "systemd/catalog/former.catalog": "-- 00000000000000000000000000000001\nSubject: Former\n",
    "systemd/system/export-postfix-rest-former.service": "[Service]\nExecStart=true\n",
    "systemd/system/export-postfix-rest-former.timer": (
        "[Timer]\nOnCalendar=minutely\n\n[Install]\nWantedBy=timers.target\n"
    ),
}
FORMER = {
    "/usr/lib/systemd/catalog/former.catalog",
    "/usr/lib/systemd/system/export-postfix-rest-former.service",
    "/usr/lib/systemd/system/export-postfix-rest-former.timer",
    "/usr/share/bash-completion/completions/former-postfix-rest",
    "/usr/share/doc/postfix-rest-inetd/examples/former.yaml",
    "/usr/share/fish/vendor_completions.d/former-postfix-rest.fish",
    "/usr/share/man/man5/postfix-rest-inetd-former.5",
    "/usr/share/man/man7/postfix-rest-inetd-former.7",
}
"""What a copy with another version installs besides; zsh's completion goes to different places."""

_NSPAWN = [
    *("systemd-nspawn", "--quiet", "--as-pid2", "--pipe", "--register=no", "--keep-unit"),
    *("--settings=no", "--private-network", "--resolv-conf=off", "--timezone=off"),
    *("--link-journal=no", "--machine=build"),
]
AS_USER = """
chown -R nobody "$1"
cd "$1"
shift
exec setpriv --reuid=nobody --regid=nogroup --clear-groups "$@"
"""


class Roots(NamedTuple):
    """The root file systems of a release, which nothing changes."""

    machine: Path
    """What is booted."""
    builder: Path
    """Where packages are built."""


def prepare(release: str) -> Roots:
    """The roots of RELEASE, built if need be; the test is skipped where they cannot be used."""
    reason = why_impossible()
    if reason:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    command = [CHECKOUT / "tests/packaging/build_root", release]
    subprocess.run(command, stdin=subprocess.DEVNULL, timeout=PREPARE_SEC, check=True)
    cache = Path(os.environ.get("POSTFIX_REST_INETD_CONTAINERS") or CHECKOUT / ".containers")
    return Roots(cache / release, cache / f"build-{release}")


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
    command = ("sh", "-euc", AS_USER, "sh", str(directory), *command) if user else command
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
    together with the original's, its units execute our programs by themselves and in /usr/lib, as
    those of 0.1.0 do, and have another queue of the kernel, and it has files of each kind that the
    original has not.
    """
    for path in project_files(checkout):
        (directory / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(checkout / path, directory / path)
    if version:
        _replace(
            directory / "postfix_rest_inetd/__init__.py",
            r'(?m)^__version__ = ".*"$',
            f'__version__ = "{version}"',
        )
        for path in (directory / "postfix_rest_inetd").rglob("*.py"):
            text = path.read_text(encoding="utf-8").replace("ExpectedError", "FormerExpectedError")
            path.write_text(text, encoding="utf-8")
        for path in (directory / "systemd/system").glob("*.service"):
            text = path.read_text(encoding="utf-8")
            text = re.sub(r"(?m)^ExecStart=/usr/bin/.* (/usr/libexec/)", r"ExecStart=\1", text)
            path.write_text(text, encoding="utf-8")
        _move_programs(directory)
        limits = directory / "systemd/system/postfix-rest-@.socket.d/10-limits.conf"
        _replace(limits, r"(?m)^Backlog=.*$", "Backlog=4096")
        for name, text in _FORMER_FILES.items():
            (directory / name).parent.mkdir(exist_ok=True)
            (directory / name).write_text(text, encoding="utf-8")
        _replace(directory / "packaging/debian/changelog", r"\A(.*?)\(.*?\)", rf"\1({version}-1)")
        spec = directory / "packaging/rpm/postfix-rest-inetd.spec"
        _replace(spec, r"(?m)^(Version: +).*$", rf"\g<1>{version}")
        _replace(spec, r"(?m)^(\* .* - )\S+$", rf"\g<1>{version}-1")
        zsh = "/usr/share/zsh/site-functions/_former-postfix-rest"
        files = [f"{path}*" for path in sorted(FORMER | {zsh}) if "/doc/" not in path]
        _replace(spec, r"\n%changelog\n", "\n".join(["", *files, "", "%changelog", ""]))
    return directory


def _move_programs(directory: Path) -> None:
    """Have what units execute in /usr/lib, and nothing that knows of another place."""
    for name in ("packaging", "postfix_rest_inetd", "systemd"):
        for path in filter(Path.is_file, (directory / name).rglob("*")):
            text = path.read_text(encoding="utf-8")
            text = text.replace("/usr/libexec", "/usr/lib").replace(
                "%{_libexecdir}", "%{_prefix}/lib"
            )
            path.write_text(text, encoding="utf-8")
    postrm = directory / "packaging/debian/postrm"
    _replace(postrm, r'(?s)if \[ "\$1" = upgrade \].*?\nfi\n\n', "")
    spec = directory / "packaging/rpm/postfix-rest-inetd.spec"
    _replace(spec, r"(?s)# A downgrade to 0\.1\.0,.*?\nfi\n\n", "")


def _replace(path: Path, pattern: str, text: str) -> None:
    new, count = re.subn(pattern, text, path.read_text(encoding="utf-8"), count=1)
    assert count == 1, f"{path} has no {pattern}"
    path.write_text(new, encoding="utf-8")


def build(root: Path, checkout: Path, *, user: bool = False, **env: str) -> Build:
    """Build CHECKOUT, a copy that this may write to, with the Debian at ROOT."""
    run(root, checkout, "packaging/build-deb", user=user, **env)
    return Build(checkout / "dist")


def lintian(root: Path, built: Build) -> str:
    """The output of lintian about the packages, with tags of every kind; overrides apply."""
    options = ["--display-info", "--display-experimental", "--pedantic", "--fail-on=none"]
    env = {"LC_ALL": "C.UTF-8", "HOME": "/tmp"}
    changes = built.one("*.changes").name
    return run(root, built.directory, "lintian", "--no-cfg", *options, changes, user=True, **env)
