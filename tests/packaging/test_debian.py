# SPDX-License-Identifier: MIT
"""The Debian package, for each release: how it is built, and what is in it.

Built without a network by packaging/build-deb. Its life on a machine is in test_debian_life.py.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest
from integration.product import CONFIG

from harness.debian_build import Build, Roots, build, checkout_copy, lintian, run

# The first test to use a release waits for it to be prepared, which is bounded by itself.
pytestmark = pytest.mark.timeout(300, func_only=True)


def test_reproducible(roots: Roots, checkout: Path, built: Build, tmp_path: Path) -> None:
    """Another user, umask, place, time zone and language make identical files; unit tests pass."""
    # Here, where an ordinary user gets to (tmp_path is closed to others).
    copy = checkout_copy(checkout, tmp_path / "a rather different place")
    for path in copy.rglob("*"):
        path.chmod(0o700 if path.is_dir() or path.stat().st_mode & 0o100 else 0o600)
        os.utime(path, (0, 0))
    other = build(roots.builder, copy, user=True, TZ="Asia/Tokyo", LANG="de_DE.UTF-8")
    assert digests(other) == digests(built)


def digests(built: Build) -> dict[str, str]:
    """The SHA-256 of each result; the others tell of the build itself (.buildinfo, .changes)."""
    kinds = ("deb", "dsc", "debian.tar.xz", "orig.tar.gz")
    files = [built.one(f"*.{kind}") for kind in kinds]
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_lintian(roots: Roots, built: Build, release: str) -> None:
    """Lintian has nothing to say, to the source either, but what is overridden with a reason."""
    # Debian 12's lintian does not know the policy of Debian 13 yet.
    unknown = ["newer-standards-version"] if release == "bookworm" else []
    assert lintian(roots.builder, built, *unknown) == ""


def test_manual_pages(roots: Roots, checkout: Path, release: str) -> None:
    """Neither mandoc nor man has a complaint about a manual page."""
    pages = [str(path.relative_to(checkout)) for path in checkout.glob("packaging/man/*.[1-9]")]
    assert pages
    # Not its style level, which wants to find the pages referred to on this machine.
    assert run(roots.builder, checkout, "mandoc", "-T", "lint", "-W", "warning", *pages) == ""
    program = 'for page; do man --warnings=all -l -Tutf8 "$page" >/dev/null; done'
    said = run(roots.builder, checkout, "sh", "-euc", program, "sh", *pages, MANWIDTH="80")
    assert said == "", release


# -- what is in it


def members(built: Build) -> dict[str, tarfile.TarInfo]:
    """What the binary package unpacks, by path, in which no .gz is told."""
    command = ["dpkg-deb", "--fsys-tarfile", str(built.deb)]
    archive = io.BytesIO(subprocess.check_output(command, timeout=60))
    with tarfile.open(fileobj=archive) as tar:
        return {member.name.removeprefix(".").removesuffix(".gz"): member for member in tar}


# What is Debian's own way to say what a package is, below the directories that it is in.
DEBIAN = re.compile(
    r"/usr/share/(doc/postfix-rest-inetd/(changelog(\.Debian)?|copyright)|lintian\b.*)"
    r"|/usr/lib/python3/dist-packages/postfix_rest_inetd-[^/]*\.dist-info\b.*"
)


def test_files(checkout: Path, built: Build, tmp_path: Path) -> None:
    """The package has what packaging/install installs, with the same modes, as root's."""
    subprocess.run([checkout / "packaging/install", tmp_path / "root"], check=True, timeout=60)
    top = tmp_path / "root"
    expected = {f"/{p.relative_to(top)}": p.stat().st_mode & 0o7777 for p in top.rglob("*")}
    found = members(built)
    actual = {path: member.mode for path, member in found.items() if path}
    assert {path: mode for path, mode in actual.items() if not DEBIAN.fullmatch(path)} == expected
    assert {(member.uid, member.gid) for member in found.values()} == {(0, 0)}


def test_control(built: Build) -> None:
    """It depends on what the handlers need, and has one configuration file."""

    def field(name: str) -> str:
        command = ["dpkg-deb", "--field", built.deb, name]
        return subprocess.check_output(command, text=True, timeout=60).strip()

    names = {word.split()[0].removesuffix(":any") for word in field("Depends").split(",")}
    assert names == {"python3", "python3-systemd", "python3-urllib3", "systemd"}
    assert (field("Suggests"), field("Architecture")) == ("postfix", "all")
    conffiles = subprocess.check_output(["dpkg-deb", "--info", built.deb, "conffiles"], text=True)
    assert conffiles == f"{CONFIG}\n"
