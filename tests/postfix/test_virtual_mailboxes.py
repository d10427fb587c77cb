# SPDX-License-Identifier: MIT
"""SMTP sessions whose recipients are looked up: virtual_mailbox_domains and virtual_mailbox_maps.

Both are asked through tcp: or through socketmap:, by trivial-rewrite(8) and by smtpd(8).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.activation import activated, write_handler_config
from harness.ports import free_port
from harness.postfix_instance import PostfixInstance, postfix_instance
from harness.rest_backend import Answer, Recorded, RestBackend
from harness.swaks import Session, swaks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.postfix, pytest.mark.root]

ACCEPTED = "250 2.1.5 Ok"
UNKNOWN = "550 5.1.1 <{}>: Recipient address rejected: User unknown in virtual mailbox table"
FOREIGN = "454 4.7.1 <{}>: Relay access denied"
FAILED = "451 4.3.0 <{}>: Temporary lookup failure"
DENIED = {"tcp": FAILED, "socketmap": "451 4.3.5 Server configuration error"}
"""A permanent error: socketmap has a reply of its own for it, and for smtpd all is temporary."""

ANSWERS = {
    "domains": {
        b"hosted.example": Answer(200, b'["hosted.example"]'),
        b"failing.example": Answer(503, b""),
    },
    "mailboxes": {
        b"user@hosted.example": Answer(200, b'["hosted.example/user/"]'),
        b"reader@hosted.example": Answer(200, b'["hosted.example/reader/"]'),
        b"broken@hosted.example": Answer(500, b""),
        b"denied@hosted.example": Answer(401, b""),
        b"strange@hosted.example": Answer(200, b'{"path": "hosted.example/strange/"}'),
    },
}
"""The backend's two tables; what is in neither is answered with 404."""

TABLES = {"tcp": "tcp:127.0.0.1:{}", "socketmap": "socketmap:inet:127.0.0.1:{}:{}"}


@pytest.fixture(scope="module", params=TABLES)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of table Postfix uses."""
    return request.param


@pytest.fixture(scope="module")
def postfix(kind: str, module_backend: RestBackend, directory: Path) -> Iterator[PostfixInstance]:
    """A Postfix whose virtual mailboxes are all known to the backend alone."""
    ports = {name: free_port() for name in ANSWERS}
    config = write_handler_config(
        directory / f"{kind}.json",
        *(
            {
                "name": name,
                "mode": f"{kind}-lookup",
                "target": f"{module_backend.url}/{name}",
                "bind-port": port,
                "request-timeout": 30_000,
            }
            for name, port in ports.items()
        ),
    )
    parameters = {
        "mynetworks": "",
        "smtpd_relay_restrictions": "defer_unauth_destination",
        "virtual_mailbox_domains": TABLES[kind].format(ports["domains"], "domains"),
        "virtual_mailbox_maps": TABLES[kind].format(ports["mailboxes"], "mailboxes"),
    }
    addresses = [f"127.0.0.1:{port}" for port in ports.values()]
    with activated(addresses, config, f"{kind}-lookup"), postfix_instance(parameters) as instance:
        yield instance


@pytest.fixture(autouse=True)
def tables(backend: RestBackend) -> None:
    """Let the backend answer from the tables above."""

    def lookup(request: Recorded) -> Answer:
        return ANSWERS[request.path[1:]].get(request.key(), Answer(404, b""))

    backend.routes = dict.fromkeys((f"/{name}" for name in ANSWERS), lookup)


def rcpt(postfix: PostfixInstance, recipient: str) -> str:
    """What smtpd replies to RCPT."""
    (reply,) = session(postfix, recipient).replies("RCPT")
    return reply


def session(postfix: PostfixInstance, *recipients: str) -> Session:
    """A session that ends before the mail would be sent."""
    return swaks(postfix.smtp_port, *recipients)


@pytest.mark.parametrize(
    "recipient, reply",
    [
        pytest.param("user@hosted.example", ACCEPTED, id="known mailbox"),
        pytest.param("nobody@hosted.example", UNKNOWN, id="unknown mailbox"),
        pytest.param("user@foreign.example", FOREIGN, id="unknown domain"),
        pytest.param("broken@hosted.example", FAILED, id="500 for the mailbox"),
        pytest.param("strange@hosted.example", FAILED, id="no list of strings"),
        pytest.param("user@failing.example", FAILED, id="503 for the domain"),
    ],
)
def test_recipient(postfix: PostfixInstance, recipient: str, reply: str) -> None:
    """Known is accepted, unknown is refused for good, and trouble is neither."""
    assert rcpt(postfix, recipient) == reply.format(recipient)


def test_permanent_error(postfix: PostfixInstance, kind: str) -> None:
    """A 401, say for an expired token, bounces no mail either."""
    recipient = "denied@hosted.example"
    assert rcpt(postfix, recipient) == DENIED[kind].format(recipient)


def test_recovery(postfix: PostfixInstance) -> None:
    """Trouble with one recipient of a session leaves the following ones alone."""
    recipients = ["broken@hosted.example", "user@hosted.example", "nobody@hosted.example"]
    replies = session(postfix, *recipients).replies("RCPT")
    expected = [FAILED.format(recipients[0]), ACCEPTED, UNKNOWN.format(recipients[2])]
    assert replies == expected


def test_delivery(postfix: PostfixInstance) -> None:
    """A mail for a mailbox that the backend knows goes all the way."""
    since = len(postfix.log.lines())
    swaks(postfix.smtp_port, "reader@hosted.example", quit_after="")
    assert "status=sent" in postfix.log.wait_for("to=<reader@hosted.example>", since=since)
