# SPDX-License-Identifier: MIT
"""What the tests of packages are made from: a copy of the checkout, and root file systems."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.debian_build import CHECKOUT, RELEASES, Build, Roots, build, checkout_copy, prepare


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
    """The checkout as it was at the beginning, for all builds to be made from."""
    return checkout_copy(CHECKOUT, tmp_path_factory.mktemp("checkout") / "original")


@pytest.fixture(scope="session")
def built(roots: Roots, checkout: Path, tmp_path_factory: pytest.TempPathFactory) -> Build:
    """The packages; unit tests are left to the other build, in test_reproducible."""
    copy = checkout_copy(checkout, tmp_path_factory.mktemp("built") / "copy")
    return build(roots.builder, copy, DEB_BUILD_OPTIONS="nocheck")
