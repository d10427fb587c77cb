# SPDX-License-Identifier: MIT
"""Builds the RPM package: packaging/build-rpm on a Debian with rpm and Fedora's macros.

The macros, and what else makes a Debian look like a Fedora, are in tests/packaging/rpm/.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from harness.debian_build import AS_USER, Roots, run

_WITH_MACROS = 'install -D tests/packaging/rpm/macros.fedora /etc/rpm/macros.fedora && exec "$@"'


class Rpms(NamedTuple):
    """The results of a build."""

    binary: Path
    source: Path


def run_fedora(roots: Roots, checkout: Path, *command: str, **env: str) -> str:
    """What COMMAND prints in CHECKOUT where Fedora's macros are."""
    return run(roots.builder, checkout, "sh", "-euc", _WITH_MACROS, "sh", *command, **env)


def build_rpm(roots: Roots, checkout: Path, *options: str, user: bool = False, **env: str) -> Rpms:
    """Build CHECKOUT, a copy that this may write to, with OPTIONS of rpmbuild."""
    command = ("packaging/build-rpm", *options)
    as_user = ("sh", "-euc", AS_USER, "sh", str(checkout)) if user else ()
    run_fedora(roots, checkout, *as_user, *command, **env)
    (binary,), (source,) = (checkout.glob(f"dist/*.{kind}.rpm") for kind in ("noarch", "src"))
    return Rpms(binary, source)


def build_fedora_like(roots: Roots, checkout: Path) -> Path:
    """The package that makes a machine look like a Fedora."""
    spec = "tests/packaging/rpm/fedora-like.spec"
    run_fedora(roots, checkout, "rpmbuild", "-bb", f"--define=_rpmdir {checkout}/dist", spec)
    (path,) = checkout.glob("dist/noarch/fedora-like-*.rpm")
    return path


def rpmlint(roots: Roots, checkout: Path) -> str:
    """The output of rpmlint about the results of a build in CHECKOUT, and about the spec."""
    settings = "tests/packaging/rpm/rpmlint.toml"
    ours = "packaging/rpm/postfix-rest-inetd.rpmlintrc"
    files = [
        str(path.relative_to(checkout))
        for pattern in ("dist/*.rpm", "packaging/rpm/*.spec")
        for path in checkout.glob(pattern)
    ]
    return run_fedora(
        roots, checkout, "rpmlint", f"--config={settings}", f"--rpmlintrc={ours}", *files
    )
