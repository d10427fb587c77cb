# SPDX-License-Identifier: MIT
"""The keys that Postfix looks up in a tcp: or socketmap: table, by parameter.

postfix-rest-inetd-keys(7) shows TABLE and FORMS in the form that `shown()` gives them. `query` uses
them to tell which parameters look up a key of a given form. tests/integration/test_keys.py compares
each line with the Postfix of each Debian release. Postfix looks up only whole addresses and names
in such tables, because they are pattern dictionaries: util/dict_tcp.c and util/dict_sockmap.c set
DICT_FLAG_PATTERN, and global/mail_addr_find.c looks up partial keys in fixed-string dictionaries
only.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Mail(NamedTuple):
    """The envelope of a mail that makes Postfix look up keys."""

    sender: str
    recipient: str


class Question(NamedTuple):
    """The keys that one program looks up in the table of one parameter for one of MAILS."""

    mail: str
    parameter: str
    program: str
    keys: tuple[str, ...]


_SENDER = "Ann+X@B.Example"

# The letter stands for the class of the domain; Eve's next hop is [mx.r.example]:25.
MAILS = {
    "local": Mail(_SENDER, "Bob+X@Sub.L.Example"),
    "alias": Mail(_SENDER, "Bob+X@Sub.V.Example"),
    "mailbox": Mail(_SENDER, "Bob+X@Sub.M.Example"),
    "relay": Mail(_SENDER, "Bob+X@Sub.R.Example"),
    "next hop": Mail(_SENDER, "Eve+X@Sub.R.Example"),
    "other": Mail(_SENDER, "Bob+X@Sub.O.Example"),
    "null": Mail("", "Bob@Sub.M.Example"),
    "null, relay": Mail("", "Bob@Sub.R.Example"),
    "null, other": Mail("", "Bob@Sub.O.Example"),
    "quoted": Mail('"E f"@B.Example', '"C d"@Sub.M.Example'),
    "quotable": Mail('"Ef"@B.Example', '"Cd"@Sub.M.Example'),
    "unqualified": Mail("Root", "Carl"),
    "literal": Mail("Ann@[127.0.0.9]", "Bob@[127.0.0.9]"),
    "A-label": Mail("Ann@XN--Bcher-KVA.Example", "Bob@XN--Bcher-KVA.Example"),
    "UTF-8": Mail("Österreich@Bücher.Example", "Jörg.Ä@Bücher.Example"),
}

_SMTPD, _CLEANUP, _REWRITE, _SMTP = "smtpd", "cleanup", "trivial-rewrite", "smtp"
_DOMAINS = ("b.example", "sub.m.example")
_BOTH = (_SENDER, "Bob+X@Sub.M.Example")
_TO, _TO_FOLDED = ("Bob+X@Sub.M.Example",), ("bob+x@sub.m.example",)
_HEADER = "Head@Er.Example"
_CLIENT = ("localhost", "127.0.0.1")

TABLE = (
    Question("mailbox", "mydestination", _SMTPD, _DOMAINS),
    Question("mailbox", "mydestination", _REWRITE, _DOMAINS),
    Question("mailbox", "mydestination", _CLEANUP, (*_DOMAINS, "er.example")),
    Question("mailbox", "virtual_alias_domains", _REWRITE, _DOMAINS),
    Question("mailbox", "virtual_mailbox_domains", _REWRITE, _DOMAINS),
    Question("mailbox", "relay_domains", _REWRITE, _DOMAINS),
    Question("local", "local_recipient_maps", _SMTPD, ("bob+x@sub.l.example",)),
    Question("mailbox", "virtual_mailbox_maps", _SMTPD, _TO_FOLDED),
    Question("relay", "relay_recipient_maps", _SMTPD, ("bob+x@sub.r.example",)),
    Question("mailbox", "virtual_alias_maps", _SMTPD, _TO_FOLDED),
    Question("mailbox", "virtual_alias_maps", _CLEANUP, _TO),
    Question("mailbox", "canonical_maps", _SMTPD, _TO_FOLDED),
    Question("mailbox", "canonical_maps", _CLEANUP, (*_BOTH, _HEADER)),
    Question("mailbox", "sender_canonical_maps", _CLEANUP, (_SENDER, _HEADER)),
    Question("mailbox", "recipient_canonical_maps", _SMTPD, _TO_FOLDED),
    Question("mailbox", "recipient_canonical_maps", _CLEANUP, _TO),
    Question("mailbox", "sender_bcc_maps", _CLEANUP, (_SENDER,)),
    Question("mailbox", "recipient_bcc_maps", _CLEANUP, _TO),
    Question("mailbox", "relocated_maps", _REWRITE, _BOTH),
    Question("mailbox", "transport_maps", _REWRITE, ("*", *_BOTH)),
    Question(
        "relay",
        "sender_dependent_relayhost_maps",
        _REWRITE,
        (_SENDER, "Bob+X@Sub.R.Example"),
    ),
    Question(
        "other",
        "sender_dependent_default_transport_maps",
        _REWRITE,
        (_SENDER, "Bob+X@Sub.O.Example"),
    ),
    Question("relay", "smtp_tls_policy_maps", _SMTP, ("Sub.R.Example", ".R.Example", ".Example")),
    Question("next hop", "smtp_tls_policy_maps", _SMTP, ("[mx.r.example]:25",)),
    Question("relay", "smtp_sasl_password_maps", _SMTP, (_SENDER, "Sub.R.Example")),
    Question(
        "next hop",
        "smtp_sasl_password_maps",
        _SMTP,
        (_SENDER, "mx.r.example", "[mx.r.example]:25"),
    ),
    Question("relay", "smtp_generic_maps", _SMTP, (_SENDER, "Bob+X@Sub.R.Example", _HEADER)),
    Question("mailbox", "smtpd_sender_login_maps", _SMTPD, ("ann+x@b.example",)),
    Question("mailbox", "smtpd_client_event_limit_exceptions", _SMTPD, _CLIENT),
    Question("mailbox", "smtpd_milter_maps", _SMTPD, ("127.0.0.1",)),
    Question("mailbox", "check_client_access", _SMTPD, _CLIENT),
    Question("mailbox", "check_reverse_client_hostname_access", _SMTPD, _CLIENT),
    Question("mailbox", "check_helo_access", _SMTPD, ("Client.Example",)),
    Question("mailbox", "check_sasl_access", _SMTPD, ("Login",)),
    Question("mailbox", "check_sender_access", _SMTPD, ("ann+x@b.example",)),
    Question("mailbox", "check_recipient_access", _SMTPD, _TO_FOLDED),
    Question("etrn", "check_etrn_access", _SMTPD, ("Sub.R.Example",)),
)
"""Ordinary addresses. `*` comes when trivial-rewrite(8) starts, and every 30 s (transport.c)."""

_NULL = ('"<>"', "<>")

FORMS = (
    Question("null", "check_sender_access", _SMTPD, ("<>",)),
    Question("null", "smtpd_sender_login_maps", _SMTPD, ()),
    Question("null", "sender_canonical_maps", _CLEANUP, ('""', _HEADER)),
    Question("null", "sender_bcc_maps", _CLEANUP, ()),
    Question("null, relay", "sender_dependent_relayhost_maps", _REWRITE, _NULL),
    Question("null, other", "sender_dependent_default_transport_maps", _REWRITE, _NULL),
    Question("quoted", "virtual_alias_maps", _SMTPD, ('"c d"@sub.m.example', "c d@sub.m.example")),
    Question("quoted", "virtual_alias_maps", _CLEANUP, ('"C d"@Sub.M.Example',)),
    Question(
        "quoted", "recipient_bcc_maps", _CLEANUP, ('"C d"@Sub.M.Example', "C d@Sub.M.Example")
    ),
    Question(
        "quoted", "virtual_mailbox_maps", _SMTPD, ('"c d"@sub.m.example', "c d@sub.m.example")
    ),
    Question("quotable", "virtual_mailbox_maps", _SMTPD, ("cd@sub.m.example",)),
    Question("quotable", "virtual_alias_maps", _CLEANUP, ("Cd@Sub.M.Example",)),
    Question("unqualified", "check_recipient_access", _SMTPD, ("carl@own.example",)),
    Question("unqualified", "virtual_alias_maps", _CLEANUP, ("Carl@Own.Example",)),
    Question("literal", "check_recipient_access", _SMTPD, ("bob@[127.0.0.9]",)),
    Question("literal", "virtual_alias_maps", _CLEANUP, ("Bob@[127.0.0.9]",)),
    Question("literal", "relay_domains", _REWRITE, ("[127.0.0.9]",)),
    Question("A-label", "virtual_mailbox_domains", _REWRITE, ("xn--bcher-kva.example",)),
    Question("A-label", "virtual_mailbox_maps", _SMTPD, ("bob@xn--bcher-kva.example",)),
    Question("A-label", "virtual_alias_maps", _CLEANUP, ("Bob@XN--Bcher-KVA.Example",)),
    Question("UTF-8", "virtual_mailbox_domains", _REWRITE, ("bücher.example",)),
    Question("UTF-8", "virtual_mailbox_maps", _SMTPD, ("jörg.ä@bücher.example",)),
    Question("UTF-8", "virtual_alias_maps", _CLEANUP, ("Jörg.Ä@Bücher.Example",)),
)
"""Other forms of addresses, each with the parameters that show how the programs differ."""


def shown(questions: Iterable[Question]) -> str:
    """The lines of a table: parameter, program, and the keys, one below the other."""
    lines, before = [], ""
    for question in questions:
        if question.parameter != before:
            lines.append(question.parameter)
        before = question.parameter
        keys = question.keys or ("(nothing)",)
        lines += [f"  {question.program:16}{keys[0]}", *(f"{'':18}{key}" for key in keys[1:])]
    return "".join(f"{line}\n" for line in lines)


# -- forms of keys

ADDRESS, NAME, PARENT, NETWORK, NEXTHOP, NULL, WILDCARD = FORMS_OF_KEYS = (
    "an address",
    "a name",
    "a parent domain",
    "a network address",
    "a next hop",
    "the null sender",
    "the wildcard",
)


def form_of(key: str) -> str:
    """Which of FORMS_OF_KEYS a key has; a key that fits no other form is a name."""
    return next((form for form, pattern in _PATTERNS if pattern.search(key)), NAME)


_PATTERNS = tuple(
    (form, re.compile(pattern, re.DOTALL))
    for form, pattern in (
        (WILDCARD, r"^\*\Z"),
        (NULL, r'^(?:""|"<>"|<>)\Z'),
        (ADDRESS, r"@"),
        (NEXTHOP, r"^\[|[^:]:\d+\Z"),
        (PARENT, r"^\."),
        (NETWORK, r"^\d+(?:\.\d+){3}\Z|:.*:"),
    )
)

# The domain of an address literal, which a list of domains may be asked for, has the form of a next
# hop. But no list of domains is asked for next hops.
_FORMS: dict[str, set[str]] = {}
for _question in (*TABLE, *(row for row in FORMS if row.mail != "literal")):
    _FORMS.setdefault(_question.parameter, set()).update(form_of(key) for key in _question.keys)


def asks(parameter: str, key: str) -> bool:
    """Does Postfix ask the table of this parameter for keys of this form?

    `check_*_access` stands for all access tables, and so does one that is not in TABLE.
    """
    form = form_of(key)
    if parameter not in _FORMS:
        return any(form in _FORMS[name] for name in _FORMS if name.startswith("check_"))
    return form in _FORMS[parameter]


def notes(key: str) -> list[str]:
    """Notes on a key: its origin, and the other keys that Postfix looks up."""
    form = form_of(key)
    found = [] if form not in _NOTES else [_NOTES[form]]
    if form == NAME and "." in key:
        parents = [key[index:] for index, letter in enumerate(key) if letter == "." and index]
        found.append(f"smtp_tls_policy_maps continues with {', '.join(parents)}.")
    if form == ADDRESS:
        found += _address_notes(key)
    return found


_NOTES = {
    NAME: (
        "Postfix asks for a whole name; for its parent domains only in smtp_tls_policy_maps. "
        "The lists of domains get it in lower case, others as it was written."
    ),
    PARENT: "Only smtp_tls_policy_maps asks for parent domains.",
    NEXTHOP: "Postfix asks for it as the transport has it, with nothing after it.",
    NULL: (
        'The sender of bounces is <> in access tables, "" in canonical maps, and "<>" and then <> '
        "in sender_dependent maps."
    ),
    WILDCARD: (
        "trivial-rewrite(8) asks transport_maps for * before anything else: an error defers all "
        "mail."
    ),
}


def _address_notes(key: str) -> list[str]:
    local, _, domain = key.rpartition("@")
    if not local or not domain:
        return ["Postfix never asks these tables for @domain, nor for user@: only whole addresses."]
    found = [f"This is all Postfix asks for the address: neither @{domain} nor {local}@ follows."]
    bare = local.partition("+")[0]
    if bare and bare != local and not local.startswith('"'):
        found.append(
            f"{bare}@{domain} does not follow either, whatever recipient_delimiter is: the backend "
            f"has to know."
        )
    if key != key.lower():
        found.append(
            f"smtpd(8) asks for {key.lower()}, the other programs for {key} as it was written: "
            f"both need the same answer."
        )
    if re.fullmatch(r'".*"', local):
        unquoted = re.sub(r"\\(.)", r"\1", local[1:-1])
        found.append(
            f"If nothing is found, smtpd(8), trivial-rewrite(8) and the bcc maps ask "
            f"without quotes: {unquoted}@{domain}. cleanup(8) does not for its other maps."
        )
    return found
