# SPDX-License-Identifier: MIT
"""The chrooted smtpd asks a policy endpoint about each recipient, by TCP and by a unix socket."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import pytest
from integration.mail import ACCEPTED, dialogue, rcpt, session, set_up, troubles
from integration.product import POLICY, configure, endpoint, handlers, start

from harness.container import Container
from harness.container_backend import Backend, answer

PORT = 9020
UNIX_SOCKET = "private/rest-policy"
SERVICES = {"inet": f"inet:127.0.0.1:{PORT}", "unix": f"unix:{UNIX_SOCKET}"}
RECIPIENT = "user@hosted.example"
REFUSED = "<{}>: Recipient address rejected: "


class Setup(NamedTuple):
    """A Postfix that asks the policy endpoint, and the backend behind it."""

    container: Container
    backend: Backend


@pytest.fixture(scope="module")
def served(container: Container) -> Iterator[Backend]:
    """A backend, and an endpoint for each way to reach it."""
    with container.backend() as backend:
        common = {"target": backend.url("/policy"), "request_timeout": 30_000}
        path = f"/var/spool/postfix/{UNIX_SOCKET}"
        configure(
            container,
            endpoint("inet", "policy", port=PORT, **common),
            endpoint("unix", "policy", bind_path=path, **common),
        )
        start(container, POLICY)
        yield backend
        container.reset()


@pytest.fixture(scope="module", params=SERVICES)
def asking(request: pytest.FixtureRequest, container: Container, served: Backend) -> Setup:
    """A Postfix that asks in one of the ways."""
    set_up(
        container,
        {
            "virtual_mailbox_domains": "hosted.example",
            "smtpd_recipient_restrictions": f"check_policy_service {SERVICES[request.param]}",
        },
    )
    return Setup(container, served)


@pytest.fixture
def setup(asking: Setup) -> Setup:
    """The same without a memory of earlier tests, and with a backend that has no objection."""
    asking.backend.requests.clear()
    asking.backend.set_routes({"/policy": answer("DUNNO")})
    return asking


@pytest.mark.parametrize(
    "action, reply",
    [
        pytest.param("DUNNO", ACCEPTED, id="accepted"),
        pytest.param("REJECT not today", f"554 5.7.1 {REFUSED}not today", id="rejected"),
        pytest.param("550 5.1.6 has moved", f"550 5.1.6 {REFUSED}has moved", id="status"),
        pytest.param("DEFER_IF_PERMIT later", f"450 4.7.1 {REFUSED}later", id="deferred"),
        pytest.param("451", f"451 4.7.1 {REFUSED}REST connector received invalid data!", id="bad"),
    ],
)
def test_decision(setup: Setup, action: str, reply: str) -> None:
    """What the backend says is what smtpd does; what Postfix would misread defers the mail."""
    setup.backend.set_routes({"/policy": answer(action)})
    assert rcpt(setup.container, RECIPIENT) == reply.format(RECIPIENT)
    (request,) = setup.backend.requests
    assert dict(request.attributes())["recipient"] == RECIPIENT


def test_backend_down(setup: Setup) -> None:
    """While the backend is down mail is deferred, at once and in our own words, then accepted."""
    since = setup.container.journal.cursor()
    setup.backend.stop()
    try:
        reply = rcpt(setup.container, RECIPIENT)
    finally:
        setup.backend.start()
    assert reply == f"451 4.7.1 {REFUSED}REST server could not be reached".format(RECIPIENT)
    assert troubles(setup.container, since) == []
    assert rcpt(setup.container, RECIPIENT) == ACCEPTED
    entries = setup.container.journal("POSTFIX_REST_MODE=policy", since=since)
    outcomes = [(entry["POSTFIX_REST_OUTCOME"], entry["PRIORITY"]) for entry in entries]
    assert outcomes == [("unreachable", "4"), ("action", "5")]


def test_one_handler(setup: Setup) -> None:
    """The recipients of a session, and of the next one, are asked over one handler, one by one."""
    set_up(setup.container, {})
    since = setup.container.journal.cursor()
    recipients = [f"user{number}@hosted.example" for number in range(5)]
    for asked in (recipients[:3], recipients[3:]):
        assert session(setup.container, *asked).replies("RCPT") == [ACCEPTED] * len(asked)
    requests = setup.backend.requests
    assert [dict(request.attributes())["recipient"] for request in requests] == recipients
    assert len({request.connection for request in requests}) == 1
    entries = setup.container.journal("POSTFIX_REST_MODE=policy", since=since)
    assert len({entry["_PID"] for entry in entries}) == 1
    assert [entry["_SYSTEMD_UNIT"] for entry in entries] == handlers(setup.container) * 5


def test_who_was_limited(setup: Setup) -> None:
    """At DATA and END-OF-MESSAGE Postfix names no recipient: the entries tell who it was.

    XCLIENT (XCLIENT_README) stands for a client that has logged in from elsewhere.
    """
    container = setup.container
    service = f"check_policy_service {SERVICES['inet']}"
    states = {"smtpd_data_restrictions": service, "smtpd_end_of_data_restrictions": service}
    set_up(container, {**states, "smtpd_authorized_xclient_hosts": "127.0.0.1"})
    since = container.journal.cursor()
    with dialogue(container) as client:
        client.rset()
        assert client.docmd("XCLIENT", "LOGIN=alice ADDR=192.0.2.7 NAME=[UNAVAILABLE]")[0] == 220
        client.ehlo()
        client.mail("alice@hosted.example")
        for number in range(3):
            client.rcpt(f"user{number}@hosted.example")
        assert client.docmd("DATA")[0] == 354
        setup.backend.set_routes({"/policy": answer("450 4.7.1 too many recipients")})
        client.send("Subject: x\r\n\r\nA mail.\r\n.\r\n")
        assert client.getreply()[0] == 450
    *_, data, end = container.journal("POSTFIX_REST_MODE=policy", since=since)
    subject = "login=alice from=192.0.2.7 sender=<alice@hosted.example> recipients=3"
    assert f": DATA {subject}: action DUNNO (" in data["MESSAGE"]
    size = end["POSTFIX_REST_SIZE"]
    assert 0 < int(size) < 1000
    assert f": END-OF-MESSAGE {subject} size={size}: action 450 (" in end["MESSAGE"]
    assert end["POSTFIX_REST_INSTANCE"] == data["POSTFIX_REST_INSTANCE"]
    found = container.journal(
        "POSTFIX_REST_SASL_USERNAME=alice", "POSTFIX_REST_ACTION=450", since=since
    )
    assert [entry["POSTFIX_REST_RECIPIENT_COUNT"] for entry in found] == ["3"]
