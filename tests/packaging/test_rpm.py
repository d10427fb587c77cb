# SPDX-License-Identifier: MIT
"""The RPM package: how it is built, what is in it, and its life on a machine.

The machine is a Debian that looks like a Fedora to packages (tests/packaging/rpm/): rpm, systemd
and Python are real, the macros and the file triggers of Fedora's packages are ours.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from integration.product import CACHE, CONFIG, TCP, connect, read_line

from harness import first_release
from harness.container import Container
from harness.container_backend import Backend
from harness.debian_build import Roots, checkout_copy, prepare, run
from harness.packaged import (
    KEY,
    OURS,
    OWNERS,
    PORTS,
    STORED,
    check_quiet,
    check_under_load,
    enabled,
    files,
    listening,
    owners,
    put_into_service,
    start_backend,
    units,
    version,
)
from harness.rpm_build import Rpms, build_fedora_like, build_rpm, rpmlint, run_fedora

SITE_PACKAGES = "/usr/lib/python3.13/site-packages"

# The first test to use a release waits for it to be prepared, which is bounded by itself.
pytestmark = pytest.mark.timeout(300, func_only=True)


@pytest.fixture(scope="session")
def roots() -> Roots:
    """Of the release whose systemd and Python are the nearest to Fedora's."""
    return prepare("trixie")


@pytest.fixture(scope="session")
def tree(checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout that the packages are built in."""
    return checkout_copy(checkout, tmp_path_factory.mktemp("rpm") / "copy")


@pytest.fixture(scope="session")
def built(roots: Roots, tree: Path) -> Rpms:
    """The packages; unit tests are left to the other build, in test_reproducible."""
    return build_rpm(roots, tree, "--nocheck")


@pytest.fixture(scope="session")
def first(roots: Roots, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Rpms:
    """Packages of the first release, with the macros of this checkout."""
    copy = first_release.unpack(checkout, tmp_path_factory.mktemp("first-rpm") / "copy")
    macros = "tests/packaging/rpm"
    shutil.copytree(checkout / macros, copy / macros, dirs_exist_ok=True)
    return build_rpm(roots, copy, "--nocheck")


def query(roots: Roots, package: Path, *options: str) -> list[str]:
    """The lines that rpm prints about the file PACKAGE."""
    command = ("rpm", "-qp", *options, package.name)
    return run(roots.builder, package.parent, *command).splitlines()


# -- building


@pytest.mark.timeout(2500, func_only=True)
def test_reproducible(roots: Roots, checkout: Path, built: Rpms, tmp_path: Path) -> None:
    """Another user, umask, place, time zone and language make the same package; tests pass."""
    copy = checkout_copy(checkout, tmp_path / "elsewhere")
    for path in copy.rglob("*"):
        path.chmod(0o700 if path.is_dir() or path.stat().st_mode & 0o100 else 0o600)
    other = build_rpm(roots, copy, user=True, TZ="Asia/Tokyo", LANG="de_DE.UTF-8")
    assert other.binary.read_bytes() == built.binary.read_bytes()


def test_rpmlint(roots: Roots, built: Rpms, tree: Path) -> None:
    """Rpmlint has nothing to say but what is answered, with a reason, beside the spec."""
    assert built.binary.is_relative_to(tree)
    assert "2 packages and 1 specfiles checked; 0 errors, 0 warnings" in rpmlint(roots, tree)


# -- what is in it

# What is rpm's own way to say what a package is; and compiled modules, which Debian makes later.
RPM = re.compile(
    rf"{SITE_PACKAGES}/postfix_rest_inetd-[^/]*\.dist-info\b.*|.*/__pycache__(/.*)?"
    "|/usr/share/doc/postfix-rest-inetd/CHANGELOG.md"
)
# Where Debian has something else: Python packages, completions of zsh(1).
FEDORA = {"PYTHON_DIR": SITE_PACKAGES, "ZSH_DIR": "/usr/share/zsh/site-functions"}


def test_files(roots: Roots, tree: Path, built: Rpms, tmp_path: Path) -> None:
    """It has what packaging/install installs, which is what the .deb has, with the same modes."""
    top = tmp_path / "root"
    command = [tree / "packaging/install", top]
    subprocess.run(command, check=True, timeout=60, env={**os.environ, **FEDORA})
    expected = {
        f"/{path.relative_to(top)}": path.stat().st_mode & 0o7777
        for path in top.rglob("*")
        # Directories that belong to others are not in the package.
        if path.is_file() or "postfix" in str(path.relative_to(top))
    }
    form = (
        "[%{FILENAMES} %{FILEMODES:octal} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILEFLAGS:fflags}.\n]"
    )
    found = {
        path.removesuffix(".gz"): (int(mode, 8) & 0o7777, owner, flags)
        for path, mode, owner, flags in map(
            str.split, query(roots, built.binary, f"--queryformat={form}")
        )
    }
    # Made by tmpfiles.d, but the package knows that it is its own.
    assert found.pop(CACHE) == (0o700, "postfix-rest-inetd:postfix-rest-inetd", "g.")
    assert {path: it[0] for path, it in found.items() if not RPM.fullmatch(path)} == expected
    owned = {path: owner for path, (_, owner, _) in found.items() if owner != "root:root"}
    assert owned == dict.fromkeys(OURS[:2], "root:postfix-rest-inetd")
    assert [path for path, (_, _, flags) in found.items() if "c" in flags] == [CONFIG]
    assert found[CONFIG][2] == "cn."
    assert [path.rpartition("/")[2] for path, it in found.items() if "l" in it[2]] == ["LICENSE"]


def test_units(tree: Path) -> None:
    """What can be enabled is what the scriptlets disable when the package is removed."""
    spec = (tree / "packaging/rpm/postfix-rest-inetd.spec").read_text(encoding="utf-8")
    units = {
        path.name
        for path in (tree / "systemd/system").iterdir()
        if path.is_file() and "\n[Install]\n" in path.read_text(encoding="utf-8")
    }
    assert set(re.findall(r"(?m)^%global units (.*)$", spec)[0].split()) == units


def test_requires(roots: Roots, built: Rpms) -> None:
    """It depends on what the handlers need; that is read from pyproject.toml."""
    lines = query(roots, built.binary, "--requires")
    needed = {line for line in lines if not re.match(r"/bin/sh|(rpmlib|config|user|group)\(", line)}
    assert needed == {
        "/usr/bin/python3",
        "python(abi) = 3.13",
        "python3.13dist(systemd-python) >= 235",
        "(python3.13dist(urllib3) < 3 with python3.13dist(urllib3) >= 1.26.12)",
        "systemd",
    }
    assert query(roots, built.binary, "--suggests") == ["postfix"]


def parsed(roots: Roots, tree: Path, *defined: str) -> str:
    """The spec with its macros expanded, where these are DEFINED."""
    spec = "packaging/rpm/postfix-rest-inetd.spec"
    sources = f"--define=_sourcedir {tree}/systemd/sysusers.d"
    source = "systemd/sysusers.d/postfix-rest-inetd"
    command = f'cp {source}.conf {source}.sysusers; exec rpmspec --parse "$@"'
    options = [f"--define={it}" for it in defined]
    return run_fedora(roots, tree, "sh", "-c", command, "sh", sources, *options, spec)


def test_on_rhel(roots: Roots, tree: Path) -> None:
    """What RHEL 10 has not, the spec makes up for; elsewhere it leaves that alone.

    That is an rpm that creates users, a new hatchling, and directories for completions.
    """
    fedora = parsed(roots, tree, "zsh_completions_dir /elsewhere")
    rhel = parsed(roots, tree, "rhel 10")
    for text in ("getent passwd postfix-rest-inetd || useradd", "Requires(pre): shadow-utils"):
        assert text in rhel
        assert text not in fedora
    for text in ("/^license-files = /d", 's/"hatchling>='):
        assert (text in rhel, text in fedora) == (True, False)
    assert "\n/elsewhere/_postfix-rest-inetd\n" in fedora
    assert "\n/usr/share/zsh/site-functions/_postfix-rest-inetd\n" in rhel


# -- its life on a machine


@pytest.fixture
def machine(roots: Roots, tree: Path, built: Rpms, first: Rpms) -> Iterator[Container]:
    """A machine with Postfix and the dependencies; the packages are in /srv."""
    with Container(roots.machine) as booted:
        booted.copy_in(build_fedora_like(roots, tree), "/srv/fedora-like.rpm")
        booted.copy_in(built.binary, "/srv/new.rpm")
        booted.copy_in(first.binary, "/srv/old.rpm")
        rpm(booted, "--install", "/srv/fedora-like.rpm")
        yield booted


@pytest.fixture
def backend(machine: Container) -> Iterator[Backend]:
    """A backend that knows KEY."""
    with start_backend(machine) as running:
        yield running


def rpm(machine: Container, *arguments: str) -> str:
    """What rpm prints; scriptlets that fail or complain would be heard."""
    done = machine.run("rpm", *arguments, timeout=120)
    assert done.stderr == ""
    return done.stdout


def test_life(machine: Container, backend: Backend) -> None:
    """Install, use, upgrade and downgrade under load without a failed lookup, remove.

    Nothing listens before the operator says so, and nothing is left in the end but the operator's
    config.json; no unit fails, and the journal has no warning.
    """
    before, ports = files(machine), listening(machine)
    since = machine.journal.cursor()
    rpm(machine, "--install", "/srv/old.rpm")
    assert version(machine) == first_release.VERSION
    assert units(machine) == []
    assert listening(machine) == ports
    assert owners(machine, *OURS) == OWNERS
    assert enabled(machine) == ["disabled"] * 4
    assert rpm(machine, "--verify", "postfix-rest-inetd") == ""

    put_into_service(machine, backend)
    assert listening(machine) == ports | set(PORTS.values())
    config = machine.read(CONFIG)
    machine.write(STORED, "an answer")
    for package in ("new", "old"):
        upgrade = ("--upgrade", "--oldpackage", f"/srv/{package}.rpm")
        install = partial(rpm, machine, *upgrade)
        check_under_load(machine, install, may_lose_new_ones=package == "new")
        assert (version(machine) == first_release.VERSION) == (package == "old")
        assert machine.read(CONFIG) == config
        assert machine.read(STORED) == "an answer"
        assert owners(machine, *OURS) == OWNERS
        assert enabled(machine) == ["enabled"] * 4

    rpm(machine, "--upgrade", "/srv/new.rpm")
    with connect(machine, PORTS[TCP]) as held:
        held.sendall(f"get {KEY}\n".encode())
        assert read_line(held).startswith(b"200 ")
        erased = machine.run("rpm", "--erase", "postfix-rest-inetd").stderr
        # A handler whose connection was open has ended, too.
        assert held.recv(1) == b""
    said = [line for line in erased.splitlines() if not line.startswith("Removed '/etc/systemd/")]
    assert said == [f"warning: {CONFIG} saved as {CONFIG}.rpmsave"]
    assert machine.read(f"{CONFIG}.rpmsave") == config
    assert units(machine) == []
    assert listening(machine) == ports
    assert files(machine) - before == {os.path.dirname(CONFIG), f"{CONFIG}.rpmsave"}
    check_quiet(machine, since)
