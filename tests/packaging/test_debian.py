# SPDX-License-Identifier: MIT
"""The Debian package: how it is built, what is in it, and its life on a machine, on each release.

Built without a network by packaging/build-deb, and installed in booted containers by apt.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import subprocess
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from integration.product import (
    CONFIG,
    POLICY,
    SOCKETMAP,
    SOCKETS,
    TCP,
    ask,
    connect,
    converse,
    drop_in,
    handlers,
    read_line,
    show,
    start,
    state,
)

from harness.container import Container, why_impossible
from harness.container_backend import Backend, answer, lookup, maps
from harness.debian_build import CHECKOUT, Build, build, checkout_copy, lintian, run
from harness.lookup_load import Load

RELEASES = ("trixie", "bookworm")
PREPARE_SEC = 1800
OLDER = "0.0.9"
PORTS = {TCP: 9001, SOCKETMAP: 9002, POLICY: 9003}
PACKAGE = "/usr/lib/python3/dist-packages/postfix_rest_inetd"
KEY, VALUE = "hosted.example", "a value"
WARNINGS = tuple(f"PRIORITY={priority}" for priority in range(5))

# The first test to use a release waits for it to be prepared, which is bounded by itself.
pytestmark = pytest.mark.timeout(300, func_only=True)


# -- building


@pytest.fixture(scope="session", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """A Debian release; its root file systems are there, built if need be."""
    reason = why_impossible()
    if reason:
        (pytest.fail if os.environ.get("CI") == "true" else pytest.skip)(reason)
    command = [CHECKOUT / "tests/packaging/build_root", request.param]
    subprocess.run(command, stdin=subprocess.DEVNULL, timeout=PREPARE_SEC, check=True)
    return request.param


class Roots(NamedTuple):
    """The root file systems of a release, which nothing changes."""

    machine: Path
    """What is booted."""
    builder: Path
    """Where packages are built."""


@pytest.fixture(scope="session")
def roots(release: str) -> Roots:
    """Where the roots are."""
    cache = Path(os.environ.get("POSTFIX_REST_INETD_CONTAINERS") or CHECKOUT / ".containers")
    return Roots(cache / release, cache / f"build-{release}")


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout as it was at the beginning, for all builds to be made from."""
    return checkout_copy(CHECKOUT, tmp_path_factory.mktemp("checkout") / "original")


@pytest.fixture(scope="session")
def built(roots: Roots, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The packages; unit tests are left to the other build, in test_reproducible."""
    copy = checkout_copy(checkout, tmp_path_factory.mktemp("built") / "copy")
    return build(roots.builder, copy, DEB_BUILD_OPTIONS="nocheck")


@pytest.fixture(scope="session")
def older(roots: Roots, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Packages of the same tree with a lower version, with which modules cannot be mixed."""
    copy = checkout_copy(checkout, tmp_path_factory.mktemp("older") / "copy", OLDER)
    return build(roots.builder, copy, DEB_BUILD_OPTIONS="nocheck")


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
    files = [
        path for kind in ("deb", "dsc", "tar.xz") for path in built.directory.glob(f"*.{kind}")
    ]
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
    r"/usr/share/(doc/postfix-rest-inetd/(README\.md|changelog(\.Debian)?|copyright)|lintian\b.*)"
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


# -- its life on a machine


@pytest.fixture
def machine(roots: Roots, built: Build, older: Build) -> Iterator[Container]:
    """A machine with Postfix and the dependencies; the packages are in /srv."""
    with Container(roots.machine) as booted:
        booted.copy_in(built.deb, "/srv/new.deb")
        booted.copy_in(older.deb, "/srv/old.deb")
        yield booted


@pytest.fixture
def backend(machine: Container) -> Iterator[Backend]:
    """A backend that knows KEY."""
    table = lookup({KEY: [VALUE]})
    with machine.backend(
        {"/tcp": table, "/maps": maps({"domains": table}), "/policy": answer("DUNNO")}
    ) as running:
        yield running


def apt(machine: Container, *arguments: str) -> str:
    """What apt-get says; it asks nobody anything, and has no network."""
    options = ("--yes", "--option=Dpkg::Use-Pty=0", "--allow-downgrades")
    command = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *options, *arguments)
    return machine.run(*command, timeout=120).stdout


def version(machine: Container) -> str:
    """The version that runs when something is started now."""
    return machine.run("postfix-rest-inetd", "--version").stdout.split()[-1]


def upstream_config(backend: Backend) -> str:
    """The configuration of a postfix-rest-connector 1.1.0, as its documentation shows it."""
    endpoints = [
        {
            "name": f"{mode}-example",
            "mode": mode,
            "target": backend.url(path),
            "bind-address": "0.0.0.0",
            "bind-port": port,
            "auth-token": "test123",
            # Not 2000 as there: the machine may be busy with other tests.
            "request-timeout": 30000,
        }
        for mode, path, port in (
            ("tcp-lookup", "/tcp", PORTS[TCP]),
            ("socketmap-lookup", "/maps", PORTS[SOCKETMAP]),
            ("policy", "/policy", PORTS[POLICY]),
        )
    ]
    return json.dumps({"user-agent": "Postfix REST Connector", "endpoints": endpoints}, indent=2)


def put_into_service(machine: Container, backend: Backend) -> None:
    """What an operator does after the installation."""
    machine.write("/root/upstream.json", upstream_config(backend))
    machine.run("cp", "/root/upstream.json", CONFIG)
    machine.run("rm", "/root/upstream.json")
    machine.run("postfix-rest-inetd", "check")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", *(socket.replace("all", "") for socket in SOCKETS))
    start(machine, *SOCKETS)
    machine.run("systemctl", "enable", "--now", TIMER)


def files(machine: Container) -> set[str]:
    """Every file of the machine, but those in which others keep what they have done."""
    others = (
        "/etc/(passwd|group|shadow|gshadow)-|/etc/\\.pwd\\.lock|/root/.*|/srv/.*|/tmp/.*"
        "|/var/(log|spool|tmp)/.*|/var/cache/(apt|ldconfig|debconf)/.*|/var/lib/(apt|dpkg|systemd)/.*"
    )
    found = machine.shell("find / /run -xdev ! -path '/run/systemd/*' ! -path '/run/udev/*'")
    return {path for path in found.splitlines() if not re.fullmatch(others, path)}


def owners(machine: Container, *paths: str) -> list[str]:
    """Mode, owner and group of each path."""
    return machine.run("stat", "--format=%a %U:%G", *paths).stdout.splitlines()


def listening(machine: Container) -> set[int]:
    """The ports that somebody listens on."""
    lines = machine.run("ss", "-Hltn").stdout.splitlines()
    return {int(line.split()[3].rpartition(":")[2]) for line in lines}


def units(machine: Container) -> list[str]:
    """All units of the package that systemd has in memory; not what a link just wants."""
    patterns = ("postfix-rest-*", "revive-postfix-rest*", "export-postfix-rest*")
    listed = machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend", *patterns)
    return [line for line in listed.stdout.splitlines() if "not-found inactive dead" not in line]


def enabled(machine: Container) -> list[str]:
    """Whether the templates of the sockets, and the timer, are enabled."""
    templates = (socket.replace("all", "") for socket in SOCKETS)
    return machine.run("systemctl", "is-enabled", *templates, TIMER, check=False).stdout.split()


def failed(machine: Container) -> str:
    """The units that have failed, of the whole machine."""
    return machine.run("systemctl", "list-units", "--failed", "--no-legend").stdout


def opened(machine: Container) -> list[str]:
    """What tells the open socket of each unit from any other: its inode."""
    return [
        machine.shell('ss -Hltne "sport = :$1" | grep -o "ino:[0-9]*"', str(PORTS[unit])).strip()
        for unit in SOCKETS
    ]


TIMER = "export-postfix-rest-metrics.timer"
OURS = (os.path.dirname(CONFIG), CONFIG, "/var/cache/postfix-rest-inetd")
OWNERS = [
    "750 root:postfix-rest-inetd",
    "640 root:postfix-rest-inetd",
    "700 postfix-rest-inetd:postfix-rest-inetd",
]


def test_life(machine: Container, backend: Backend) -> None:
    """Install, use, upgrade and downgrade under load without a failed lookup, remove, purge.

    Nothing listens before the operator says so, and nothing is left in the end; no unit fails, and
    the journal has no warning.
    """
    before, ports = files(machine), listening(machine)
    since = machine.journal.cursor()
    apt(machine, "install", "/srv/old.deb")
    check_installed(machine, ports)

    put_into_service(machine, backend)
    assert listening(machine) == ports | set(PORTS.values())
    config = machine.read(CONFIG)
    for package, number in (("new", None), ("old", OLDER)):
        check_upgrade(machine, package, number)
        assert machine.read(CONFIG) == config
        assert owners(machine, *OURS) == OWNERS

    check_removed(machine, ports)
    apt(machine, "purge", "postfix-rest-inetd")
    assert files(machine) - before == set()
    assert failed(machine) == ""
    assert [entry["MESSAGE"] for entry in machine.journal(*WARNINGS, since=since)] == []


def check_installed(machine: Container, ports: set[int]) -> None:
    """Everything is in place, and nothing runs."""
    assert version(machine) == OLDER
    assert units(machine) == []
    assert listening(machine) == ports
    assert owners(machine, *OURS) == OWNERS
    assert enabled(machine) == ["disabled"] * 4
    compiled = machine.shell(
        f"find {PACKAGE} -name '*.py' | wc -l; find {PACKAGE} -name '*.pyc' | wc -l"
    )
    assert len(set(compiled.split())) == 1


def check_upgrade(machine: Container, package: str, number: str | None) -> None:
    """Another version is installed while Postfix and others ask; they notice nothing."""
    since = opened(machine)
    with connect(machine, PORTS[POLICY]) as held:
        held.sendall(b"request=smtpd_access_policy\n\n")
        assert read_line(held) == b"action=DUNNO\n"
        holders = handlers(machine)
        with Load(machine, KEY, VALUE, PORTS[TCP], PORTS[SOCKETMAP]) as load:
            apt(machine, "install", f"/srv/{package}.deb")
            load.go_on()
        assert load.failures == []
        assert load.lookups_meanwhile > 0
        # The handler of an open connection is the one that it had.
        assert set(holders) <= set(handlers(machine))
        assert converse(held, b"request=smtpd_access_policy\n\n").endswith(b"action=DUNNO\n\n")
    assert opened(machine) == since
    assert (version(machine) == OLDER) == (number == OLDER)
    assert [state(machine, unit) for unit in (*SOCKETS, TIMER)] == ["active"] * 4


def check_removed(machine: Container, ports: set[int]) -> None:
    """After a removal nothing runs or listens; the configuration stays for another installation."""
    config = machine.read(CONFIG)
    with connect(machine, PORTS[TCP]) as held:
        held.sendall(f"get {KEY}\n".encode())
        assert read_line(held).startswith(b"200 ")
        apt(machine, "remove", "postfix-rest-inetd")
        # A handler whose connection was open has ended, too.
        assert held.recv(1) == b""
    assert units(machine) == []
    assert listening(machine) == ports
    assert machine.read(CONFIG) == config
    apt(machine, "install", "/srv/new.deb")
    assert listening(machine) == ports
    assert enabled(machine) == ["enabled"] * 4
    apt(machine, "remove", "postfix-rest-inetd")


def test_unpacking(machine: Container, backend: Backend) -> None:
    """While dpkg replaces files, handlers start with all of the old version; then with the new."""
    apt(machine, "install", "/srv/old.deb")
    put_into_service(machine, backend)
    request, reply = f"get {KEY}\n".encode(), b"200 a%20value\n"
    machine.run("dpkg", "--unpack", "/srv/new.deb")
    # As it is for a moment: one module has been taken away, the next one not put in place.
    machine.run("mv", f"{PACKAGE}/handler.py", "/srv")
    assert ask(machine, PORTS[TCP], request) == reply
    machine.run("mv", "/srv/handler.py", PACKAGE)
    machine.run("dpkg", "--configure", "postfix-rest-inetd")
    assert ask(machine, PORTS[TCP], request) == reply
    assert (
        "upgrade" not in show(machine, "postfix-rest-tcp@x.service", "DropInPaths")["DropInPaths"]
    )


def test_socket_options(machine: Container, backend: Backend) -> None:
    """An upgrade reopens a socket whose options are to be others, and only such a one."""
    apt(machine, "install", "/srv/old.deb")
    put_into_service(machine, backend)
    before = opened(machine)
    drop_in(machine, POLICY, "[Socket]\nBacklog=7\n")
    # systemd is told by the upgrade, and not before.
    machine.write(f"/etc/systemd/system/{TCP}.d/60-test.conf", "[Socket]\nBacklog=5\n")
    apt(machine, "install", "/srv/new.deb")
    after = opened(machine)
    assert [new != old for new, old in zip(after, before, strict=True)] == [True, False, False]
    backlog = machine.run("ss", "-Hltn", f"sport = :{PORTS[TCP]}").stdout.split()[2]
    assert backlog == "5"
    assert ask(machine, PORTS[TCP], f"get {KEY}\n".encode()).startswith(b"200 ")


def test_autopkgtest(machine: Container, checkout: Path) -> None:
    """The package's own test, debian/tests/postfix, passes on a machine with just the package."""
    apt(machine, "install", "/srv/new.deb")
    machine.copy_in(checkout / "packaging/debian/tests/postfix", "/srv/postfix")
    done = machine.run("/srv/postfix", timeout=120)
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "disabled and stopped"
