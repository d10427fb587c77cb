# SPDX-License-Identifier: MIT
"""The container's Postfix: its parameters, SMTP sessions with it, its queue, and what it delivered.

    set_up(container, {"virtual_mailbox_domains": "tcp:127.0.0.1:9001"})
    assert session(container, "user@hosted.example").replies("RCPT") == ["250 2.1.5 Ok"]

`set_up` gives Postfix a transport `store:` (pipe(8)) for the mail of its virtual domains: a program
that keeps each mail in a file, `stored()`. `sink()` is a server to deliver to instead.
"""

from __future__ import annotations

import contextlib
import json
import re
import smtplib
import time
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from integration.product import WAIT_SEC, in_network, wait_until

from harness.container import Container
from harness.container_journal import Entry
from harness.process_group import end
from harness.swaks import Session, arguments, parse

SMTP_PORT = 25
SENDER = "sender@test.example"
ACCEPTED = "250 2.1.5 Ok"
UNKNOWN = "550 5.1.1 <{}>: Recipient address rejected: User unknown in virtual mailbox table"
LOOKUP_FAILED = "451 4.3.0 <{}>: Temporary lookup failure"

_STORED = "/var/lib/stored-by-tests"
_STORE = f"""#!/bin/sh
set -eu
new=$(mktemp {_STORED}/.new.XXXXXX)
{{ printf 'X-Stored-For: %s\\n' "$1"; cat; }} >"$new"
mv "$new" "{_STORED}/mail.${{new##*.}}"
"""
_STORE_SERVICE = "store unix - n n - - pipe user=nobody argv=/etc/postfix/store ${recipient}"

_DEFAULTS = {
    # An error reply need not be slowed down.
    "smtpd_error_sleep_time": "0",
    "virtual_transport": "store:",
    "store_destination_recipient_limit": "1",
    # Where a mail waits, a flush ends the waiting, and nothing else.
    "queue_run_delay": "1000s",
    "minimal_backoff_time": "1000s",
}


# -- its configuration


def restart_postfix(container: Container) -> None:
    """Start Postfix anew, however often that has been done in the last seconds."""
    # Its start limit is 5 in 10 s, which a quick machine hits; this sets the count back, too.
    container.run("systemctl", "reset-failed")
    container.run("systemctl", "restart", "postfix.service")


def set_up(container: Container, parameters: Mapping[str, str], *services: str) -> None:
    """Start Postfix anew with PARAMETERS in main.cf and SERVICES, lines of master.cf."""
    forget_stored(container)
    container.write("/etc/postfix/store", _STORE, mode=0o755)
    settings = {**_DEFAULTS, **parameters}
    container.run("postconf", "-e", *(f"{name}={value}" for name, value in settings.items()))
    for service in (_STORE_SERVICE, *services):
        name, kind, *_ = service.split()
        container.run("postconf", "-M", f"{name}/{kind}={service}")
    restart_postfix(container)


# -- mail goes in


def session(
    container: Container, *recipients: str, sender: str = SENDER, quit_after: str = "RCPT"
) -> Session:
    """Offer a mail for RECIPIENTS by swaks(1); an empty QUIT_AFTER sends it too."""
    command = ["swaks", *arguments(SMTP_PORT, *recipients, sender=sender, quit_after=quit_after)]
    return parse(container.run(*command, check=False, timeout=100).stdout)


def rcpt(container: Container, recipient: str) -> str:
    """What smtpd replies to RCPT."""
    (reply,) = session(container, recipient).replies("RCPT")
    return reply


@contextlib.contextmanager
def dialogue(container: Container, sender: str = SENDER) -> Iterator[smtplib.SMTP]:
    """An SMTP session that waits for the test to go on, after MAIL."""
    with in_network(
        container, lambda: smtplib.SMTP("127.0.0.1", SMTP_PORT, "client.test.example", timeout=100)
    ) as client:
        client.ehlo()
        client.mail(sender)
        yield client


def said(reply: tuple[int, bytes]) -> str:
    """A reply that smtplib has parsed, as it was."""
    return f"{reply[0]} {reply[1].decode()}"


def sendmail(container: Container, *recipients: str) -> None:
    """Have Postfix take a mail for RECIPIENTS from the command line; it is in the queue then."""
    message = "Subject: test\n\nA mail of the test.\n"
    container.run("sendmail", "-f", SENDER, *recipients, input=message)


# -- where it is


class Queued(NamedTuple):
    """A mail in the queue."""

    queue: str
    recipients: dict[str, str]
    """By address: why it has not been delivered, or nothing."""


def queue(container: Container) -> list[Queued]:
    """What is in the queue."""
    lines = container.run("postqueue", "-j").stdout.splitlines()
    return [
        Queued(
            entry["queue_name"],
            {each["address"]: each.get("delay_reason", "") for each in entry["recipients"]},
        )
        for entry in map(json.loads, lines)
    ]


def drain(container: Container, timeout: float = 60) -> None:
    """Flush the queue until nothing is in it.

    More than once, because qmgr remembers for 30 s what became of the last address it asked about.
    """
    deadline = time.monotonic() + timeout
    while waiting := queue(container):
        assert time.monotonic() < deadline, f"{len(waiting)} mails are left: {waiting[:5]}"
        if all(mail.queue in ("deferred", "maildrop") for mail in waiting):
            container.run("postqueue", "-f")
        time.sleep(0.1)


def is_deferred(entry: Entry) -> bool:
    """Whether it tells of a mail that waits."""
    return "status=deferred" in entry["MESSAGE"]


def wait_for_end_of_mails(container: Container, since: str, count: int = 1) -> None:
    """Wait until COUNT mails have left the queue since a cursor of the journal."""
    container.journal.wait_for(
        "SYSLOG_IDENTIFIER=postfix/qmgr",
        since=since,
        count=count,
        condition=lambda entry: entry["MESSAGE"].endswith(": removed"),
    )


def stored(container: Container) -> list[str]:
    """The recipients of the mails that the transport `store:` has delivered, sorted."""
    return sorted(container.shell(f"cat {_STORED}/mail.* 2>/dev/null | {_RECIPIENTS} || :").split())


def forget_stored(container: Container) -> None:
    """Remove the mails that the transport `store:` has delivered."""
    container.shell(f"rm -rf {_STORED} && install -d -o nobody {_STORED}")


_RECIPIENTS = "sed -n 's/^X-Stored-For: //p'"


def log(container: Container, since: str) -> list[str]:
    """What Postfix has logged since a cursor of the journal."""
    entries = container.journal("SYSLOG_FACILITY=2", since=since)
    return [f"{entry['SYSLOG_IDENTIFIER']}: {entry['MESSAGE']}" for entry in entries]


def is_bounce(line: str) -> bool:
    """Whether a line of the log tells of a mail that is given up, or of the report about that."""
    return "status=bounced" in line or "status=expired" in line or "from=<>" in line


def troubles(container: Container, since: str) -> list[str]:
    """The warnings and errors, and the mails that bounced, in Postfix's log since a cursor."""
    bad = re.compile(r": (warning|error|fatal|panic): ")
    return [line for line in log(container, since) if bad.search(line) or is_bounce(line)]


# -- a server to deliver to


class Sink(NamedTuple):
    """A server that takes all mail (smtp-sink(1), a part of Postfix)."""

    container: Container

    def recipients(self) -> list[str]:
        """The recipients of all mails that it took, sorted; one of two mails is there twice."""
        program = f"cat {_SUNK}/* 2>/dev/null | sed -n 's/^X-Rcpt-Args: <\\(.*\\)>.*/\\1/p'"
        return sorted(self.container.shell(program).split())


_SUNK = "/run/sunk"


@contextlib.contextmanager
def sink(container: Container, port: int, *, lmtp: bool = False) -> Iterator[Sink]:
    """Run a server on PORT that speaks SMTP, or LMTP."""
    container.shell(f"rm -rf {_SUNK} && install -d -o nobody {_SUNK}")
    command = ["smtp-sink", *(["-L"] if lmtp else []), "-u", "nobody", "-d", f"{_SUNK}/mail."]
    with container.popen(*command, f"inet:127.0.0.1:{port}", "1000") as process:
        try:
            is_listening = ["ss", "-Hltn", f"sport = :{port}"]
            wait_until(lambda: container.run(*is_listening).stdout, "the sink", WAIT_SEC)
            yield Sink(container)
        finally:
            end(process)
