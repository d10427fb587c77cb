# SPDX-License-Identifier: MIT
"""What the tests of packages are made from: a copy of the checkout, and root file systems."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from harness.debian_build import CHECKOUT, RELEASES, Build, Roots, build, checkout_copy, prepare
from postfix_rest_inetd import __version__


@pytest.fixture(scope="session", params=RELEASES)
def release(request: pytest.FixtureRequest) -> str:
    """A Debian release."""
    return request.param


@pytest.fixture(scope="session")
def roots(release: str) -> Roots:
    """Where its root file systems are; built if need be."""
    return prepare(release)


@pytest.fixture(scope="session")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The checkout as its next release will be, for all builds to be made from.

    As it was at the beginning of the tests. If nothing is unreleased, it is that release.
    """
    copy = checkout_copy(CHECKOUT, tmp_path_factory.mktemp("checkout") / "original")
    if "## [Unreleased]\n" in (copy / "packaging/CHANGELOG.md").read_text(encoding="utf-8"):
        major, minor, _ = __version__.split(".")
        day = datetime.now(UTC).date() - timedelta(days=1)
        command = [copy / "packaging/new-version", f"{major}.{int(minor) + 1}.0", str(day)]
        subprocess.run(command, check=True, timeout=60)
    return copy


@pytest.fixture(scope="session")
def built(roots: Roots, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The packages; unit tests are left to the other build, in test_reproducible."""
    copy = checkout_copy(checkout, tmp_path_factory.mktemp("built") / "copy")
    return build(roots.builder, copy, DEB_BUILD_OPTIONS="nocheck")
