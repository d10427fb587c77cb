# SPDX-License-Identifier: MIT
"""Postfix looks up domains, mailboxes, aliases and access rules, each in every way it can ask.

The ways: tcp: and socketmap: over TCP, socketmap: over a unix socket below the queue directory, and
both over TCP through proxymap(8). Those who ask are what Debian starts: smtpd, cleanup and
trivial-rewrite in their chroot, and postmap(1). Handlers are started by systemd.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from integration.mail import (
    ACCEPTED,
    LOOKUP_FAILED,
    UNKNOWN,
    dialogue,
    rcpt,
    said,
    session,
    set_up,
    troubles,
)
from integration.product import SOCKETMAP, TCP, configure, endpoint, handlers, start

from harness.container import Container
from harness.container_backend import Backend, Route, lookup, maps

SPOOL = "/var/spool/postfix"
UNIX_SOCKET = "private/rest-socketmap"
SOCKETMAP_PORT = 9010
PORTS = {"domains": 9001, "mailboxes": 9002, "aliases": 9003, "access": 9004}

TABLES: dict[str, Route] = {
    "domains": lookup({"hosted.example": ["hosted.example"], "failing.example": 503}),
    "mailboxes": lookup(
        {
            "user@hosted.example": ["hosted.example/user/"],
            "other@hosted.example": ["hosted.example/other/"],
            "denied@hosted.example": ["hosted.example/denied/"],
            "broken@hosted.example": 500,
        }
    ),
    "aliases": lookup({"alias@hosted.example": ["user@hosted.example", "other@hosted.example"]}),
    "access": lookup({"denied@hosted.example": ["REJECT not here"], "trouble@hosted.example": 500}),
}
"""What the backend knows; a number is the status with which it fails."""

WAYS = {
    "tcp": "tcp:127.0.0.1:{port}",
    "socketmap": f"socketmap:inet:127.0.0.1:{SOCKETMAP_PORT}:{{name}}",
    "unix": f"socketmap:unix:{UNIX_SOCKET}:{{name}}",
    "proxy-tcp": "proxy:tcp:127.0.0.1:{port}",
    "proxy-socketmap": f"proxy:socketmap:inet:127.0.0.1:{SOCKETMAP_PORT}:{{name}}",
}
SESSIONS = 6


def table(way: str, name: str) -> str:
    """Postfix's name for one of TABLES."""
    return WAYS[way].format(port=PORTS[name], name=name)


class Setup(NamedTuple):
    """A Postfix that knows nothing but from the backend, asked in one WAY."""

    container: Container
    backend: Backend
    way: str

    def connections(self, name: str) -> int:
        """By how many connections, each one of a handler's, the backend was asked for a table."""
        asked = {f"/{name}", "/maps"}
        return len(
            {
                request.connection
                for request in self.backend.requests
                if request.path in asked
                and (request.path != "/maps" or f"name={name}&" in request.query)
            }
        )


@pytest.fixture(scope="module")
def served(container: Container) -> Iterator[Backend]:
    """A backend with the tables, and an endpoint for each way to ask."""
    routes = {f"/{name}": route for name, route in TABLES.items()}
    with container.backend({**routes, "/maps": maps(TABLES)}) as backend:
        timeout = {"request_timeout": 30_000}
        target = {"target": backend.url("/maps"), **timeout}
        mode = "socketmap-lookup"
        configure(
            container,
            *(
                endpoint(name, port=port, target=backend.url(f"/{name}"), **timeout)
                for name, port in PORTS.items()
            ),
            endpoint("inet", mode, port=SOCKETMAP_PORT, **target),
            endpoint("unix", mode, bind_path=f"{SPOOL}/{UNIX_SOCKET}", **target),
        )
        start(container, TCP, SOCKETMAP)
        yield backend
        container.reset()


@pytest.fixture(scope="module", params=WAYS)
def setup(request: pytest.FixtureRequest, container: Container, served: Backend) -> Setup:
    """A Postfix that asks in one of the ways."""
    way = request.param
    parameters = {
        "virtual_mailbox_domains": table(way, "domains"),
        "virtual_mailbox_maps": table(way, "mailboxes"),
        "virtual_alias_maps": table(way, "aliases"),
        "smtpd_recipient_restrictions": f"check_recipient_access {table(way, 'access')}",
    }
    set_up(container, parameters)
    return Setup(container, served, way)


@pytest.fixture(autouse=True)
def _forget(served: Backend) -> None:
    """Let a test see its own requests only."""
    served.requests.clear()


def postmap(setup: Setup, key: str, name: str = "mailboxes") -> tuple[int, str, str]:
    """Exit status, output and complaints of `postmap -q`; in the directory a daemon would be in."""
    program = 'cd "$1" && exec postmap -q "$2" "$3"'
    done = setup.container.run(
        *("sh", "-c", program, "sh", SPOOL, key, table(setup.way, name)), check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_postmap(setup: Setup) -> None:
    """A key is found, not found, or the backend has failed: three different answers of postmap."""
    assert postmap(setup, "user@hosted.example") == (0, "hosted.example/user/\n", "")
    assert postmap(setup, "nobody@hosted.example") == (1, "", "")
    status, output, complaint = postmap(setup, "broken@hosted.example")
    assert (status, output) == (1, "")
    assert "query error" in complaint
    assert len(setup.backend.requests) == 3


def test_session(setup: Setup) -> None:
    """All four tables decide in one session; trouble with a recipient is trouble with it alone."""
    since = setup.container.journal.cursor()
    replies = {
        "user@hosted.example": ACCEPTED,
        "alias@hosted.example": ACCEPTED,
        "nobody@hosted.example": UNKNOWN,
        "broken@hosted.example": LOOKUP_FAILED,
        "denied@hosted.example": "554 5.7.1 <{}>: Recipient address rejected: not here",
        "trouble@hosted.example": "451 4.3.5 <{}>: Recipient address rejected: "
        "Server configuration error",
        "user@failing.example": LOOKUP_FAILED,
        "other@hosted.example": ACCEPTED,
    }
    expected = [reply.format(recipient) for recipient, reply in replies.items()]
    assert session(setup.container, *replies).replies("RCPT") == expected
    # Postfix has found no connection broken, and has made no second attempt.
    lost = [line for line in troubles(setup.container, since) if "unexpected" in line]
    assert lost == []
    queries = [(request.path, request.query) for request in setup.backend.requests]
    assert queries.count((path_of(setup, "mailboxes"), query_of(setup, "broken"))) == 1


def path_of(setup: Setup, name: str) -> str:
    """The path by which the backend is asked for a table."""
    return f"/{name}" if "tcp" in setup.way else "/maps"


def query_of(setup: Setup, user: str) -> str:
    """The query by which the backend is asked for a mailbox."""
    key = f"key={user}%40hosted.example"
    return key if "tcp" in setup.way else f"name=mailboxes&{key}"


def test_backend_down(setup: Setup) -> None:
    """While the backend is down no recipient is refused for good, and then all is as before."""
    setup.backend.stop()
    try:
        for recipient in ("user@hosted.example", "nobody@hosted.example"):
            assert rcpt(setup.container, recipient).startswith("451 4.3.")
    finally:
        setup.backend.start()
    assert rcpt(setup.container, "user@hosted.example") == ACCEPTED
    assert rcpt(setup.container, "nobody@hosted.example") == UNKNOWN.format("nobody@hosted.example")


def proxymaps(container: Container) -> int:
    """How many processes of proxymap(8) there are."""
    return len(container.run("pgrep", "--exact", "proxymap").stdout.split())


def test_connections(setup: Setup) -> None:
    """Each smtpd has its own connection to a table, and so its own handler; proxymap shares one."""
    with contextlib.ExitStack() as stack:
        clients = [stack.enter_context(dialogue(setup.container)) for _ in range(SESSIONS)]
        for client in [*clients, *clients]:
            assert said(client.rcpt("user@hosted.example")) == ACCEPTED
        if setup.way.startswith("proxy"):
            # One process, or a second one if the first was busy; trivial-rewrite asks it as well.
            assert 0 < proxymaps(setup.container) < SESSIONS
            assert setup.connections("mailboxes") < SESSIONS
            # proxymap(8) opens a table once for each set of flags (proxymap.c, proxy_map_find): the
            # aliases once more, because virtual_alias_domains has them by default.
            most = proxymaps(setup.container) * (len(TABLES) + 1)
            assert len(handlers(setup.container)) <= most
        else:
            assert setup.connections("mailboxes") == SESSIONS
            assert len(handlers(setup.container)) > SESSIONS
