# SPDX-License-Identifier: MIT
"""The packages on Debian's testing, with the next systemd, Postfix, Python, urllib3, apt and rpm.

They are built on the stable release, as those that people have are. What becomes of them in their
life, upgrades and all, is in test_debian_life.py and test_rpm.py.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.product import POLICY, SOCKETMAP, TCP, ask, policy_request, socketmap_request
from integration.releases import STABLE, TESTING

from harness.container import Container
from harness.debian_build import CHECKOUT, PREPARE_SEC, Roots, build, checkout_copy, prepare
from harness.packaged import KEY, PORTS, failed, put_into_service, start_backend
from harness.rpm_build import build_rpm, run_fedora

# The first test to use a release waits for it to be prepared, which is bounded by itself.
pytestmark = pytest.mark.timeout(300, func_only=True)


@pytest.fixture(scope="module")
def roots() -> Roots:
    """Where the packages are built, and the machine that they are for."""
    stable = prepare(STABLE)
    command = [CHECKOUT / "tests/integration/build_container", TESTING]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, timeout=PREPARE_SEC, check=False
    )
    if done.returncode != 0:
        end = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        end(f"{TESTING}, Debian's testing, cannot be built: {done.stdout.decode()}")
    return stable._replace(machine=stable.machine.with_name(TESTING))


@pytest.fixture
def machine(roots: Roots) -> Iterator[Container]:
    """A machine with Postfix and the dependencies."""
    with Container(roots.machine) as booted:
        yield booted


def check_serves(machine: Container) -> None:
    """Put into service, it answers a request of each kind, and nothing has failed."""
    requests = {
        TCP: f"get {KEY}\n".encode(),
        SOCKETMAP: socketmap_request("domains", KEY),
        POLICY: policy_request(),
    }
    with start_backend(machine) as backend:
        put_into_service(machine, backend)
        replies = [ask(machine, PORTS[unit], request) for unit, request in requests.items()]
    assert replies == [b"200 a%20value\n", b"10:OK a value,", b"action=DUNNO\n\n"]
    assert failed(machine) == ""


def test_deb(roots: Roots, machine: Container, checkout: Path, tmp_path: Path) -> None:
    """The .deb installs, is used, and leaves with its configuration."""
    copy = checkout_copy(checkout, tmp_path / "copy")
    built = build(roots.builder, copy, DEB_BUILD_OPTIONS="nocheck")
    machine.copy_in(built.deb, "/srv/new.deb")
    apt = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--yes")
    machine.run(*apt, "install", "/srv/new.deb", timeout=120)
    check_serves(machine)
    machine.run(*apt, "purge", "postfix-rest-inetd", timeout=120)
    assert machine.shell("find /etc /usr /var/lib -name '*postfix-rest*' ! -path '*/apt/*'") == ""


def test_rpm(roots: Roots, machine: Container, checkout: Path, tmp_path: Path) -> None:
    """The .rpm, built for the machine's Python, installs, is used, and can be erased."""
    copy = checkout_copy(checkout, tmp_path / "copy")
    python = machine.run("python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])")
    version = f"--define=python3_version {python.stdout.strip()}"
    built = build_rpm(roots, copy, "--nocheck", version)
    spec = "tests/packaging/rpm/fedora-like.spec"
    run_fedora(roots, copy, "rpmbuild", "-bb", f"--define=_rpmdir {copy}/dist", version, spec)
    (fedora_like,) = copy.glob("dist/noarch/fedora-like-*.rpm")
    for package in (fedora_like, built.binary):
        machine.copy_in(package, f"/srv/{package.name}")
        machine.run("rpm", "--install", f"/srv/{package.name}", timeout=120)
    check_serves(machine)
    machine.run("rpm", "--erase", "postfix-rest-inetd", timeout=120)
    assert machine.run("rpm", "--query", "postfix-rest-inetd", check=False).returncode == 1
