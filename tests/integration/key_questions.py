# SPDX-License-Identifier: MIT
"""A Postfix all of whose tables are remote, and the mails that make it ask them.

Each parameter that may have such a table has one of its own (key_recorder.py), all at once. There
is a domain for each class of addresses; its names and those of users are written in mixed case.
`ask_all` sends the mails, one after the other, and tells for each what was asked.
"""

from __future__ import annotations

import smtplib

from integration.mail import set_up, wait_for_end_of_mails
from integration.product import WAIT_SEC, in_network, wait_until

from harness.container import Container
from harness.key_recorder import LOGIN_SOCKET, Asked, KeyRecorder
from harness.process_group import end
from postfix_rest_inetd.admin.ask.keys import MAILS, Mail

ACCESS = {
    "client": ("check_client_access", "check_reverse_client_hostname_access"),
    "helo": ("check_helo_access",),
    "sender": ("check_sasl_access", "check_sender_access"),
    "recipient": ("check_recipient_access",),
    "etrn": ("check_etrn_access",),
}
"""The access tables, by the list of restrictions in which they are used."""

PARAMETERS = """
mydestination virtual_alias_domains virtual_mailbox_domains relay_domains
local_recipient_maps virtual_mailbox_maps relay_recipient_maps virtual_alias_maps relocated_maps
canonical_maps sender_canonical_maps recipient_canonical_maps sender_bcc_maps recipient_bcc_maps
transport_maps sender_dependent_relayhost_maps sender_dependent_default_transport_maps
smtpd_sender_login_maps smtpd_client_event_limit_exceptions smtpd_milter_maps
smtp_sasl_password_maps smtp_tls_policy_maps smtp_generic_maps
""".split()

_SETTINGS = {
    "inet_interfaces": "127.0.0.1",
    "inet_protocols": "ipv4",
    "myhostname": "Mail.Own.Example",
    "myorigin": "Own.Example",
    "mynetworks": "127.0.0.0/8",
    "recipient_delimiter": "+",
    # Names are looked up in /etc/hosts alone.
    "smtp_dns_support_level": "disabled",
    "smtp_host_lookup": "native",
    "local_transport": "discard:",
    "virtual_transport": "discard:",
    "default_transport": "discard:",
    "relay_transport": "smtp:",
    "smtp_tls_security_level": "may",
    "smtp_sasl_auth_enable": "yes",
    "smtp_sasl_security_options": "",
    "smtp_sender_dependent_authentication": "yes",
    "smtpd_sasl_auth_enable": "yes",
    "smtpd_sasl_type": "dovecot",
    "smtpd_sasl_path": LOGIN_SOCKET,
    "smtputf8_enable": "yes",
    "local_header_rewrite_clients": "static:all",
    "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
}

HOST = "127.0.0.2"
_HOSTS = f"{HOST} sub.r.example mx.r.example\n"

TABLES = {
    "mydestination": {"sub.l.example": "x", "own.example": "x"},
    "virtual_alias_domains": {"sub.v.example": "x"},
    "virtual_mailbox_domains": dict.fromkeys(
        ("sub.m.example", "xn--bcher-kva.example", "bücher.example"), "x"
    ),
    "relay_domains": {"sub.r.example": "x"},
    "virtual_alias_maps": dict.fromkeys(
        (MAILS["alias"].recipient, MAILS["alias"].recipient.lower()), "Bob+X@Sub.O.Example"
    ),
    "transport_maps": {MAILS["next hop"].recipient: "smtp:[mx.r.example]:25"},
}
_EXISTING = ("local_recipient_maps", "virtual_mailbox_maps", "relay_recipient_maps")


def tables() -> dict[str, dict[str, str]]:
    """What each table has; recipients exist as smtpd(8) asks for them."""
    names = [*PARAMETERS, *(name for names in ACCESS.values() for name in names)]
    found = {name: dict(TABLES.get(name, {})) for name in names}
    keys = [mail.recipient.lower().replace('"', "") for mail in MAILS.values()]
    keys.append("carl@own.example")
    for name in _EXISTING:
        found[name] = dict.fromkeys(keys, "x")
    return found


def use(container: Container, recorder: KeyRecorder, way: str) -> None:
    """Have the container's Postfix ask the recorder for everything."""
    settings = {name: recorder.table(way, name) for name in PARAMETERS}
    for kind, names in ACCESS.items():
        checks = ", ".join(f"{name} {recorder.table(way, name)}" for name in names)
        settings[f"smtpd_{kind}_restrictions"] = checks
    settings["smtpd_sender_restrictions"] += ", reject_known_sender_login_mismatch"
    set_up(container, {**settings, **_SETTINGS})


def ask_all(container: Container, recorder: KeyRecorder, way: str) -> dict[str, Asked]:
    """What is asked for each of MAILS, and for the ETRN command."""
    container.shell(f"cp -p /etc/hosts /etc/hosts.kept; printf '%s' '{_HOSTS}' >>/etc/hosts")
    try:
        with container.popen("smtp-sink", "-u", "nobody", f"{HOST}:25", "1000") as sink:
            try:
                listening = ["ss", "-Hltn", f"src {HOST}:25"]
                wait_until(lambda: container.run(*listening).stdout, "the sink", WAIT_SEC)
                use(container, recorder, way)
                found = {name: _sent(container, recorder, mail) for name, mail in MAILS.items()}
                in_network(container, _etrn)
                return {**found, "etrn": recorder.take()}
            finally:
                end(sink)
    finally:
        container.run("mv", "/etc/hosts.kept", "/etc/hosts")


def _sent(container: Container, recorder: KeyRecorder, mail: Mail) -> Asked:
    """What is asked while a mail is accepted and delivered."""
    since = container.journal.cursor()
    send(container, mail)
    wait_for_end_of_mails(container, since)
    return recorder.take()


def send(container: Container, mail: Mail) -> None:
    """Send a mail, which is accepted."""
    said = replies(container, mail)
    assert [reply.split()[0] for reply in said] == ["235", "250", "250", "250"], said


def replies(container: Container, mail: Mail) -> list[str]:
    """What smtpd says to AUTH, MAIL, RCPT, and the end of the mail or DATA."""
    return in_network(container, lambda: _replies(mail))


def _replies(mail: Mail) -> list[str]:
    with smtplib.SMTP("127.0.0.1", 25, "Client.Example", timeout=WAIT_SEC) as client:
        client.ehlo()
        client.command_encoding = "utf-8"
        option = "" if mail.recipient.isascii() else " SMTPUTF8"
        said = [
            client.docmd("AUTH", "PLAIN AGFubgB4"),
            client.docmd("MAIL", f"FROM:<{mail.sender}>{option}"),
            client.docmd("RCPT", f"TO:<{mail.recipient}>"),
            client.docmd("DATA"),
        ]
        if said[-1][0] == 354:
            client.send(b"From: Head@Er.Example\r\nSubject: test\r\n\r\n.\r\n")
            said[-1] = client.getreply()
    return [f"{code} {text.decode()}" for code, text in said]


def _etrn() -> None:
    with smtplib.SMTP("127.0.0.1", 25, "Client.Example", timeout=WAIT_SEC) as client:
        client.ehlo()
        client.docmd("ETRN", "Sub.R.Example")
