# SPDX-License-Identifier: MIT
"""Handlers and systemd itself without descriptors, memory and tasks, and recovery from that.

tests/blackbox/test_exhaustion.py has each point at which a handler can run out of something. Here
are what units do with it, and limits that only systemd can set. Where the kernel does not enforce
MemoryMax= and TasksMax=, because the controllers of cgroup v2 are not there (a host with cgroup v1
keeps them), these cases are skipped; LimitAS= and LimitNPROC= are enforced everywhere.
"""

from __future__ import annotations

import contextlib
import os
import resource
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import pytest
from integration.product import SOCKETS, drop_in, state, wait_for_no_handlers
from integration.served import BROKEN, CLOSED, REQUESTS, RIGHT, Replies, Served

from harness.container import Container

DROP_IN = "/etc/systemd/system/postfix-rest-@.service.d/60-test.conf"
UNREACHABLE: Replies = (
    b"400 REST%20server%20could%20not%20be%20reached\n",
    b"37:TEMP REST server could not be reached,",
    b"action=451 REST server could not be reached\n\n",
)
ATTEMPTS = 3
REVIVALS = "/run/postfix-rest-inetd-revive"


class Limit(NamedTuple):
    """A limit of handlers, the controller that enforces it, what is answered, and what is told."""

    setting: str
    controller: str
    replies: Sequence[Replies]
    detail: str = ""


LIMITS = [
    # Python starts and cannot load the handler, which closes the connection.
    Limit("LimitNOFILE=5", "", [CLOSED]),
    Limit("LimitAS=10M", "", [CLOSED]),
    Limit("LimitAS=19M", "", [CLOSED, BROKEN, UNREACHABLE]),
    # A name takes a thread; stored answers take no backend.
    Limit("LimitNPROC=1", "", [UNREACHABLE], "no thread can be started for name resolution"),
    Limit("TasksMax=1", "pids", [UNREACHABLE], "no thread can be started for name resolution"),
    Limit("MemoryMax=2M", "memory", [CLOSED]),
]


@pytest.mark.parametrize("limit", LIMITS, ids=[limit.setting for limit in LIMITS])
def test_handlers(served: Served, limit: Limit) -> None:
    """Each request gets a temporary error, or its connection is closed; without the limit, all."""
    container = served.container
    present = container.read("/sys/fs/cgroup/cgroup.controllers").split()
    if limit.controller and limit.controller not in present:
        pytest.skip(f"{limit.setting}: no controller {limit.controller} in cgroup v2: {present}")
    served.configure("localhost")
    drop_in(container, "postfix-rest-@.service", f"[Service]\n{limit.setting}\n")
    since = container.journal.cursor()
    allowed = [set(each) for each in zip(*limit.replies, strict=True)]
    for _ in range(ATTEMPTS):
        found = served.new()
        assert all(reply in each for reply, each in zip(found, allowed, strict=True)), found
    wait_for_no_handlers(container)
    assert [state(container, unit) for unit in SOCKETS] == ["active"] * len(SOCKETS)
    if limit.detail:
        entries = container.journal("POSTFIX_REST_OUTCOME=unreachable", since=since)
        assert len(entries) == ATTEMPTS * len(REQUESTS)
        assert all(limit.detail in entry["MESSAGE"] for entry in entries)
    container.run("rm", DROP_IN)
    container.run("systemctl", "daemon-reload")
    served.recovers()


@contextlib.contextmanager
def without_descriptors(container: Container) -> Iterator[None]:
    """PID 1 can open nothing more."""
    limits = resource.prlimit(container.leader, resource.RLIMIT_NOFILE)
    open_now = len(os.listdir(f"/proc/{container.leader}/fd"))
    resource.prlimit(container.leader, resource.RLIMIT_NOFILE, (open_now // 2, limits[1]))
    try:
        yield
    finally:
        resource.prlimit(container.leader, resource.RLIMIT_NOFILE, limits)


def test_systemd_has_no_descriptor_left(served: Served) -> None:
    """Open connections are answered. Sockets that fail, and whose revival fails, are revived."""
    container = served.container
    with served.kept() as kept:
        with without_descriptors(container):
            assert served.new() == CLOSED
            assert kept() == RIGHT
        assert kept() == RIGHT
    served.recovers()
    # The next failure of a unit would be taken for a repetition.
    container.run("rm", "-r", REVIVALS)
