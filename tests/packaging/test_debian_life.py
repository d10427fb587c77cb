# SPDX-License-Identifier: MIT
"""The life of the Debian package on a machine, on each release: booted containers, and apt."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from integration.product import (
    CACHE,
    CONFIG,
    POLICY,
    SOCKETMAP,
    TCP,
    WAIT_SEC,
    ask,
    connect,
    drop_in,
    read_line,
)

from harness import first_release
from harness.container import Container
from harness.container_backend import Backend
from harness.debian_build import Build, Roots, build
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
    opened,
    owners,
    put_into_service,
    start_backend,
    units,
    version,
)

PACKAGE = "/usr/lib/python3/dist-packages/postfix_rest_inetd"

# The first test to use a release waits for it to be prepared, which is bounded by itself.
pytestmark = pytest.mark.timeout(300, func_only=True)


@pytest.fixture(scope="session")
def first(roots: Roots, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """Packages of the first release."""
    copy = first_release.unpack(checkout, tmp_path_factory.mktemp("first") / "copy")
    return build(roots.builder, copy, DEB_BUILD_OPTIONS="nocheck")


@pytest.fixture
def machine(roots: Roots, built: Build, first: Build) -> Iterator[Container]:
    """A machine with Postfix and the dependencies; the packages are in /srv."""
    with Container(roots.machine) as booted:
        booted.copy_in(built.deb, "/srv/new.deb")
        booted.copy_in(first.deb, "/srv/old.deb")
        yield booted


@pytest.fixture
def backend(machine: Container) -> Iterator[Backend]:
    """A backend that knows KEY."""
    with start_backend(machine) as running:
        yield running


def apt(machine: Container, *arguments: str) -> str:
    """What apt-get says; it asks nobody anything, and has no network."""
    options = ("--yes", "--option=Dpkg::Use-Pty=0", "--allow-downgrades")
    command = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", *options, *arguments)
    return machine.run(*command, timeout=120).stdout


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
    machine.write(STORED, "an answer")
    for package in ("new", "old"):
        install = partial(apt, machine, "install", f"/srv/{package}.deb")
        check_under_load(machine, install, may_lose_new_ones=package == "new")
        assert (version(machine) == first_release.VERSION) == (package == "old")
        assert machine.read(CONFIG) == config
        assert machine.read(STORED) == "an answer"
        assert owners(machine, *OURS) == OWNERS

    apt(machine, "install", "/srv/new.deb")
    check_removed(machine, ports)
    apt(machine, "purge", "postfix-rest-inetd")
    assert files(machine) - before == set()
    check_quiet(machine, since)


def check_installed(machine: Container, ports: set[int]) -> None:
    """Everything is in place, and nothing runs."""
    assert version(machine) == first_release.VERSION
    assert units(machine) == []
    assert listening(machine) == ports
    assert owners(machine, *OURS) == OWNERS
    assert enabled(machine) == ["disabled"] * 4
    compiled = machine.shell(
        f"find {PACKAGE} -name '*.py' | wc -l; find {PACKAGE} -name '*.pyc' | wc -l"
    )
    assert len(set(compiled.split())) == 1


def check_removed(machine: Container, ports: set[int]) -> None:
    """After a removal nothing runs or listens; the configuration stays for another installation.

    Stored answers do not stay: they would be outdated by then.
    """
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
    assert machine.run("test", "-e", CACHE, check=False).returncode == 1
    apt(machine, "install", "/srv/new.deb")
    assert owners(machine, *OURS) == OWNERS
    assert listening(machine) == ports
    assert enabled(machine) == ["enabled"] * 4
    # The directory may be on a disk of its own.
    machine.run("mount", "-t", "tmpfs", "tmpfs", CACHE)
    machine.write(STORED, "an answer")
    apt(machine, "remove", "postfix-rest-inetd")
    assert machine.run("find", CACHE, "-mindepth", "1").stdout == ""
    machine.run("umount", CACHE)
    # Or be a link to one, on which there is something else.
    apt(machine, "install", "/srv/new.deb")
    machine.shell(f"mv {CACHE} /srv/linked; ln -s /srv/linked {CACHE}; touch /srv/linked/other")
    machine.write(STORED, "an answer")
    apt(machine, "remove", "postfix-rest-inetd")
    assert machine.run("test", "-L", CACHE, check=False).returncode == 1
    assert machine.run("find", "/srv/linked", "-mindepth", "1").stdout == "/srv/linked/other\n"


def test_unpacking(machine: Container, backend: Backend) -> None:
    """A handler for which a module is not in place yet, while dpkg replaces them, waits for it."""
    apt(machine, "install", "/srv/new.deb")
    put_into_service(machine, backend)
    for module in ("connection.py", "handler.py"):
        machine.run("mv", f"{PACKAGE}/{module}", "/srv")
        with connect(machine, PORTS[TCP]) as connection:
            connection.sendall(f"get {KEY}\n".encode())
            connection.settimeout(1.5)
            with pytest.raises(TimeoutError):
                connection.recv(1)
            connection.settimeout(WAIT_SEC)
            machine.run("mv", f"/srv/{module}", PACKAGE)
            assert read_line(connection) == b"200 a%20value\n"


BREAK = """
cd /srv
dpkg-deb --raw-extract new.deb refused
printf '#!/bin/sh\nexit 1\n' >refused/DEBIAN/preinst
chmod 755 refused/DEBIAN/preinst
dpkg-deb -Zgzip --build refused refused.deb
head --bytes=$(($(stat --format=%s new.deb) * 6 / 10)) new.deb >cut.deb
"""


@pytest.mark.parametrize("release", ["trixie"], indirect=True)
def test_interrupted(machine: Container) -> None:
    """An upgrade that fails, or stops before the configuration, leaves every socket in service.

    Even a reboot in that state does.
    """
    apt(machine, "install", "/srv/old.deb")
    machine.shell(BREAK)
    question = f"get {KEY}\n".encode()
    # The backend would hold up a shutdown.
    with start_backend(machine) as backend:
        put_into_service(machine, backend)
        since = opened(machine)
        for package in ("refused", "cut"):
            done = machine.run("dpkg", "--install", f"/srv/{package}.deb", check=False)
            assert done.returncode == 1
            assert version(machine) == first_release.VERSION
            assert ask(machine, PORTS[TCP], question) == b"200 a%20value\n"
        machine.run("dpkg", "--unpack", "/srv/new.deb")
        assert ask(machine, PORTS[TCP], question) == b"200 a%20value\n"
        assert opened(machine) == since
    machine.reboot()
    assert ask(machine, PORTS[TCP], question).startswith(b"400 REST%20server")
    since = opened(machine)
    machine.run("dpkg", "--configure", "--pending")
    assert ask(machine, PORTS[TCP], question).startswith(b"400 REST%20server")
    assert opened(machine) == since
    assert version(machine) != first_release.VERSION


def test_socket_options(machine: Container, backend: Backend) -> None:
    """An upgrade reopens a socket whose options are to be others, and only such a one.

    The length of the queue is not worth it: connections in the queue would be lost.
    """
    apt(machine, "install", "/srv/old.deb")
    put_into_service(machine, backend)
    before = opened(machine)
    drop_in(machine, POLICY, "[Socket]\nReceiveBuffer=16K\n")
    # systemd is told by the upgrade, and not before.
    machine.write(f"/etc/systemd/system/{TCP}.d/60-test.conf", "[Socket]\nReceiveBuffer=8K\n")
    queue = f"/etc/systemd/system/{SOCKETMAP}.d/60-test.conf"
    machine.write(queue, "[Socket]\nBacklog=5\n")
    apt(machine, "install", "/srv/new.deb")
    after = opened(machine)
    assert [new != old for new, old in zip(after, before, strict=True)] == [True, False, False]
    # The kernel doubles it, for what it needs itself.
    assert "(r0,rb16384," in machine.run("ss", "-Hltnm", f"sport = :{PORTS[TCP]}").stdout
    assert ask(machine, PORTS[TCP], f"get {KEY}\n".encode()).startswith(b"200 ")
