# SPDX-License-Identifier: MIT
"""Two backends, of which the first goes down in all ways there are: no mail is deferred.

Nothing may be stored here, so each answer is a backend's. The policy service has both targets where
a request can still go to the second one: that is, where it has not been sent to the first.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import pytest
from integration.outage import (
    BROKEN,
    LOOKUPS,
    MAILBOXES,
    delivered,
    routes,
    send,
    serve,
)
from integration.product import WAIT_SEC, wait_until

from harness.container import Container
from harness.container_backend import Backend

pytestmark = pytest.mark.one_release

TIMEOUT_MS = 2000
BACK_OFF_SEC = 30
FORBIDDEN = "no-store"
BLACK_HOLE = "http://192.0.2.1:8080/"
"""A documentation address (RFC 5737)."""

Pair = tuple[Backend, Backend]


@pytest.fixture
def backends(clean_container: Container) -> Iterator[Pair]:
    """Two backends that answer alike."""
    with (
        clean_container.backend(routes(FORBIDDEN)) as first,
        clean_container.backend(routes(FORBIDDEN)) as second,
    ):
        yield first, second


@contextlib.contextmanager
def black_hole(container: Container) -> Iterator[str]:
    """Let packets to an address vanish; yields the URL of a backend there.

    They leave by the loopback, come in again for an address that nobody has, and are dropped. A
    route of the type `blackhole` would not do: it is an error at once, EINVAL.
    """
    container.run("ip", "route", "add", "192.0.2.0/24", "dev", "lo")
    try:
        yield BLACK_HOLE
    finally:
        container.run("ip", "route", "del", "192.0.2.0/24")


def outcomes(container: Container, since: str) -> set[tuple[str, str]]:
    """The outcomes of all requests since a cursor, by the endpoint's kind."""
    entries = container.journal("SYSLOG_IDENTIFIER=postfix-rest-inetd", since=since)
    return {(e["POSTFIX_REST_MODE"].split("-")[0], e["POSTFIX_REST_OUTCOME"]) for e in entries}


ALL_IS_WELL = {
    *((kind, outcome) for kind in ("tcp", "socketmap") for outcome in ("found", "not-found")),
    ("policy", "action"),
}

Change = Callable[[Backend], None]
DOWN: dict[str, tuple[Change, Change, bool]] = {
    "killed": (Backend.stop, Backend.start, True),
    "frozen": (Backend.freeze, Backend.thaw, False),
    "500": (
        lambda backend: backend.set_routes(BROKEN),
        lambda backend: backend.set_routes(routes(FORBIDDEN)),
        False,
    ),
}
"""How the first backend goes down and comes back, and whether a policy service goes on then."""


@pytest.mark.parametrize("how", DOWN)
def test_first_goes_down(clean_container: Container, backends: Pair, how: str) -> None:
    """The first backend goes down while mail flows, which goes on; afterwards it is used again."""
    container = clean_container
    first, second = backends
    break_it, mend_it, has_policy = DOWN[how]
    urls = [first.url(), second.url()]
    serve(container, urls, urls if has_policy else urls[1:], request_timeout=TIMEOUT_MS)
    since = container.journal.cursor()
    send(container)
    assert delivered(container, since, 2) == sorted(MAILBOXES * 2)
    assert {each.path for each in second.requests} <= {"/policy"}

    outage = container.journal.cursor()
    before = len(second.requests)
    break_it(first)
    send(container)
    assert delivered(container, outage, 2) == sorted(MAILBOXES * 4)
    asked = {each.path for each in second.requests[before:]}
    assert asked >= {f"/{name}" for name in LOOKUPS}
    assert outcomes(container, since) <= ALL_IS_WELL

    mend_it(first)
    back = container.journal.cursor()
    wait_until(
        lambda: is_preferred(container, backends), "the first backend", BACK_OFF_SEC + WAIT_SEC
    )
    assert outcomes(container, back) <= ALL_IS_WELL


def is_preferred(container: Container, backends: Pair) -> bool:
    """Whether a mail's lookups go to the first backend alone."""
    first, second = backends
    since = container.journal.cursor()
    before = [len(first.requests), len(second.requests)]
    send(container)
    delivered(container, since, 2)
    new = {each.path for each in second.requests[before[1] :]}
    return new <= {"/policy"} and len(first.requests) > before[0]


def test_first_is_a_black_hole(clean_container: Container, backends: Pair) -> None:
    """The first backend's address swallows all packets: no mail is deferred, nothing refused."""
    container = clean_container
    second = backends[1]
    with black_hole(container) as url:
        urls = [url, second.url()]
        serve(container, urls, urls, request_timeout=TIMEOUT_MS)
        since = container.journal.cursor()
        send(container)
        assert delivered(container, since, 2) == sorted(MAILBOXES * 2)
        assert outcomes(container, since) <= ALL_IS_WELL
    assert {each.path for each in second.requests} == {"/policy", *(f"/{n}" for n in LOOKUPS)}
