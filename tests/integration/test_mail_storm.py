# SPDX-License-Identifier: MIT
"""Mail in a storm: whatever goes down, each mail is delivered once, or refused for its own fault.

Clients send mail of all kinds, while handlers are killed and stopped, systemd, its units and
Postfix are restarted, and the backend fails in all its ways. Afterwards all is well, and the
account has to close: what was sent is what was delivered, and what had to be refused. No fault may
bounce a mail, and none may let in what is to be refused.

The short form is for each run of the tests. The long form, and another seed:

    POSTFIX_REST_INETD_STORM_MAILS=5000 tests/run --quick tests/integration/test_mail_storm.py -rP
    POSTFIX_REST_INETD_STORM_SEED=2 tests/run --quick tests/integration/test_mail_storm.py -rP
"""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import pytest
from integration.mail import drain, is_bounce, log, set_up
from integration.product import (
    SOCKETS,
    configure,
    endpoint,
    show,
    start,
    state,
    wait_for_no_handlers,
)
from integration.storm_account import FAILURES, wrong_entries, wrong_mails
from integration.storm_chaos import Chaos
from integration.storm_mailboxes import NUMBER, Mailboxes
from integration.storm_plan import ROUTES, Mail, mails, steps
from integration.storm_senders import Senders

from harness.container import Container
from harness.container_backend import Backend
from harness.container_journal import Entry

MAILS = int(os.environ.get("POSTFIX_REST_INETD_STORM_MAILS") or 1000)
SEED = os.environ.get("POSTFIX_REST_INETD_STORM_SEED") or "1"
LENGTH = 1.4
"""So many times as often as there are mails do clients try to send one while the storm lasts."""
END_SEC = 300 + MAILS // 5
"""A bound for what is left to do when the chaos is over."""

LMTP_PORT = 9030
PARAMETERS = {
    "virtual_mailbox_domains": "tcp:127.0.0.1:9001",
    "virtual_mailbox_maps": "tcp:127.0.0.1:9002",
    "virtual_alias_maps": "socketmap:inet:127.0.0.1:9003:aliases",
    "virtual_alias_domains": "",
    "smtpd_relay_restrictions": "reject_unauth_destination",
    "smtpd_recipient_restrictions": (
        "reject_unauth_destination, check_policy_service inet:127.0.0.1:9004, "
        "check_recipient_access inline:{verified.example=reject_unverified_recipient}"
    ),
    "virtual_transport": f"lmtp:inet:127.0.0.1:{LMTP_PORT}",
    # Whether a recipient exists is asked each time it was not certain. Nobody waits for long.
    "address_verify_map": "",
    "address_verify_negative_refresh_time": "1s",
    "address_verify_poll_delay": "1s",
    "unverified_recipient_reject_code": "550",
    # Where a mail waits, it does so for seconds, and not for minutes.
    "queue_run_delay": "5s",
    "minimal_backoff_time": "5s",
    "maximal_backoff_time": "10s",
    "in_flow_delay": "0s",
    # The clients here have more patience than Postfix has with clients.
    "smtpd_soft_error_limit": "1000",
    "smtpd_hard_error_limit": "1000",
    # An id is never used again.
    "enable_long_queue_ids": "yes",
}
# An smtpd never forgets for which recipient it could not find out the domain.
SMTPD = "smtp inet n - y - - smtpd -o max_use=5"


@pytest.fixture
def backend(fresh_container: Container) -> Iterator[Backend]:
    """A backend that knows all recipients, asked by Postfix in all three ways."""
    container = fresh_container
    with container.backend(ROUTES) as running:
        own: dict[str, Any] = {"request_timeout": 1500, "temporary_statuses": [429]}
        modes = {"aliases": "socketmap-lookup", "policy": "policy"}
        configure(
            container,
            *(
                endpoint(
                    path[1:],
                    modes.get(path[1:], "tcp-lookup"),
                    port=9001 + number,
                    target=running.url(path),
                    **own,
                )
                for number, path in enumerate(ROUTES)
            ),
        )
        start(container, *SOCKETS)
        set_up(container, PARAMETERS, SMTPD)
        yield running


def send_locally(container: Container, local: list[Mail], senders: Senders, every: int) -> None:
    """Send mails by sendmail(1), one whenever EVERY attempts have been made by the others."""
    for number, mail in enumerate(local):
        senders.wait_for_attempts(number * every, END_SEC)
        text = f"Subject: storm\n{NUMBER}: {mail.number}\n\nA mail.\n"
        container.run("sendmail", "-f", mail.sender, *mail.recipients, input=text)


def entries_of_requests(container: Container, since: str) -> list[Entry]:
    """The journal of all requests."""
    entries = container.journal("SYSLOG_IDENTIFIER=postfix-rest-inetd", since=since)
    return [entry for entry in entries if "POSTFIX_REST_OUTCOME" in entry]


class Storm(NamedTuple):
    """What was sent in a storm, and everything that was part of it."""

    mails: list[Mail]
    senders: Senders
    mailboxes: Mailboxes
    chaos: Chaos
    seconds: list[float]
    """How long the chaos lasted; and until all mail was sent, and all was delivered."""


def weather(container: Container, backend: Backend) -> Storm:
    """Send all mail while the chaos lasts, and then deliver what waits in the queue."""
    sent = mails(SEED, MAILS)
    local = [mail for mail in sent if mail.is_local]
    others = [mail for mail in sent if not mail.is_local]
    seconds = []
    began = time.monotonic()
    chaos = Chaos(container, backend)
    with Mailboxes(container, LMTP_PORT) as mailboxes, ThreadPoolExecutor(1) as pool:
        with Senders(container, others) as senders:
            every = len(others) // max(1, len(local))
            job = pool.submit(send_locally, container, local, senders, every)
            chaos.run(steps(SEED, int(len(others) * LENGTH)), senders)
            # A probe of verify(8) whose result was lost is on its way for 1000 s more, otherwise.
            chaos.restart_postfix()
            seconds.append(time.monotonic() - began)
            senders.wait_for_end(END_SEC)
            job.result()
        seconds.append(time.monotonic() - began)
        drain(container, END_SEC)
        seconds.append(time.monotonic() - began)
    return Storm(sent, senders, mailboxes, chaos, seconds)


def describe(storm: Storm, requests: int, started: int, outcomes: Counter[tuple[str, str]]) -> str:
    """What there was, for the report of the test."""
    senders, chaos = storm.senders, storm.chaos
    of_storm, of_sending, of_all = storm.seconds
    return (
        f"seed {SEED}: {len(storm.mails)} mails, sent in {senders.attempts} attempts over "
        f"{senders.connections} connections; {len(storm.mailboxes.deliveries)} deliveries; "
        f"{of_storm:.1f} s of chaos, all sent after {of_sending:.1f} s, all delivered after "
        f"{of_all:.1f} s; {started} handlers started, {chaos.killed} killed, "
        f"{chaos.frozen} stopped; "
        f"{dict(chaos.done)}; {chaos.stalls} stalls; {requests} requests of the backend; "
        f"{dict(outcomes)}; {dict(senders.replies.most_common())}"
    )


# Debian 13 alone: what the releases differ in is looked at elsewhere.
@pytest.mark.parametrize("root", ["trixie"], indirect=True)
@pytest.mark.timeout(END_SEC * 2 + MAILS)
def test_storm(
    request: pytest.FixtureRequest, fresh_container: Container, backend: Backend
) -> None:
    """The account closes, of the mails and of the requests."""
    container = fresh_container
    since = container.journal.cursor()
    storm = weather(container, backend)
    lines = log(container, since)
    entries = entries_of_requests(container, since)
    asked = {each.headers["x-request-id"] for each in backend.requests}
    outcomes = Counter(
        (entry.get("POSTFIX_REST_ENDPOINT", ""), entry["POSTFIX_REST_OUTCOME"]) for entry in entries
    )
    started = sum(entry.get("POSTFIX_REST_START") == "cold" for entry in entries)
    text = describe(storm, len(asked), started, outcomes)
    request.node.add_report_section("call", "measured", text)
    chaos, fates = storm.chaos, storm.senders.fates
    assert wrong_mails(storm.mails, fates, storm.mailboxes.deliveries, chaos.restarts) == []
    assert [line for line in lines if is_bounce(line)] == []
    assert wrong_entries(entries, asked, chaos.killed) == []
    assert container.run("systemctl", "--failed", "--no-legend").stdout == ""
    assert [state(container, unit) for unit in SOCKETS] == ["active"] * len(SOCKETS)
    container.run("systemctl", "stop", "postfix.service")
    wait_for_no_handlers(container)
    assert [show(container, unit, "NConnections")["NConnections"] for unit in SOCKETS] == ["0"] * 3
    # Without these, nothing would have been proven.
    assert chaos.killed > MAILS / 100
    assert chaos.frozen > MAILS / 200
    assert chaos.done["mend"] > MAILS / 100
    assert storm.senders.postponed > MAILS / 10
    failed = {(name, outcome) for name, outcome in outcomes if outcome in FAILURES}
    assert len(failed) > len(ROUTES) * len(FAILURES) / 2
    assert {name for name, _ in failed} == {path[1:] for path in ROUTES}
