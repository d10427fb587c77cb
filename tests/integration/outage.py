# SPDX-License-Identifier: MIT
"""A mail system whose tables come from REST backends, for tests in which backends go down.

    with container.backend(ROUTES) as backend:
        serve(container, [backend.url()])
        send(container)                         # by SMTP and by sendmail(1), for KNOWN
        assert delivered(container, since, 2) == 2 * MAILBOXES

The tables are virtual_mailbox_domains and virtual_alias_maps (tcp:) and virtual_mailbox_maps
(socketmap:). KNOWN has an alias with two mailboxes behind it, and a mailbox. NEW and LATER are
mailboxes as well, for tests that want recipients nobody has asked about.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from integration.mail import (
    ACCEPTED,
    is_bounce,
    is_deferred,
    log,
    queue,
    sendmail,
    session,
    set_up,
    stored,
    wait_for_end_of_mails,
)
from integration.product import POLICY, SOCKETMAP, TCP, configure, endpoint, start

from harness.container import Container
from harness.container_backend import Route, answer, lookup, maps, permitting
from harness.container_journal import Entry

PERMISSION = "max-age=1, stale-if-error=86400"
KNOWN = ["alias@hosted.example", "reader@hosted.example"]
NEW, LATER = "new@hosted.example", "later@hosted.example"
BEHIND_ALIAS = ["other@hosted.example", "user@hosted.example"]
MAILBOXES = sorted([*BEHIND_ALIAS, "reader@hosted.example"])
"""Where a mail for KNOWN is delivered."""

LOOKUPS = {"domains": "tcp-lookup", "aliases": "tcp-lookup", "mailboxes": "socketmap-lookup"}
PORTS = {"domains": 9001, "aliases": 9002, "mailboxes": 9003}
POLICY_PORT = 9004
PARAMETERS = {
    "virtual_mailbox_domains": "tcp:127.0.0.1:9001",
    "virtual_alias_maps": "tcp:127.0.0.1:9002",
    "virtual_mailbox_maps": "socketmap:inet:127.0.0.1:9003:mailboxes",
}
ASK_POLICY = {"smtpd_recipient_restrictions": f"check_policy_service inet:127.0.0.1:{POLICY_PORT}"}


def routes(permission: str = PERMISSION) -> dict[str, Route]:
    """What a backend that is well answers, with PERMISSION to store it."""
    mailboxes = {address: [address] for address in (*MAILBOXES, NEW, LATER)}
    tables = {
        "/domains": lookup({"hosted.example": ["hosted.example"]}),
        "/aliases": lookup({"alias@hosted.example": BEHIND_ALIAS}),
        "/mailboxes": maps({"mailboxes": permitting(lookup(mailboxes), permission)}),
    }
    permitted = {path: permitting(route, permission) for path, route in tables.items()}
    return {**permitted, "/policy": answer("DUNNO")}


BROKEN: dict[str, Route] = {f"/{name}": answer(status=500) for name in (*LOOKUPS, "policy")}
"""What a backend answers that fails itself."""


def serve(
    container: Container, bases: Sequence[str], policy: Sequence[str] = (), **keys: Any
) -> None:
    """Set up Postfix, with endpoints that ask the backends at BASES.

    With POLICY, a policy service is asked as well, from the backends at these.
    """

    def target(urls: Sequence[str], path: str) -> str | list[str]:
        each = [f"{url}{path}" for url in urls]
        return each[0] if len(each) == 1 else each

    endpoints = [
        endpoint(name, mode, port=PORTS[name], target=target(bases, name), **keys)
        for name, mode in LOOKUPS.items()
    ]
    if policy:
        last = endpoint(
            "policy", "policy", port=POLICY_PORT, target=target(policy, "policy"), **keys
        )
        endpoints.append(last)
    configure(container, *endpoints)
    start(container, TCP, SOCKETMAP, *([POLICY] if policy else []))
    set_up(container, {**PARAMETERS, **(ASK_POLICY if policy else {})})


def send(container: Container) -> None:
    """Send two mails for KNOWN: one by SMTP, which is to be accepted, one from the command line."""
    offered = session(container, *KNOWN, quit_after="")
    assert offered.replies("RCPT") == [ACCEPTED] * len(KNOWN)
    sendmail(container, *KNOWN)


def delivered(container: Container, since: str, count: int) -> list[str]:
    """Where COUNT mails were delivered, once they are; nothing was deferred or bounced on the way.

    Mails of before the cursor SINCE are among them, unless they were forgotten (forget_stored).
    """
    wait_for_end_of_mails(container, since, count)
    assert queue(container) == []
    assert troubled(container, since) == []
    return stored(container)


def troubled(container: Container, since: str) -> list[str]:
    """What Postfix has logged of mail that was deferred, bounced or not accepted."""
    words = ("status=deferred", "not accepted", "NOQUEUE: reject", "lookup failure")
    lines = log(container, since)
    return [line for line in lines if is_bounce(line) or any(word in line for word in words)]


def answered(container: Container, since: str, names: Iterable[str] = LOOKUPS) -> list[Entry]:
    """The journal of the lookups of the endpoints NAMES that were answered."""
    matches = [f"POSTFIX_REST_ENDPOINT={name}" for name in names]
    entries = container.journal(*matches, since=since)
    return [e for e in entries if e["POSTFIX_REST_OUTCOME"] in ("found", "not-found")]


def source(entry: Entry) -> str:
    """Where an answer came from."""
    return entry.get("POSTFIX_REST_SOURCE", "backend")


def is_waiting(entry: Entry) -> bool:
    """Whether it tells of a mail that waits, in whichever queue."""
    return is_deferred(entry) or "message not accepted, try again later" in entry["MESSAGE"]
