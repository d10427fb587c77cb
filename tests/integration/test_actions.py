# SPDX-License-Identifier: MIT
"""What the action firewall refuses and what it lets pass, beside each release's own smtpd.

That it refuses and lets pass these is tested in tests/postfix/test_actions.py.
"""

from __future__ import annotations

import smtplib
from collections.abc import Iterator
from typing import NamedTuple

import pytest
from integration.mail import SMTP_PORT, set_up
from integration.product import in_network

from harness.action_service import (
    REFUSED,
    SECRET,
    STATUS_ONLY,
    TAKEN,
    ActionService,
    Row,
    Session,
    parameters,
    status_only_reply,
)
from harness.container import Container


class Setup(NamedTuple):
    """A session with an smtpd that asks the test for each recipient."""

    container: Container
    session: Session

    def logged(self, action: str) -> tuple[str, str]:
        """The reply, and all that smtpd logs until the next action is."""
        journal = self.container.journal
        since = journal.cursor()
        reply = self.session.rcpt(action)
        self.session.rcpt("WARN that was all")
        journal.wait_for(
            "SYSLOG_IDENTIFIER=postfix/smtpd",
            since=since,
            condition=lambda entry: "that was all" in entry["MESSAGE"],
        )
        entries = journal("SYSLOG_IDENTIFIER=postfix/smtpd", since=since)
        lines = [entry["MESSAGE"] for entry in entries]
        return reply, "\n".join(line for line in lines if "that was all" not in line)


@pytest.fixture(scope="module")
def setup(container: Container) -> Iterator[Setup]:
    """One session for all."""
    service = in_network(container, ActionService)
    with service.running():
        set_up(container, parameters(service.port))
        client = in_network(container, lambda: smtplib.SMTP("127.0.0.1", SMTP_PORT, "test", 60))
        with service.session(client) as session:
            yield Setup(container, session)
    container.reset()


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.action)
def test_refused(setup: Setup, row: Row) -> None:
    """It passes over it, accepts the mail on it, or cannot use it."""
    reply, log = setup.logged(row.action)
    assert (reply, row.log in log) == (row.reply, True), log


@pytest.mark.parametrize("row", TAKEN, ids=lambda row: row.action)
def test_taken(setup: Setup, row: Row) -> None:
    """It does what it says, without a complaint."""
    reply, log = setup.logged(row.action)
    assert (reply, row.log in log) == (row.reply, True), log
    assert "warning: " not in log.replace("reject_warning: ", "")


@pytest.mark.parametrize("row", STATUS_ONLY, ids=lambda row: row.action)
def test_status_only(setup: Setup, row: Row) -> None:
    """A status code without a text sends another recipient's text, unless Postfix is mended."""
    assert SECRET in setup.session.rcpt(f"REJECT {'x' * 20} {SECRET}")
    version = setup.container.run("postconf", "-d", "-h", "mail_version").stdout
    assert setup.session.rcpt(row.action).endswith(status_only_reply(row, version))
