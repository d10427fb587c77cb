# SPDX-License-Identifier: MIT
"""What is told of a reply. That Postfix does it is tested in tests/postfix/test_query_rules.py."""

from __future__ import annotations

import pytest

from harness.modes import POLICY, SOCKETMAP, TCP
from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask import effects
from postfix_rest_inetd.admin.ask.actions import BAD, DOUBTFUL, GOOD, effect_of
from postfix_rest_inetd.admin.ask.codec import Answer

ALL = {
    *("virtual_mailbox_domains", "virtual_alias_domains", "relay_domains", "virtual_mailbox_maps"),
    *("relay_recipient_maps", "virtual_alias_maps", "transport_maps", "smtpd_sender_login_maps"),
    *("mydestination", "local_recipient_maps"),
    *("canonical_maps", "sender_canonical_maps", "recipient_canonical_maps", "sender_bcc_maps"),
    *("recipient_bcc_maps", "sender_dependent_relayhost_maps", "smtp_tls_policy_maps"),
    "check_*_access",
}


def by_parameter(rules: list[effects.Rule]) -> dict[str, str]:
    """The text for each parameter; each must be there once."""
    pairs = [(name, rule.text) for rule in rules for name in rule.parameters.split(", ")]
    assert len(dict(pairs)) == len(pairs)
    return dict(pairs)


@pytest.mark.parametrize("kind", ["value", "not-found", "temporary", "timeout", "permanent"])
@pytest.mark.parametrize("mode", [TCP, SOCKETMAP])
def test_every_parameter_has_a_rule(mode, kind):
    """Whatever the reply, something is said for each parameter that may have the table."""
    rules = effects.of_answer(mode, Answer(kind, "x", b"text"))
    assert set(by_parameter(rules)) == ALL


def test_value():
    """A value is what each parameter makes of it."""
    rules = by_parameter(
        effects.of_answer(TCP, Answer("value", "200", b"a@example.org, b@example.org"))
    )
    assert rules["virtual_mailbox_domains"].startswith("match:")
    assert (
        rules["virtual_alias_maps"] == "the recipient is replaced by a@example.org, b@example.org"
    )
    assert rules["smtpd_sender_login_maps"].endswith("the login a@example.org, b@example.org")


@pytest.mark.parametrize(
    "value, text",
    [
        ("smtp:[mx.example.org]:26", "by transport smtp, next hop [mx.example.org]:26"),
        ("lmtp:unix:private/lmtp", "by transport lmtp, next hop unix:private/lmtp"),
        ("smtp:", "by transport smtp, next hop the domain of the recipient"),
        ("smtp", "by transport smtp, next hop the domain of the recipient"),
        (":mx.example.org", "by the transport of the address's class, next hop mx.example.org"),
        (":", "as if there were no entry"),
    ],
)
def test_transport(value, text):
    """A value of transport_maps is taken apart as transport(5) has it."""
    rules = by_parameter(effects.of_answer(TCP, Answer("value", "200", value.encode())))
    assert rules["transport_maps"].removeprefix("the mail goes ") == text


def test_errors():
    """All errors defer the mail; a permanent one of a socketmap is called a configuration error."""
    temporary = by_parameter(effects.of_answer(SOCKETMAP, Answer("temporary", "TEMP", b"x")))
    permanent = by_parameter(effects.of_answer(SOCKETMAP, Answer("permanent", "PERM", b"x")))
    for rules in (temporary, permanent):
        assert all(text.startswith("the mail is deferred with 4") for text in rules.values())
    different = {name for name in ALL if temporary[name] != permanent[name]}
    assert different == {
        *("virtual_mailbox_maps", "relay_recipient_maps", "virtual_alias_maps"),
        *("smtpd_sender_login_maps", "canonical_maps", "sender_canonical_maps"),
        *("local_recipient_maps", "recipient_canonical_maps"),
    }


@pytest.mark.parametrize(
    "parameter, value, tone, words",
    [
        ("canonical_maps", "a@x.example", GOOD, "replaced by a@x.example"),
        ("canonical_maps", "a@x.example,b@x.example", BAD, "a@x.example; the other values are"),
        ("recipient_bcc_maps", "a@x.example", GOOD, "a copy goes to a@x.example"),
        ("sender_bcc_maps", "a@x.example,b@x.example", BAD, "one bad address"),
    ],
)
def test_several_values(parameter, value, tone, words):
    """Where a list is not several values, it is told."""
    rules = effects.of_answer(TCP, Answer("value", "200", value.encode()))
    (rule,) = [rule for rule in rules if parameter in rule.parameters.split(", ")]
    assert words in rule.text
    assert rule.tone == tone


@pytest.mark.parametrize(
    "key, parameters",
    [
        ("*", {"transport_maps"}),
        (".example.org", {"smtp_tls_policy_maps"}),
        ("[mx.example.org]:25", {"smtp_tls_policy_maps"}),
        ("192.0.2.1", {"check_*_access"}),
        (
            "<>",
            {"check_*_access", "sender_dependent_relayhost_maps", "sender_canonical_maps"},
        ),
    ],
)
def test_for_key(key, parameters):
    """Only parameters that ask such a key are told of."""
    rules = effects.of_answer(TCP, Answer("not-found", "500", b"x"))
    assert set(by_parameter(effects.for_key(rules, key))) == parameters


def test_for_address():
    """Lists of domains are not asked for an address, and maps of addresses not for a domain."""
    rules = effects.of_answer(TCP, Answer("not-found", "500", b"x"))
    addresses = set(by_parameter(effects.for_key(rules, "a@example.org")))
    names = set(by_parameter(effects.for_key(rules, "example.org")))
    assert addresses & names == {"check_*_access"}
    assert names >= {"virtual_mailbox_domains", "smtp_tls_policy_maps"}
    assert addresses | names == ALL


@pytest.mark.parametrize(
    "mode, close, words",
    [
        (TCP, True, "after ten tries, a second apart, the mail is deferred with 451 4.3.0"),
        (SOCKETMAP, True, "after another try, at once, the mail is deferred with 451 4.3.0"),
        (SOCKETMAP, False, "the mail is deferred with 451 4.3.0"),
        (POLICY, True, "after another try, a second later, the mail is deferred with 451 4.3.5"),
    ],
)
def test_silence(mode, close, words):
    """Without a reply, Postfix tries again as the protocol's client does, and defers the mail."""
    rules = effects.of_silence(mode, close=close)
    assert rules[0].text.startswith(words)
    assert {rule.tone for rule in rules} == {BAD}


@pytest.mark.parametrize(
    "action, tone, words",
    [
        ("DUNNO", GOOD, "no decision"),
        ("OK", GOOD, "is accepted; no other restriction"),
        ("REJECT no", BAD, "bounces with 554 5.7.1 <recipient>: Recipient address rejected: no"),
        ("550 5.1.6 moved", BAD, "bounces with 550 5.1.6 <recipient>:"),
        ("451 REST request timed out", DOUBTFUL, "deferred with 451 4.7.1 <recipient>:"),
        ("451", BAD, "ACCEPTED"),
        ("REDIRECT a@example.org", DOUBTFUL, "goes to a@example.org and to nobody else"),
        ("PREPEND X-{y}: {}", GOOD, "the header X-{y}: {} is put before the mail"),
        ("521 x", BAD, "Recipient address rejected: x, and the connection is closed"),
        ("421 4.3.2 x", DOUBTFUL, "421 4.3.2 <recipient>: Recipient address rejected: x, and the"),
        ("REJECT 5.7.1", BAD, "what an earlier reply has left in Postfix's memory"),
        ("450 4.2.0", DOUBTFUL, "with 450 4.2.0 <recipient>: Recipient address rejected: (what an"),
        ("550 4.2.0 x", BAD, "with 550 5.2.0 <recipient>:"),
        ("REJECT 5.7.1 ", BAD, "554 5.7.1 <recipient>: Recipient address rejected: Access denied"),
        (
            "DEFER_IF_PERMIT 4.7.1",
            DOUBTFUL,
            "Postfix from 3.8.16, 3.9.10, 3.10.9 and 3.11.1 on says",
        ),
        ("FILTER x", BAD, "Postfix ignores anything else"),
        ("BCC\tx", BAD, "REDIRECT and BCC need one address after them"),
        ("PREPEND\tX-A: b", GOOD, "the header X-A: b is put before the mail"),
        ("DELAY 3h", DOUBTFUL, "the restrictions DELAY, 3h are evaluated"),
        (" , ", BAD, "ACCEPTED: an empty list of restrictions means OK to Postfix"),
        (",FILTER", DOUBTFUL, "the restrictions FILTER are evaluated"),
        ("reject_rbl_client", BAD, "reject_rbl_client needs a domain name after it"),
        ("reject, permit", BAD, "there is something after reject, which Postfix ignores"),
        ("permit_mynetworks, reject", DOUBTFUL, "permit_mynetworks, reject are evaluated"),
    ],
)
def test_actions(action, tone, words):
    """An action is told as what it does, and whether that is what one likes to see."""
    effect = effect_of(action)
    assert words in effect.text
    assert effect.tone == tone
    (rule,) = effects.of_answer(POLICY, Answer(model.REPLY_VALUE, "action", action.encode()))
    assert (rule.parameters, rule.text) == ("check_policy_service", effect.text)


@pytest.mark.parametrize(
    "action, defers",
    [
        ("451 later", True),
        ("421 4.3.2 x", True),
        ("DEFER", True),
        ("defer_if_permit x", True),
        ("DEFER_IF_REJECT", True),
        ("check_client_access hash:/x", True),
        ("451", False),
        ("554 REST", False),
        ("REJECT 4.7.1 later", False),
        ("DUNNO", False),
        ("permit_mynetworks, defer", False),
    ],
)
def test_defers(action, defers):
    """It is Postfix that defers, whatever words an action has; of a list that is not known."""
    assert effect_of(action).defers == defers
