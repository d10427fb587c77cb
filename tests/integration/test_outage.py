# SPDX-License-Identifier: MIT
"""The backend goes down: mail to known recipients is delivered, and all other mail waits.

What a handler was told is answered to others as long as the backend permits it. Here it does so
for a second, and for a day while it fails.
"""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from integration.mail import drain, is_bounce, log, rcpt, sendmail, stored
from integration.outage import (
    LATER,
    MAILBOXES,
    NEW,
    PORTS,
    answered,
    delivered,
    is_waiting,
    routes,
    send,
    serve,
    source,
)
from integration.product import SOCKETMAP, TCP, WAIT_SEC, ask, socketmap_request, start, wait_until

from harness.container import Container
from harness.container_backend import Backend

# What is stored, and for how long it serves, is a matter of handlers and backends.
pytestmark = pytest.mark.one_release

MAX_AGE_SEC = 1
BACK_OFF_SEC = 30
"""The longest time for which nobody asks a backend that is known to be down."""
REFUSED = "451 4.3.0 <{}>: Temporary lookup failure"


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend that permits to store what it answers, and the Postfix that asks it."""
    with clean_container.backend(routes()) as running:
        serve(clean_container, [running.url()])
        yield running


def known_lookups(container: Container) -> None:
    """Look up what has been looked up before, once in each table."""
    ask(container, PORTS["domains"], b"get hosted.example\n")
    ask(container, PORTS["aliases"], b"get alias@hosted.example\n")
    ask(container, PORTS["mailboxes"], socketmap_request("mailboxes", "reader@hosted.example"))


def is_fresh_again(container: Container) -> bool:
    """Whether the backend itself has answered the latest lookup in each of the tables."""
    since = container.journal.cursor()
    known_lookups(container)
    sources = [source(entry) for entry in answered(container, since)]
    return sources != [] and "stale" not in sources


def test_mail_during_an_outage(
    request: pytest.FixtureRequest, clean_container: Container, backend: Backend
) -> None:
    """Known recipients get their mail, new ones wait, nothing bounces, and then all is as before.

    It does not matter whether a known answer was "found" or "not found": without the latter,
    Postfix would not get past virtual_alias_maps.
    """
    container = clean_container
    since = container.journal.cursor()
    send(container)
    assert delivered(container, since, 2) == sorted(MAILBOXES * 2)
    assert {source(entry) for entry in answered(container, since)} <= {"backend", "stored"}
    learnt = time.monotonic()

    outage = container.journal.cursor()
    backend.stop()
    wait_until(lambda: time.monotonic() > learnt + MAX_AGE_SEC, "stored answers to become stale")
    send(container)
    assert delivered(container, outage, 2) == sorted(MAILBOXES * 4)
    entries = answered(container, outage)
    assert {source(entry) for entry in entries} == {"stale"}
    assert {entry["PRIORITY"] for entry in entries} == {"4"}
    seen = {(entry["POSTFIX_REST_ENDPOINT"], entry["POSTFIX_REST_OUTCOME"]) for entry in entries}
    assert seen >= {("aliases", "found"), ("aliases", "not-found"), ("mailboxes", "found")}
    assert all(int(entry["POSTFIX_REST_AGE"]) >= MAX_AGE_SEC for entry in entries)

    waiting = container.journal.cursor()
    assert rcpt(container, NEW) == REFUSED.format(NEW)
    sendmail(container, LATER)
    container.journal.wait_for("SYSLOG_FACILITY=2", since=waiting, condition=is_waiting)
    assert stored(container) == sorted(MAILBOXES * 4)
    assert [line for line in log(container, since) if is_bounce(line)] == []

    backend.start()
    back = time.monotonic()
    wait_until(lambda: is_fresh_again(container), "fresh answers", BACK_OFF_SEC + WAIT_SEC)
    took = time.monotonic() - back
    drain(container)
    assert stored(container) == sorted([*MAILBOXES * 4, LATER])
    fresh = container.journal.cursor()
    send(container)
    assert delivered(container, fresh, 2) == sorted([*MAILBOXES * 6, LATER])
    assert {source(entry) for entry in answered(container, fresh)} <= {"backend", "stored"}
    assert [line for line in log(container, since) if is_bounce(line)] == []
    request.node.add_report_section(
        "call", "measured", f"{len(entries)} stale answers; fresh {took:.1f} s after the backend"
    )


def test_mail_after_a_reboot(clean_container: Container) -> None:
    """What is stored survives a reboot during an outage, and serves in it, but nothing is fresh.

    After a reboot, only the wall clock could tell how old an answer is, and it may be wrong.
    """
    container = clean_container
    with container.backend(routes("max-age=3600, stale-if-error=86400")) as backend:
        serve(container, [backend.url()])
        since = container.journal.cursor()
        send(container)
        assert delivered(container, since, 2) == sorted(MAILBOXES * 2)
        since = container.journal.cursor()
        known_lookups(container)
        assert {source(entry) for entry in answered(container, since)} == {"stored"}
        backend.stop()
    since = container.journal.cursor()
    container.reboot()
    start(container, TCP, SOCKETMAP)
    send(container)
    assert delivered(container, since, 2) == sorted(MAILBOXES * 4)
    assert {source(entry) for entry in answered(container, since)} == {"stale"}
