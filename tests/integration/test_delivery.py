# SPDX-License-Identifier: MIT
"""Mail goes all the way: accepted and delivered, rejected, or kept until the backend is back.

All kinds of endpoints are in use at once: domains and aliases by tcp:, mailboxes by socketmap:, and
a policy. Postfix delivers to a program by pipe(8) or to a server by LMTP.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration.mail import (
    ACCEPTED,
    UNKNOWN,
    dialogue,
    drain,
    forget_stored,
    is_bounce,
    is_deferred,
    log,
    queue,
    said,
    sendmail,
    session,
    set_up,
    sink,
    stored,
    troubles,
    wait_for_end_of_mails,
)
from integration.product import POLICY, SOCKETMAP, TCP, configure, endpoint, start

from harness.container import Container
from harness.container_backend import Backend, Route, answer, lookup, maps

LMTP_PORT = 9030
ROUTES: dict[str, Route] = {
    "/domains": lookup({"hosted.example": ["hosted.example"]}),
    "/maps": maps(
        {
            "mailboxes": lookup(
                {f"{user}@hosted.example": [user] for user in ("user", "other", "reader")}
            )
        }
    ),
    "/aliases": lookup({"alias@hosted.example": ["user@hosted.example", "other@hosted.example"]}),
    "/policy": answer("DUNNO"),
}
PARAMETERS = {
    "virtual_mailbox_domains": "tcp:127.0.0.1:9001",
    "virtual_alias_maps": "tcp:127.0.0.1:9002",
    "virtual_mailbox_maps": "socketmap:inet:127.0.0.1:9003:mailboxes",
    "smtpd_recipient_restrictions": "check_policy_service inet:127.0.0.1:9004",
}


@pytest.fixture(scope="module")
def served(container: Container) -> Iterator[Backend]:
    """A backend, its endpoints, and the Postfix that asks them."""
    with container.backend(ROUTES) as backend:
        timeout = {"request_timeout": 30_000}
        configure(
            container,
            endpoint("domains", port=9001, target=backend.url("/domains"), **timeout),
            endpoint("aliases", port=9002, target=backend.url("/aliases"), **timeout),
            endpoint("maps", "socketmap-lookup", port=9003, target=backend.url("/maps"), **timeout),
            endpoint("policy", "policy", port=9004, target=backend.url("/policy"), **timeout),
        )
        start(container, TCP, SOCKETMAP, POLICY)
        set_up(container, PARAMETERS)
        yield backend
        container.reset()


@pytest.fixture
def backend(container: Container, served: Backend) -> Backend:
    """The backend, as it was at first; no mail is in the queue or delivered."""
    served.set_routes(ROUTES)
    container.run("postsuper", "-d", "ALL")
    forget_stored(container)
    return served


@pytest.mark.usefixtures("backend")
def test_delivered(container: Container) -> None:
    """A mail for a known mailbox is accepted and delivered, once."""
    since = container.journal.cursor()
    said_by_smtpd = session(container, "reader@hosted.example", quit_after="")
    assert said_by_smtpd.replies("RCPT") == [ACCEPTED]
    wait_for_end_of_mails(container, since)
    assert stored(container) == ["reader@hosted.example"]
    assert queue(container) == []
    assert troubles(container, since) == []


@pytest.mark.usefixtures("backend")
def test_aliased(container: Container) -> None:
    """A mail for an alias reaches each of the addresses that the backend names."""
    since = container.journal.cursor()
    said_by_smtpd = session(container, "alias@hosted.example", quit_after="")
    assert said_by_smtpd.replies("RCPT") == [ACCEPTED]
    wait_for_end_of_mails(container, since)
    assert stored(container) == ["other@hosted.example", "user@hosted.example"]
    assert troubles(container, since) == []


@pytest.mark.usefixtures("backend")
def test_delivered_by_lmtp(container: Container) -> None:
    """With an LMTP server behind virtual_transport, that is where the mail goes."""
    set_up(container, {"virtual_transport": f"lmtp:inet:127.0.0.1:{LMTP_PORT}"})
    try:
        since = container.journal.cursor()
        with sink(container, LMTP_PORT, lmtp=True) as server:
            session(container, "alias@hosted.example", "reader@hosted.example", quit_after="")
            wait_for_end_of_mails(container, since)
            users = ["other", "reader", "user"]
            assert server.recipients() == [f"{user}@hosted.example" for user in users]
        assert stored(container) == []
        assert troubles(container, since) == []
    finally:
        set_up(container, {})


def test_rejected(container: Container, backend: Backend) -> None:
    """What the backend does not know or forbids gets no further than RCPT, and is no mail."""
    since = container.journal.cursor()
    with dialogue(container) as client:
        unknown = said(client.rcpt("nobody@hosted.example"))
        backend.set_routes({**ROUTES, "/policy": answer("REJECT not today")})
        forbidden = said(client.rcpt("user@hosted.example"))
    assert unknown == UNKNOWN.format("nobody@hosted.example")
    assert forbidden == "554 5.7.1 <user@hosted.example>: Recipient address rejected: not today"
    assert queue(container) == []
    assert not [line for line in log(container, since) if "message-id=" in line]


def test_deferred_then_delivered(container: Container, backend: Backend) -> None:
    """Mail in the queue waits while the backend fails to tell its domain, and then goes on."""
    since = container.journal.cursor()
    backend.set_routes({**ROUTES, "/domains": answer(status=503)})
    recipients = ["reader@hosted.example", "user@hosted.example"]
    for recipient in recipients:
        sendmail(container, recipient)
    container.journal.wait_for(
        "SYSLOG_IDENTIFIER=postfix/error", since=since, count=2, condition=is_deferred
    )
    waiting = queue(container)
    assert {mail.queue for mail in waiting} == {"deferred"}
    assert sorted(recipient for mail in waiting for recipient in mail.recipients) == recipients
    backend.set_routes(ROUTES)
    drain(container)
    assert stored(container) == recipients
    assert not [line for line in log(container, since) if is_bounce(line)]


def test_backend_down(container: Container, backend: Backend) -> None:
    """With the backend down, smtpd defers and sendmail(1) still takes mail, which is not lost."""
    since = container.journal.cursor()
    backend.stop()
    try:
        with dialogue(container) as client:
            offered = said(client.rcpt("user@hosted.example"))
        sendmail(container, "reader@hosted.example")
        # cleanup(8) cannot find out about aliases, so the mail stays where sendmail(1) put it.
        container.journal.wait_for(
            "SYSLOG_IDENTIFIER=postfix/cleanup",
            since=since,
            condition=lambda entry: "message not accepted, try again later" in entry["MESSAGE"],
        )
    finally:
        backend.start()
    refusal = "Recipient address rejected: REST server could not be reached"
    assert offered == f"451 4.7.1 <user@hosted.example>: {refusal}"
    assert stored(container) == []
    assert {mail.queue for mail in queue(container)} == {"maildrop"}
    drain(container)
    assert stored(container) == ["reader@hosted.example"]
    assert not [line for line in log(container, since) if is_bounce(line)]
