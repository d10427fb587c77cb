# SPDX-License-Identifier: MIT
"""The sandbox of real handlers: what it leaves open, what it costs, that they work in it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.product import (
    TCP,
    ask,
    configure,
    connect,
    endpoint,
    handlers,
    read_line,
    start,
    use_strict,
    wait_for_no_handlers,
)

from harness.container import Container
from harness.container_backend import Backend, lookup

SANDBOX = Path(__file__).parents[2] / "systemd/system/postfix-rest-@.service.d/20-sandbox.conf"
DIRECTIVES = """
User NoNewPrivileges CapabilityBoundingSet RestrictNamespaces RestrictAddressFamilies ProtectClock
UMask LockPersonality RestrictRealtime RestrictSUIDSGID MemoryDenyWriteExecute KeyringMode RemoveIPC
PrivateUsers DevicePolicy SystemCallArchitectures SystemCallErrorNumber SystemCallFilter
PrivateMounts ProtectSystem ReadWritePaths ReadOnlyPaths PrivateTmp ProtectKernelModules ProtectHome
TasksMax MemoryMax
"""
PORT = 9001

MAX_EXPOSURE = 2.0
MAX_STRICT_EXPOSURE = 1.0


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend, and an endpoint for it that listens."""
    with clean_container.backend({"/l": lookup({"x": ["y"]})}) as running:
        configure(clean_container, endpoint("e", port=PORT, target=running.url("/l")))
        start(clean_container, TCP)
        yield running


def exposure(container: Container) -> float:
    """The exposure level of a handler that has just answered, from its backend."""
    with connect(container, PORT) as connection:
        connection.sendall(b"get x\n")
        assert read_line(connection) == b"200 y\n"
        (instance,) = handlers(container)
        text = container.run("systemd-analyze", "security", "--no-pager", instance).stdout
    wait_for_no_handlers(container)
    level = re.search(r"Overall exposure level for .*: ([0-9.]+) ", text)
    assert level is not None, text
    return float(level[1])


@pytest.mark.usefixtures("backend")
def test_exposure(clean_container: Container) -> None:
    """A handler's exposure, as systemd-analyze(1) counts it, is 2.0 at most."""
    assert 0 < exposure(clean_container) <= MAX_EXPOSURE


@pytest.mark.usefixtures("backend")
def test_strict(clean_container: Container) -> None:
    """With strict.conf it is 1.0 at most; a handler still answers there, and logs."""
    since = clean_container.journal.cursor()
    use_strict(clean_container)
    assert 0 < exposure(clean_container) <= MAX_STRICT_EXPOSURE
    assert ask(clean_container, PORT, b"get x\nget z\n") == b"200 y\n500 key%20not%20found\n"
    entries = clean_container.journal("POSTFIX_REST_ENDPOINT=e", since=since)
    outcomes = [entry["POSTFIX_REST_OUTCOME"] for entry in entries]
    assert outcomes == ["found", "found", "not-found"]


def test_cost() -> None:
    """The sandbox has these directives and no others: each costs time at every connection.

    tests/bench/sandbox_cost measures it, alone and as a whole: 11 ms for this file. Whoever adds a
    directive writes its price there.
    """
    lines = [line for line in SANDBOX.read_text(encoding="utf-8").splitlines() if "=" in line]
    names = [line.partition("=")[0] for line in lines if not line.startswith("#")]
    assert list(dict.fromkeys(names)) == DIRECTIVES.split()
