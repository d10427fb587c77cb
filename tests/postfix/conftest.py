# SPDX-License-Identifier: MIT
"""A backend, handlers under systemd-socket-activate, and a Postfix that asks them."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.rest_backend import RestBackend, rest_backend

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="module")
def module_backend() -> Iterator[RestBackend]:
    """One backend for the tests of a module."""
    with rest_backend() as backend:
        yield backend


@pytest.fixture
def backend(module_backend: RestBackend) -> RestBackend:
    """The module's backend, without a memory of earlier tests."""
    module_backend.requests.clear()
    return module_backend


@pytest.fixture(scope="module")
def directory() -> Iterator[Path]:
    """A short path (socket addresses have 108 bytes) that Postfix's other users may enter."""
    with tempfile.TemporaryDirectory(prefix="postfix-rest-") as name:
        path = Path(name)
        path.chmod(0o755)
        yield path
