# SPDX-License-Identifier: MIT
"""What happens around connections that live: reboots, new settings, killed handlers, idle times.

The measure is Postfix's: the reply of smtpd, the queue, the warnings in its log.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from harness.container import Container
from harness.container_backend import Backend, Route, answer, held, lookup, maps
from harness.line_log import LineLog
from harness.process_group import end
from harness.swaks import arguments, parse
from integration.mail import (
    ACCEPTED,
    SENDER,
    SMTP_PORT,
    dialogue,
    drain,
    queue,
    rcpt,
    said,
    session,
    set_up,
    stored,
    troubles,
    wait_for_end_of_mails,
)
from integration.product import (
    POLICY,
    SOCKETMAP,
    TCP,
    ask,
    configure,
    connect,
    endpoint,
    handlers,
    in_network,
    read_line,
    show,
    socketmap_request,
    start,
    state,
    wait_until,
    write_config,
)

SOCKETS = (TCP, SOCKETMAP, POLICY)
PORTS = {"tcp": 9001, "socketmap": 9002, "policy": 9003}
MODES = {"tcp": "tcp-lookup", "socketmap": "socketmap-lookup", "policy": "policy"}
USER = "user@hosted.example"
MAILBOXES = lookup({USER: ["user"]})
ROUTES: dict[str, Route] = {
    "/tcp": MAILBOXES,
    "/socketmap": maps({"mailboxes": MAILBOXES, "tls": lookup({})}),
    "/policy": answer("DUNNO"),
}
ASKING = {
    "tcp": {"virtual_mailbox_maps": "tcp:127.0.0.1:9001"},
    "socketmap": {"virtual_mailbox_maps": "socketmap:inet:127.0.0.1:9002:mailboxes"},
    "policy": {"smtpd_recipient_restrictions": "check_policy_service inet:127.0.0.1:9003"},
}
"""Parameters by which smtpd asks an endpoint once for each recipient."""

ALL: dict[str, str] = {
    "virtual_mailbox_maps": "tcp:127.0.0.1:9001, socketmap:inet:127.0.0.1:9002:mailboxes",
    **ASKING["policy"],
}
"""All three; socketmap: for recipients that tcp: does not know."""

IDLE_SEC = 15
"""More than the 10 s after which Postfix's event loop would close a socketmap connection."""


def configure_all(container: Container, backend: Backend, **keys: Any) -> None:
    """An endpoint of each kind at its port."""
    configure(
        container,
        *(
            endpoint(
                kind,
                MODES[kind],
                port=port,
                target=backend.url(f"/{kind}"),
                **{"request_timeout": 30_000, **keys},
            )
            for kind, port in PORTS.items()
        ),
    )


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend, an endpoint of each kind, and their sockets."""
    with clean_container.backend(ROUTES) as running:
        configure_all(clean_container, running)
        start(clean_container, *SOCKETS)
        yield running


def set_up_postfix(container: Container, asking: Mapping[str, str]) -> None:
    """A Postfix that has the domain hosted.example, and ASKING."""
    set_up(container, {"virtual_mailbox_domains": "hosted.example", **asking})


# -- the machine


def test_reboot(clean_container: Container, backend: Backend) -> None:
    """After a reboot, enabled sockets listen before Postfix runs, and serve it with no more ado."""
    container = clean_container
    container.run("systemctl", "enable", *(f"postfix-rest-{kind}@.socket" for kind in PORTS))
    set_up_postfix(container, ALL)
    container.reboot()
    backend.start()
    since = container.journal.cursor()
    session(container, USER, quit_after="")
    wait_for_end_of_mails(container, since)
    assert stored(container) == []  # /run is new, and with it the directory of the transport
    assert queue(container) == []
