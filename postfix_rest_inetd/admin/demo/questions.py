# SPDX-License-Identifier: MIT
"""The endpoints of the demo, and its questions with their right replies."""

from __future__ import annotations

from typing import NamedTuple

from postfix_rest_inetd.admin.demo.backend import BROKEN


class Endpoint(NamedTuple):
    """An endpoint of the demo; its port is the first one plus its place in ENDPOINTS."""

    name: str
    mode: str
    path: str


class Question(NamedTuple):
    """What Postfix sends because of a line in main.cf, and the right reply."""

    endpoint: str
    title: str
    main_cf: str
    request: bytes
    reply: bytes
    meaning: str


ENDPOINTS = (
    Endpoint("domains", "tcp-lookup", "/domains"),
    Endpoint("maps", "socketmap-lookup", "/maps"),
    Endpoint("policy", "policy", "/policy"),
)
POLICY_REQUEST = (  # some of the 29 attributes of Postfix 3.7
    b"request=smtpd_access_policy\nprotocol_state=RCPT\nclient_address=192.0.2.25\n"
    b"helo_name=mail.spam.example\nsender=offers@spam.example\n"
    b"recipient=alice@example.org\nsize=31337\nsasl_username=\n\n"
)
QUESTIONS = (
    Question(
        "domains",
        "tcp-lookup: is example.org a domain of ours?",
        "virtual_mailbox_domains = tcp:{address}",
        b"get example.org\n",
        b"200 example.org\n",
        "virtual_mailbox_domains: match. Mail for example.org is accepted here.",
    ),
    Question(
        "maps",
        "socketmap-lookup: who gets mail for info@example.org?",
        "virtual_alias_maps = socketmap:inet:{address}:alias",
        b"22:alias info@example.org,",
        b"36:OK alice@example.org,bob@example.org,",
        "virtual_alias_maps: two addresses. Alice and Bob get the mail.",
    ),
    Question(
        "policy",
        "policy: may offers@spam.example write to alice@example.org?",
        "smtpd_recipient_restrictions = ...,\n    check_policy_service inet:{address}",
        POLICY_REQUEST,
        b"action=REJECT mail from spam.example is not welcome here\n\n",
        "554 5.7.1 <alice@example.org>: Recipient address rejected: mail from spam.example "
        "is not welcome here",
    ),
    Question(
        "domains",
        "And when the backend fails? (it answers 500 to " + BROKEN + ")",
        "virtual_mailbox_domains = tcp:{address}",
        b"get " + BROKEN.encode() + b"\n",
        b"400 REST%20server%20had%20an%20internal%20error:%20500\n",
        "a temporary error, never 'not found': 451 4.3.0 Temporary lookup failure. "
        "The sending server tries again later; no mail is lost or bounced.",
    ),
)
