# SPDX-License-Identifier: MIT
"""What Postfix does with a reply, by the parameter that names the table. Pure functions.

The sources of the rules, in Postfix's source code:

- util/dict_tcp.c: any failure, and each code that begins with 4, is a temporary error; ten tries.
- util/dict_sockmap.c: TEMP, TIMEOUT and any failure are temporary errors, PERM is an error of the
  configuration; after an end of file there is one more try, without a pause.
- util/match_ops.c (match_string), global/domain_list.c: in a list of domains, any value is a match.
- smtpd/smtpd_check.c: check_mail_addr_find() and check_access() tell the two kinds of errors
  apart (reject_dict_retry, reject_server_error); check_rcpt_maps() and smtpd_check_rcpt() refuse
  unknown recipients; reject_auth_sender_login_mismatch() compares logins;
  check_policy_service() has the tries and the default action of a policy service.
- trivial-rewrite/resolve.c and transport.c: an error of a list of domains or of transport_maps
  makes the address fail (RESOLVE_FLAG_FAIL), whatever kind of error it is.
- cleanup/cleanup_map1n.c: values of virtual_alias_maps are addresses, separated by commas;
  cleanup_map11.c takes the first of several, cleanup_addr.c the whole text of a bcc map for one.
- smtp/smtp_tls_policy.c: an error of smtp_tls_policy_maps defers the mail.

The replies of smtpd(8) to RCPT were observed with Postfix 3.7.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask.actions import BAD, DOUBTFUL, GOOD, effect_of
from postfix_rest_inetd.admin.ask.keys import asks
from postfix_rest_inetd.admin.protocols import SIDES
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.ask.codec import Answer

DOMAINS = "virtual_mailbox_domains, virtual_alias_domains, relay_domains, mydestination"
RECIPIENTS = "virtual_mailbox_maps, relay_recipient_maps, local_recipient_maps"
ALIASES = "virtual_alias_maps"
TRANSPORTS = "transport_maps"
REWRITES = "canonical_maps, sender_canonical_maps, recipient_canonical_maps"
COPIES = "sender_bcc_maps, recipient_bcc_maps"
RELAYHOSTS = "sender_dependent_relayhost_maps"
TLS = "smtp_tls_policy_maps"
LOGINS = "smtpd_sender_login_maps"
ACCESS = "check_*_access"
POLICY = "check_policy_service"


class Rule(NamedTuple):
    """What Postfix does with the reply of a table or a policy service in some parameters."""

    parameters: str
    text: str
    tone: str


_RETRY = "451 4.3.0 <recipient>: Temporary lookup failure"
_NOT_WRITTEN = "451 4.3.0 Error: queue file write error, at the end of the mail"
_SERVER_ERROR = "451 4.3.5 Server configuration error"
_ACCESS_ERROR = "451 4.3.5 <recipient>: Recipient address rejected: Server configuration error"
_POLICY_DEFAULT = "451 4.3.5 <recipient>: Recipient address rejected: Server configuration problem"

_NOT_FOUND = (
    (
        DOMAINS,
        (
            "no match; 454 4.7.1 Relay access denied, if no other table has the domain "
            "(554 5.7.1 with reject_unauth_destination)"
        ),
        DOUBTFUL,
    ),
    (
        RECIPIENTS,
        (
            "no such recipient, if no map of aliases or canonical addresses has it: the mail "
            "bounces with 550 5.1.1 <recipient>: Recipient address rejected: User unknown"
        ),
        BAD,
    ),
    (ALIASES, "no alias: the address stays as it is", GOOD),
    (TRANSPORTS, "no entry: the transport of the address's class is used", GOOD),
    (REWRITES, "no entry: the address stays as it is", GOOD),
    (COPIES, "no copy is sent", GOOD),
    (RELAYHOSTS, "no entry: relayhost is used, if there is one", GOOD),
    (TLS, "no entry: smtp_tls_security_level is used", GOOD),
    (
        LOGINS,
        (
            "nobody owns the sender address; 553 5.7.1 to a client that has logged in, with "
            "reject_sender_login_mismatch"
        ),
        DOUBTFUL,
    ),
    (ACCESS, "no decision: the next restriction is evaluated", GOOD),
)


def of_answer(mode: str, answer: Answer) -> list[Rule]:
    """What Postfix does with a reply that it understands."""
    text = answer.text.decode(errors="backslashreplace")
    if not is_lookup(mode):
        effect = effect_of(text)
        return [Rule(POLICY, effect.text, effect.tone)]
    if answer.kind == model.REPLY_VALUE:
        return _of_value(text)
    if answer.kind == model.REPLY_NOT_FOUND:
        return [Rule(*rule) for rule in _NOT_FOUND]
    return _of_error(permanent=answer.kind == model.REPLY_PERMANENT)


def for_key(rules: list[Rule], key: str) -> list[Rule]:
    """The rules for the parameters that look up keys of this form (keys.py), or else all rules."""
    found = []
    for rule in rules:
        kept = [name for name in rule.parameters.split(", ") if asks(name, key)]
        if kept:
            found.append(rule._replace(parameters=", ".join(kept)))
    return found or rules


def of_silence(mode: str, *, close: bool = True) -> list[Rule]:
    """What Postfix does if it gets no reply, or one that it cannot use.

    `close`: has the connection ended, or could it not be made? Otherwise the time has run out, or
    the data that arrived is not a reply.
    """
    side = SIDES[mode]
    tries = side.TRIES_AFTER_CLOSE if close else side.TRIES
    if not is_lookup(mode):
        return [Rule(POLICY, f"{tries}the mail is deferred with {_POLICY_DEFAULT}", BAD)]
    return [
        rule._replace(text=f"{tries}{rule.text}", tone=BAD) for rule in _of_error(permanent=False)
    ]


def _of_value(text: str) -> list[Rule]:
    addresses = ", ".join(part.strip() for part in text.split(",") if part.strip())
    logins = ", ".join(text.replace(",", " ").split())
    effect = effect_of(text)
    return [
        Rule(DOMAINS, "match: the domain is one of ours; the value does not matter", GOOD),
        Rule(RECIPIENTS, "the recipient exists; smtpd(8) does not look at the value", GOOD),
        Rule(ALIASES, f"the recipient is replaced by {addresses}", GOOD),
        Rule(TRANSPORTS, _transport(text), GOOD),
        Rule(REWRITES, *_rewritten(text)),
        Rule(COPIES, *_copied(text)),
        Rule(RELAYHOSTS, f"the mail of this sender goes to the next hop {text}", GOOD),
        Rule(TLS, f"the TLS policy for this destination is {text}", GOOD),
        Rule(LOGINS, f"the sender address belongs to the login {logins}", GOOD),
        Rule(ACCESS, effect.text, effect.tone),
    ]


def _rewritten(text: str) -> tuple[str, str]:
    first, *others = [part.strip() for part in text.split(",") if part.strip()] or [text]
    if others:
        return f"the address is replaced by {first}; the other values are ignored", BAD
    return f"the address is replaced by {first}", GOOD


def _copied(text: str) -> tuple[str, str]:
    if "," in text:
        return "a copy goes to one bad address made of all values, and bounces", BAD
    return f"a copy goes to {text}", GOOD


def _transport(text: str) -> str:
    """As transport(5) has it; only the first colon counts."""
    transport, _, nexthop = text.partition(":")
    if not transport and not nexthop:
        return "as if there were no entry"
    channel = f"transport {transport}" if transport else "the transport of the address's class"
    return f"the mail goes by {channel}, next hop {nexthop or 'the domain of the recipient'}"


def _of_error(*, permanent: bool) -> list[Rule]:
    tables, addresses = f"{DOMAINS}, {TRANSPORTS}", f"{RECIPIENTS}, {ALIASES}, {LOGINS}"
    effects = {f"{tables}, {addresses}": _RETRY}
    if permanent:
        effects = {tables: _RETRY, addresses: _SERVER_ERROR}
    effects[ACCESS] = _ACCESS_ERROR
    effects[RELAYHOSTS] = _RETRY
    at_rcpt = _SERVER_ERROR if permanent else _RETRY
    effects[REWRITES] = f"{at_rcpt}, or with {_NOT_WRITTEN}"
    effects[COPIES] = _NOT_WRITTEN
    effects[TLS] = "4.7.5 client TLS configuration problem, in the queue"
    return [
        Rule(parameters, f"the mail is deferred with {reply}", DOUBTFUL)
        for parameters, reply in effects.items()
    ]
