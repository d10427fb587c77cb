# SPDX-License-Identifier: MIT
"""What the action firewall refuses and what it lets pass, beside what a real smtpd does."""

from __future__ import annotations

import re
import smtplib
import subprocess
from typing import TYPE_CHECKING, NamedTuple

import pytest

from harness.action_service import (
    ACCEPTED,
    DENIED,
    MISTAKE,
    PASSED_ON,
    RECIPIENT,
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
from harness.postfix_instance import HOSTNAME, PostfixInstance, postfix_instance
from postfix_rest_inetd import restrictions
from postfix_rest_inetd.action import checked_action
from postfix_rest_inetd.admin.ask.actions import effect_of

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.postfix, pytest.mark.root]


class Setup(NamedTuple):
    """An smtpd, and the policy service that it asks."""

    postfix: PostfixInstance
    session: Session

    def logged(self, action: str) -> tuple[str, str]:
        """The reply, and all that is logged until the next action is."""
        since = len(self.postfix.log.lines())
        reply = self.session.rcpt(action)
        self.session.rcpt("WARN that was all")
        self.postfix.log.wait_for("that was all", since=since)
        lines = self.postfix.log.lines()[since:]
        return reply, "\n".join(line for line in lines if "that was all" not in line)


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[PostfixInstance, ActionService]]:
    """An smtpd that asks a policy service for each recipient."""
    service = ActionService()
    with service.running(), postfix_instance(parameters(service.port)) as postfix:
        yield postfix, service


@pytest.fixture
def setup(asked: tuple[PostfixInstance, ActionService]) -> Iterator[Setup]:
    """A session with it."""
    postfix, service = asked
    with service.session(smtplib.SMTP("127.0.0.1", postfix.smtp_port, HOSTNAME, 60)) as session:
        yield Setup(postfix, session)


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.action)
def test_refused(setup: Setup, row: Row) -> None:
    """Postfix passes over it, accepts the mail on it, or cannot use it: so it never gets it."""
    reply, log = setup.logged(row.action)
    assert (reply, row.log in log) == (row.reply, True), log
    with pytest.raises(ValueError, match=r"^the action |Postfix|^[a-z_]+ needs "):
        checked_action(row.action)


@pytest.mark.parametrize("row", TAKEN, ids=lambda row: row.action)
def test_taken(setup: Setup, row: Row) -> None:
    """Postfix does what it says, without a complaint: so it may pass."""
    reply, log = setup.logged(row.action)
    assert (reply, row.log in log) == (row.reply, True), log
    assert "warning: " not in log.replace("reject_warning: ", "")
    assert checked_action(row.action) == row.action


@pytest.mark.parametrize("row", STATUS_ONLY, ids=lambda row: row.action)
def test_status_only(setup: Setup, row: Row) -> None:
    """A status code without a text sends another recipient's text, unless Postfix is mended."""
    assert SECRET in setup.session.rcpt(f"REJECT {'x' * 20} {SECRET}")
    postconf = ["postconf", "-d", "-h", "mail_version"]
    version = subprocess.run(postconf, capture_output=True, text=True, check=True).stdout
    assert setup.session.rcpt(row.action).endswith(status_only_reply(row, version))
    with pytest.raises(ValueError, match="no text after the enhanced status code"):
        checked_action(row.action)
    told = effect_of(row.action).text
    assert "left in Postfix's memory" in told
    assert row.reply.partition(": ")[0] in told.replace("<recipient>", f"<{RECIPIENT}>")


def test_all_groups_are_tried() -> None:
    """Each restriction that needs something behind it has been without it above."""
    tried = {row.action for row in REFUSED}
    assert tried >= restrictions.NEED_DOMAIN | restrictions.NEED_TABLE


@pytest.mark.parametrize("row", REFUSED, ids=lambda row: row.action)
def test_what_query_says(row: Row) -> None:
    """`query` tells of such a value of an access table what Postfix does with it."""
    told = effect_of(row.action).text
    word = {PASSED_ON: "gnore|nothing", ACCEPTED: "ACCEPTED|ignores", DENIED: "ignores"}
    assert re.search(word.get(row.reply, MISTAKE), told), told


@pytest.mark.parametrize("code", ["421", "521"])
def test_codes_that_close(setup: Setup, code: str) -> None:
    """After these two smtpd closes the connection, as `query` says."""
    assert setup.session.rcpt(f"{code} {code[0]}.7.0 bye").startswith(f"{code} {code[0]}.7.0 ")
    with pytest.raises(smtplib.SMTPServerDisconnected):
        setup.session.rcpt("DUNNO")
    assert effect_of(f"{code} x").text.endswith(": x, and the connection is closed")


@pytest.mark.parametrize("code", ["422", "520"])
def test_codes_that_do_not_close(setup: Setup, code: str) -> None:
    """After others it does not."""
    assert setup.session.rcpt(f"{code} {code[0]}.7.0 x").startswith(f"{code} {code[0]}.7.0 ")
    assert setup.session.rcpt("DUNNO") == PASSED_ON
    assert "closed" not in effect_of(f"{code} x").text
