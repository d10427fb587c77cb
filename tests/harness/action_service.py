# SPDX-License-Identifier: MIT
"""A policy service with actions that the action firewall refuses, and what Postfix does with them.

The rows were seen with Postfix 3.7.11 and 3.10.13, whose smtpd has after the policy service only
"""

from __future__ import annotations

import contextlib
import re
import smtplib
import socketserver
import threading
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

RECIPIENT = "user@hosted.example"

_REJECTED = f"554 5.7.1 <{RECIPIENT}>: Recipient address rejected: "
ACCEPTED = "250 2.1.5 Ok"
PASSED_ON = f"{_REJECTED}passed on"
DENIED = f"{_REJECTED}Access denied"
MISTAKE = "451 4.3.5 Server configuration error"


def parameters(port: int) -> dict[str, str]:
    """The parameters of an smtpd that asks the service on PORT, and passes mail on to PASSED_ON."""
    return {
        "mynetworks": "127.0.0.0/8",
        "virtual_mailbox_domains": "hosted.example",
        "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
        "smtpd_recipient_restrictions": f"check_policy_service inet:127.0.0.1:{port}, "
        "check_recipient_access inline:{ { hosted.example = REJECT passed on } }",
        "smtpd_hard_error_limit": "1000",
        "notify_classes": "",
    }


class Row(NamedTuple):
    """An action, smtpd's reply to RCPT, and what it logs of that ("" for nothing)."""

    action: str
    reply: str
    log: str


_NO_DOMAIN = "requires domain name argument"
_NO_ADDRESS = "requires user@domain target"
_NO_HEADER = "requires header: text"
_NO_TABLE = "need maptype:mapname"
_NO_NUMBER = "must be followed by number"
_LOOKUP = "has entry with lookup table"

REFUSED = [
    Row("FILTER", PASSED_ON, "has FILTER entry without value"),
    Row("filter smtp", PASSED_ON, "requires transport:destination"),
    Row("REDIRECT", PASSED_ON, _NO_ADDRESS),
    Row("redirect someone", PASSED_ON, _NO_ADDRESS),
    Row("BCC", PASSED_ON, _NO_ADDRESS),
    Row("bcc someone", PASSED_ON, _NO_ADDRESS),
    Row("PREPEND", PASSED_ON, _NO_HEADER),
    Row("prepend X-A", PASSED_ON, _NO_HEADER),
    Row("PREPEND : b", PASSED_ON, _NO_HEADER),
    Row("PREPEND X A: b", PASSED_ON, _NO_HEADER),
    Row("PREPEND X-é: b", PASSED_ON, _NO_HEADER),
    *(
        Row(name, PASSED_ON, f"restriction {name} {_NO_DOMAIN}")
        for name in (
            "reject_rbl reject_rbl_client permit_dnswl_client reject_rhsbl_client "
            "permit_rhswl_client reject_rhsbl_reverse_client reject_rhsbl_helo reject_rhsbl_sender "
            "reject_rhsbl_recipient Reject_RBL_Client"
        ).split()
    ),
    Row("reject_non_fqdn_sender, reject_rbl_client", PASSED_ON, _NO_DOMAIN),
    Row("reject_rbl_client , ,", PASSED_ON, _NO_DOMAIN),
    Row("warn_if_reject", PASSED_ON, ""),
    Row("permit, reject", ACCEPTED, "restriction `reject' after `permit' is ignored"),
    Row("PERMIT reject", ACCEPTED, "restriction `reject' after `permit' is ignored"),
    Row("reject, permit", DENIED, "restriction `permit' after `reject' is ignored"),
    Row(",", ACCEPTED, "has empty value"),
    Row(" ", ACCEPTED, "has empty value"),
    Row("451", ACCEPTED, ""),
    *(
        Row(name, MISTAKE, f"restriction {name}: bad argument")
        for name in (
            "check_client_access check_reverse_client_hostname_access check_ccert_access "
            "check_sasl_access check_helo_access check_sender_access check_recipient_access "
            "check_etrn_access check_client_mx_access check_client_ns_access check_client_a_access "
            "check_reverse_client_hostname_mx_access check_reverse_client_hostname_ns_access "
            "check_reverse_client_hostname_a_access check_helo_mx_access check_helo_ns_access "
            "check_helo_a_access check_sender_mx_access check_sender_ns_access "
            "check_sender_a_access check_recipient_mx_access check_recipient_ns_access "
            "check_recipient_a_access"
        ).split()
    ),
    Row("check_policy_service", MISTAKE, "must be followed by transport:server"),
    Row("check_client_access x", MISTAKE, _NO_TABLE),
    Row("check_client_access static:OK", MISTAKE, _LOOKUP),
    Row("static:OK", MISTAKE, _LOOKUP),
    Row("REJECT: no", MISTAKE, _LOOKUP),
    Row("sleep", MISTAKE, _NO_NUMBER),
    Row("sleep, reject", MISTAKE, _NO_NUMBER),
    Row("reject_non_fqdn_sender, { reject }", MISTAKE, "unknown smtpd restriction"),
    Row("5.7.1 no", MISTAKE, "unknown smtpd restriction"),
]
"""What the firewall refuses."""

TAKEN = [
    Row("FILTER discard:there", PASSED_ON, "triggers FILTER discard:there"),
    Row("filter  discard:", PASSED_ON, "triggers FILTER discard:"),
    Row("REDIRECT other@example.org", PASSED_ON, "triggers REDIRECT other@example.org"),
    Row("BCC other@example.org", PASSED_ON, "triggers BCC other@example.org"),
    Row("PREPEND X-A: b", PASSED_ON, ""),
    Row("PREPEND X-A :", PASSED_ON, ""),
    Row("HOLD 4.7.1", PASSED_ON, "Recipient address 4.7.1;"),
    Row("WARN", PASSED_ON, "warn: RCPT"),
    Row("warn_if_reject, reject, permit", ACCEPTED, "reject_warning: RCPT"),
    Row("permit_auth_destination,", ACCEPTED, ""),
    Row("reject,", DENIED, ""),
    Row("sleep 1, reject", DENIED, ""),
    Row("REJECT 5.7.1 no", f"{_REJECTED}no", ""),
    Row("REJECT 5.1234.1", f"{_REJECTED}5.1234.1", ""),
]
"""What the firewall lets pass."""

STATUS_ONLY = [
    Row("REJECT 5.7.1", DENIED, ""),
    Row("reject   5.7.1", DENIED, ""),
    Row("554 5.7.1", DENIED, ""),
    Row("DEFER 4.7.1", DENIED.replace("554 5.7.1", "450 4.7.1"), ""),
    Row("450 4.2.0", DENIED.replace("554 5.7.1", "450 4.2.0"), ""),
]
"""A status code without a text: the reply is that of a Postfix that has the fix."""


_MENDED = {(3, 8): 16, (3, 9): 10, (3, 10): 9, (3, 11): 1}
SECRET = "is not to know what is said of his neighbour"


def status_only_reply(row: Row, version: str) -> str:
    """The end of the reply to a row of STATUS_ONLY, by Postfix's version.

    dsn_split() read past the end of the text, into the rest of the previous action; here the text
    of that action ends in SECRET.
    """
    major, minor, patch = map(int, re.findall(r"[0-9]+", version)[:3])
    release = (major, minor)
    is_mended = release > (3, 11) or patch >= _MENDED.get(release, patch + 1)
    return row.reply if is_mended else SECRET


class _Service(socketserver.ThreadingTCPServer):
    daemon_threads = True
    allow_reuse_address = True
    said = b""


class _Connection(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        for line in self.rfile:
            if line == b"\n":
                self.wfile.write(b"action=%s\n\n" % self.server.said)


class Session:
    """An SMTP session whose recipients get the actions that the test wants."""

    def __init__(self, client: smtplib.SMTP, service: _Service) -> None:
        self._client = client
        self._service = service
        client.helo()
        client.mail("sender@test.example")

    def rcpt(self, action: str) -> str:
        """The reply to RCPT if the policy service replies with ACTION."""
        self._service.said = action.encode()
        code, text = self._client.rcpt(RECIPIENT)
        return f"{code} {text.decode()}"


class ActionService:
    """The policy service, listening on `port` of loopback until the end of the context."""

    def __init__(self) -> None:
        self._server = _Service(("127.0.0.1", 0), _Connection)
        self.port: int = self._server.server_address[1]

    @contextlib.contextmanager
    def running(self) -> Iterator[None]:
        """Answer, and end with the context."""
        with self._server:
            thread = threading.Thread(
                target=self._server.serve_forever, kwargs={"poll_interval": 0.02}
            )
            thread.start()
            try:
                yield
            finally:
                self._server.shutdown()
                thread.join()

    @contextlib.contextmanager
    def session(self, client: smtplib.SMTP) -> Iterator[Session]:
        """A session over an open connection to smtpd, which is closed at the end."""
        with contextlib.closing(client):
            yield Session(client, self._server)
