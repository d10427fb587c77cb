# SPDX-License-Identifier: MIT
"""The Debian package, for each release: how it is built, and what is in it.

Built without a network by packaging/build-deb. Its life on a machine is in test_debian_life.py.
"""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import tarfile
from pathlib import Path

import pytest
from integration.product import CONFIG

from harness.container import Container
from harness.debian_build import Build, Roots, build, checkout_copy, lintian, run
from harness.programs import program

# The first test to use a release waits for it to be prepared, which is bounded by itself.
pytestmark = pytest.mark.timeout(2500, func_only=True)

TESTBED = Path(__file__).parents[1] / "harness/autopkgtest_testbed.py"
AUTOPKGTEST_SEC = 600
"""It takes ten seconds; on a machine busy with something else, many times that."""


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


FIRST_UPLOAD = "initial-upload-closes-no-bugs"
"""It names the bug that announces the package; the package that is built here is a later one."""
NEEDS_A_PERSON = {
    # A public address.
    "no-homepage-field",
    "upstream-metadata-missing-bug-tracking",
    "upstream-metadata-missing-repository",
}
UNKNOWN = {
    # Debian's policy, and debian/watch, are of newer versions than these lintians know.
    "newer-standards-version",
    "missing-debian-watch-file-standard",
    # They look for the hardening of a unit in its file, not in the drop-in that all share.
    "systemd-service-file-missing-hardening-features",
}


def test_lintian(roots: Roots, built: Build) -> None:
    """Lintian has nothing to say, to the source either, but what is overridden with a reason.

    Experimental and pedantic tags included. What only a person can do is in packaging/README.md.
    """
    said = lintian(roots.builder, built)
    tags = set(re.findall(r"(?m)^[A-Z]: postfix-rest-inetd(?: source)?: (\S+)", said))
    assert tags == NEEDS_A_PERSON | UNKNOWN, said


def test_needs_a_person(checkout: Path) -> None:
    """What lintian says for want of a person is explained to packagers."""
    text = (checkout / "packaging/README.md").read_text(encoding="utf-8")
    tags = {FIRST_UPLOAD, *NEEDS_A_PERSON}
    assert {tag for tag in tags if f"`{tag}`" not in text} == set()


def test_manual_pages(roots: Roots, checkout: Path, release: str) -> None:
    """Neither mandoc nor man has a complaint about a manual page."""
    pages = [str(path.relative_to(checkout)) for path in checkout.glob("packaging/man/*.[1-9]")]
    assert pages
    # Not its style level, which wants to find the pages referred to on this machine.
    assert run(roots.builder, checkout, "mandoc", "-T", "lint", "-W", "warning", *pages) == ""
    program = 'for page; do man --warnings=all -l -Tutf8 "$page" >/dev/null; done'
    said = run(roots.builder, checkout, "sh", "-euc", program, "sh", *pages, MANWIDTH="80")
    assert said == "", release


def test_autopkgtest(roots: Roots, built: Build, checkout: Path, tmp_path: Path) -> None:
    """The package's own test passes on a machine that has the package and its dependencies.

    The other one, debian/tests/unit, needs a pytest; test_reproducible runs the same tests.
    """
    tree = tmp_path / "tree"
    shutil.copytree(checkout / "packaging/debian", tree / "debian")
    # With this file the tree is one that has been built, and no dpkg-source is wanted.
    (tree / "debian/files").touch()
    with Container(roots.machine) as machine:
        machine.copy_in(built.deb, "/srv/new.deb")
        install = ("apt-get", "--yes", "install", "/srv/new.deb")
        machine.run("env", "DEBIAN_FRONTEND=noninteractive", *install, timeout=120)
        # The machine is thrown away as a whole, hence the test may break it.
        options = ("--test-name=postfix", "--ignore-restrictions=breaks-testbed")
        options += ("--no-built-binaries",)
        done = subprocess.run(
            [program("autopkgtest"), *options, f"{tree}/", "--", str(TESTBED), *machine.command()],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=AUTOPKGTEST_SEC,
            check=False,
        )
    assert re.findall(r"(?m)^(\S+) +(PASS|FAIL|SKIP)", done.stdout)[-1:] == [("postfix", "PASS")]
    assert done.returncode == 0, done.stdout


# -- what is in it


def members(built: Build) -> dict[str, tarfile.TarInfo]:
    """What the binary package unpacks, by path, in which no .gz is told."""
    command = ["dpkg-deb", "--fsys-tarfile", str(built.deb)]
    archive = io.BytesIO(subprocess.check_output(command, timeout=60))
    with tarfile.open(fileobj=archive) as tar:
        return {member.name.removeprefix(".").removesuffix(".gz"): member for member in tar}


# What is Debian's own way to say what a package is, below the directories that it is in.
DEBIAN = re.compile(
    r"/usr/share/(doc/postfix-rest-inetd/((changelog|NEWS)(\.Debian)?|copyright)|lintian\b.*)"
    r"|/usr/lib/python3/dist-packages/postfix_rest_inetd-[^/]*\.dist-info\b.*"
    # Other distributions have a preset for all units.
    r"|/usr/lib/systemd/system-preset(/90-postfix-rest-inetd\.preset)?"
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
