# SPDX-License-Identifier: MIT
"""SMTP sessions whose recipients a policy backend decides on, by check_policy_service.

What counts is the reply of smtpd to RCPT. Postfix takes an empty action, and one of digits alone,
for permission: no answer of a backend, however broken, may let a mail in by accident.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import pytest

from harness.activation import activated, write_handler_config
from harness.ports import free_port
from harness.postfix_instance import PostfixInstance, postfix_instance
from harness.rest_backend import Answer, RestBackend
from harness.swaks import swaks

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = [pytest.mark.postfix, pytest.mark.root]

ACCEPTED = "250 2.1.5 Ok"
SERVER_ERROR = "451 4.7.1 <{}>: Recipient address rejected: REST server had an internal error!"
USER_ERROR = (
    "554 5.7.1 <{}>: Recipient address rejected: "
    "REST server signaled a user error, is the connector misconfigured?"
)
UNSPECIFIED = (
    "451 4.7.1 <{}>: Recipient address rejected: REST server responded with an unspecified code"
)
UNREACHABLE = "451 4.7.1 <{}>: Recipient address rejected: REST server could not be reached"
TIMED_OUT = "451 4.7.1 <{}>: Recipient address rejected: REST request timed out"
INVALID_DATA = "451 4.7.1 <{}>: Recipient address rejected: REST connector received invalid data!"
POSTFIX_DEFAULT = "451 4.3.5 <{}>: Recipient address rejected: Server configuration problem"

DECISIONS = [
    pytest.param(b"DUNNO", ACCEPTED, id="DUNNO"),
    pytest.param(b"OK", ACCEPTED, id="OK"),
    pytest.param(b"  DUNNO\r\n", ACCEPTED, id="white space around it"),
    pytest.param(b"PREPEND X-Policy: seen", ACCEPTED, id="PREPEND"),
    pytest.param(b"permit_mynetworks", ACCEPTED, id="a restriction's name"),
    pytest.param(
        b"REJECT not today",
        "554 5.7.1 <{}>: Recipient address rejected: not today",
        id="REJECT",
    ),
    pytest.param(
        b"550 5.1.6 has moved",
        "550 5.1.6 <{}>: Recipient address rejected: has moved",
        id="550 text",
    ),
    pytest.param(
        b"DEFER_IF_PERMIT come back later",
        "450 4.7.1 <{}>: Recipient address rejected: come back later",
        id="DEFER_IF_PERMIT",
    ),
]
"""What the backend answers, with status 200, and what smtpd replies."""

BROKEN = [
    pytest.param(b"", id="nothing"),
    pytest.param(b" \r\n", id="white space"),
    pytest.param(b"451", id="digits"),
    pytest.param(b"250", id="more digits"),
    pytest.param(b"451 ", id="a code without text"),
    pytest.param(b"REJECT no\naction=OK", id="second line"),
    pytest.param(b"REJECT no\n\naction=DUNNO", id="second reply"),
    pytest.param(b"DUNNO\0REJECT", id="NUL"),
    pytest.param(b"REJECT caf\xe9", id="not UTF-8"),
]
"""What a backend could answer, by mistake or attack, that Postfix must not get to see."""


class Setup(NamedTuple):
    """A Postfix, and the handlers it asks."""

    postfix: PostfixInstance

    def rcpt(self, recipient: str = "user@example.org", **options: str) -> str:
        """What smtpd replies to RCPT."""
        (reply,) = swaks(self.postfix.smtp_port, recipient, **options).replies("RCPT")
        return reply


CLASSES = {
    "strict": {"allowed-actions": ["DUNNO", "REJECT"]},
    "closing": {"failure-action": "close"},
    "excused": {"failure-action": "DEFER_IF_PERMIT please excuse us"},
    "impatient": {"request-timeout": 500},
    "down": {},
    "ordinary": {},
}
"""Endpoints and their settings. Recipients at NAME.example go to NAME, others to `ordinary`."""


@pytest.fixture(scope="module")
def setup(module_backend: RestBackend, directory: Path) -> Iterator[Setup]:
    """A Postfix whose smtpd asks one of several policy endpoints for each recipient."""
    ports = {name: free_port() for name in CLASSES}
    target = dict.fromkeys(CLASSES, f"{module_backend.url}/policy")
    target["down"] = f"http://127.0.0.1:{free_port()}/"
    config = write_handler_config(
        directory / "config.json",
        *(
            {
                "name": name,
                "mode": "policy",
                "target": target[name],
                "bind-port": ports[name],
                "request-timeout": 30_000,
                **settings,
            }
            for name, settings in CLASSES.items()
        ),
    )
    services = {
        name: f"check_policy_service inet:127.0.0.1:{port}, permit" for name, port in ports.items()
    }
    domains = " ".join(f"{{ {name}.example = {name} }}" for name in CLASSES)
    parameters = {
        **services,
        "smtpd_restriction_classes": " ".join(CLASSES),
        "smtpd_recipient_restrictions": f"check_recipient_access inline:{{ {domains} }}, ordinary",
    }
    addresses = [f"127.0.0.1:{port}" for port in ports.values()]
    with activated(addresses, config, "policy"), postfix_instance(parameters) as postfix:
        yield Setup(postfix)


@pytest.mark.parametrize("body, reply", DECISIONS)
def test_decision(setup: Setup, backend: RestBackend, body: bytes, reply: str) -> None:
    """The backend's action is what smtpd does."""
    backend.routes["/policy"] = Answer(200, body)
    assert setup.rcpt() == reply.format("user@example.org")
    assert len(backend.requests) == 1


@pytest.mark.parametrize("body", BROKEN)
def test_broken_action(setup: Setup, backend: RestBackend, body: bytes) -> None:
    """An action that is none defers the mail and is named as what it is."""
    backend.routes["/policy"] = Answer(200, body)
    assert setup.rcpt() == INVALID_DATA.format("user@example.org")
    assert len(backend.requests) == 1


@pytest.mark.parametrize(
    "status, reply",
    [
        (500, SERVER_ERROR),
        (503, SERVER_ERROR),
        (403, USER_ERROR),
        (404, USER_ERROR),
        (204, f"{UNSPECIFIED}: 204"),
        (302, f"{UNSPECIFIED}: 302"),
    ],
)
def test_status(setup: Setup, backend: RestBackend, status: int, reply: str) -> None:
    """A status other than 200 never accepts, whatever the body says, and never asks again."""
    backend.routes["/policy"] = Answer(status, b"" if status == 204 else b"DUNNO")
    assert setup.rcpt() == reply.format("user@example.org")
    assert len(backend.requests) == 1


def test_backend_down(setup: Setup) -> None:
    """While the backend cannot be reached mail is deferred."""
    assert setup.rcpt("user@down.example") == UNREACHABLE.format("user@down.example")


def test_backend_slow(setup: Setup, backend: RestBackend) -> None:
    """When request-timeout has passed mail is deferred, though the backend would accept it."""
    backend.routes["/policy"] = Answer(200, b"DUNNO", delay_sec=30)
    assert setup.rcpt("user@impatient.example") == TIMED_OUT.format("user@impatient.example")


def test_allowed_actions(setup: Setup, backend: RestBackend) -> None:
    """With allowed-actions, another action is no better than a broken one."""
    backend.routes["/policy"] = Answer(200, b"REJECT no")
    refused = "554 5.7.1 <user@strict.example>: Recipient address rejected: no"
    assert setup.rcpt("user@strict.example") == refused
    backend.routes["/policy"] = Answer(200, b"permit_mynetworks")
    assert setup.rcpt("user@strict.example") == INVALID_DATA.format("user@strict.example")


def test_failure_action(setup: Setup, backend: RestBackend) -> None:
    """failure-action is what smtpd does when the backend fails."""
    backend.routes["/policy"] = Answer(500, b"")
    excuse = "450 4.7.1 <user@excused.example>: Recipient address rejected: please excuse us"
    assert setup.rcpt("user@excused.example") == excuse


def test_failure_close(setup: Setup, backend: RestBackend) -> None:
    """With failure-action `close` Postfix gets no reply and applies its own default action."""
    backend.routes["/policy"] = Answer(500, b"")
    assert setup.rcpt("user@closing.example") == POSTFIX_DEFAULT.format("user@closing.example")
    # Postfix tries twice, and cannot do so on a connection it thinks is good.
    assert len(backend.requests) == 2


def test_accepted_mail_is_delivered(setup: Setup, backend: RestBackend) -> None:
    """A mail that the backend has nothing against goes all the way."""
    backend.routes["/policy"] = Answer(200, b"DUNNO")
    since = len(setup.postfix.log.lines())
    session = swaks(setup.postfix.smtp_port, "reader@example.org", quit_after="")
    assert session.replies("RCPT") == [ACCEPTED]
    sent = setup.postfix.log.wait_for("to=<reader@example.org>", since=since)
    assert "status=sent" in sent


def test_attributes(setup: Setup, backend: RestBackend) -> None:
    """The backend gets Postfix's attributes in Postfix's order, also those that are empty."""
    backend.routes["/policy"] = Answer(200, b"DUNNO")
    setup.rcpt(sender="someone@test.example", helo="helo.test.example")
    (request,) = backend.requests
    assert request.method == "POST"
    assert request.headers["content-type"] == "application/x-www-form-urlencoded"
    attributes = request.attributes()
    assert attributes[:4] == [
        ("request", "smtpd_access_policy"),
        ("protocol_state", "RCPT"),
        ("protocol_name", "ESMTP"),
        ("client_address", "127.0.0.1"),
    ]
    assert ("etrn_domain", "") in attributes
    middle = [pair for pair in attributes if pair[0] in ("helo_name", "sender", "recipient")]
    assert middle == [
        ("helo_name", "helo.test.example"),
        ("sender", "someone@test.example"),
        ("recipient", "user@example.org"),
    ]


@pytest.mark.parametrize(
    "sender, seen",
    [
        ('"a&b=c+d% e"@test.example', "a&b=c+d% e@test.example"),
        ("tag+%41@test.example", "tag+%41@test.example"),
    ],
)
def test_sender_in_need_of_encoding(
    setup: Setup, backend: RestBackend, sender: str, seen: str
) -> None:
    """What means something in a form (& = + %) arrives as the sender wrote it."""
    backend.routes["/policy"] = Answer(200, b"DUNNO")
    assert setup.rcpt(sender=sender) == ACCEPTED
    (request,) = backend.requests
    assert dict(request.attributes())["sender"] == seen
