# SPDX-License-Identifier: MIT
"""The action firewall: which texts of a backend may stand behind `action=`.

What Postfix would do with each is from check_table_result() in its smtpd/smtpd_check.c.
"""

from __future__ import annotations

import re

import pytest

from harness.wire import table
from postfix_rest_inetd import restrictions
from postfix_rest_inetd.action import checked_action, verb_of

EMPTY = "the action is empty, and Postfix would accept the mail"
NUMBER = "the action is only a number, and Postfix would accept the mail"
CONTROL = "the action has a line break or another control character in it"
START = "the action does not begin with a letter or a digit"
TOO_LONG = "the action is longer than 4096 bytes"
STATUS = (
    "there is no text after the enhanced status code, and Postfix would send what an "
    "earlier reply left in its memory"
)
NO_CODE = "the action is an enhanced status code without a reply code before it"
FILTER = (
    "FILTER needs transport:destination after it; Postfix ignores anything else, or finds no such "
    "transport"
)
ADDRESS = (
    "REDIRECT and BCC need one address after them, user@domain; Postfix ignores anything else, or "
    "takes it for an address to which mail bounces"
)
HEADER = "PREPEND needs a header field after it, or else Postfix ignores it"
DOMAIN = "needs a domain name after it, or else Postfix ignores it"
TABLE = "needs a lookup table or a service, which Postfix does not take in an action"
COLON = "the action names a lookup table, or is none: Postfix takes no colon in it"
BRACES = "the action has braces in it, in which Postfix finds no restrictions"
SECONDS = "needs a number of seconds after it"
NOTHING = "needs a restriction after it, or else it does nothing"
IGNORED, IGNORES = "there is something after", "which Postfix ignores"

KELVIN = "CHECK_CLIENT_ACCESS x".replace("K", "\N{KELVIN SIGN}")
"""To Postfix, the name of a class of main.cf and not that of a restriction."""

SAFE = {
    "an action": ("DUNNO", "DUNNO"),
    "any letter case": ("dunno", "dunno"),
    "an action with text": ("REJECT no such user", "REJECT no such user"),
    "a reply code with text": ("450 try later", "450 try later"),
    "a reply code of one letter": ("550 x", "550 x"),
    "a restriction": ("permit_mynetworks", "permit_mynetworks"),
    "restrictions": ("permit_mynetworks, reject", "permit_mynetworks, reject"),
    "a word of another alphabet behind the action": ("REJECT né", "REJECT né"),
    "a number with more behind it": ("1234567890 x", "1234567890 x"),
    "digits of another alphabet behind it": ("4²", "4²"),
    "a line end of a text file": ("DUNNO\r\n", "DUNNO"),
    "all white space around it": (" \t\r\n\v\fOK \t\r\n\v\f", "OK"),
    "a colon and an equals sign": ("PREPEND X-A: b=c", "PREPEND X-A: b=c"),
    "a no-break space is not trimmed": ("OK\xa0", "OK\xa0"),
    "the longest action": ("x" * 4096, "x" * 4096),
    "the longest, less what is trimmed": (" " + "x" * 4096 + "\n", "x" * 4096),
    "the character behind the last control one": ("OK \xa0", "OK \xa0"),
    "a status code with text": ("REJECT 5.7.1 no", "REJECT 5.7.1 no"),
    "a status code with one letter of text": ("450 4.2.0 x", "450 4.2.0 x"),
    "two status codes: the second is the text": ("550 5.7.1 5.7.1", "550 5.7.1 5.7.1"),
    "four digits are no status code": ("REJECT 5.1234.1", "REJECT 5.1234.1"),
    "another class is none": ("REJECT 3.7.1", "REJECT 3.7.1"),
    "two numbers are none": ("REJECT 5.7", "REJECT 5.7"),
    "four numbers are none": ("REJECT 5.7.1.1", "REJECT 5.7.1.1"),
    "a number missing is none": ("REJECT 5..1", "REJECT 5..1"),
    "a status code and a colon are text": ("REJECT 5.7.1:", "REJECT 5.7.1:"),
    "a no-break space is text": ("REJECT 5.7.1\xa0", "REJECT 5.7.1\xa0"),
    "digits of another alphabet are text": ("REJECT 5.\u0667.1", "REJECT 5.\u0667.1"),
    "a status code that is logged": ("HOLD 4.7.1", "HOLD 4.7.1"),
    "a status code that is ignored": ("DUNNO 4.7.1", "DUNNO 4.7.1"),
    "a refusal without text": ("REJECT", "REJECT"),
    "a deferral without text": ("defer_if_permit", "defer_if_permit"),
    "a filter": ("FILTER smtp:[127.0.0.1]:10025", "FILTER smtp:[127.0.0.1]:10025"),
    "a filter with the recipient's destination": ("filter  smtp:", "filter  smtp:"),
    "a filter with several": (
        "FILTER smtp:a.example, b.example",
        "FILTER smtp:a.example, b.example",
    ),
    "an address": ("REDIRECT a@example.org", "REDIRECT a@example.org"),
    "an address in capitals": ("REDIRECT X@EXAMPLE.ORG", "REDIRECT X@EXAMPLE.ORG"),
    "an address with two at signs": ("BCC a@b@example.org", "BCC a@b@example.org"),
    "a header": ("PREPEND X-A: b", "PREPEND X-A: b"),
    "a header whose name is one letter": ("PREPEND X: b", "PREPEND X: b"),
    "a header with colons in its value": ("PREPEND X-A: b: c", "PREPEND X-A: b: c"),
    "a header of nothing": ("prepend X-A:", "prepend X-A:"),
    "a blank before the colon, as RFC 822 had it": ("PREPEND X-A : b", "PREPEND X-A : b"),
    "any letters in the header's value": ("PREPEND X-A: é", "PREPEND X-A: é"),
    "a restriction with its domain": (
        "reject_rbl_client dnsbl.example",
        "reject_rbl_client dnsbl.example",
    ),
    "a domain with an answer": (
        "permit_dnswl_client x.example=127.0.0.[2..9], reject",
        "permit_dnswl_client x.example=127.0.0.[2..9], reject",
    ),
    "a pause": ("sleep 1, reject", "sleep 1, reject"),
    "a restriction that is the last": ("permit_mynetworks, permit", "permit_mynetworks, permit"),
    "a comma behind the last": ("reject,", "reject,"),
    "a verdict that is only logged": (
        "warn_if_reject, reject, permit",
        "warn_if_reject, reject, permit",
    ),
    "a letter that Python takes for an ASCII one": (KELVIN, KELVIN),
    "a no-break space does not end a word": ("reject\xa0x permit", "reject\xa0x permit"),
    "a class of main.cf": ("greylisting", "greylisting"),
}

UNSAFE = {
    "nothing accepts the mail": ("", EMPTY),
    "white space is nothing": (" \r\n\t", EMPTY),
    "a bare temporary code accepts the mail": ("451", NUMBER),
    "a bare permanent code accepts the mail": ("554", NUMBER),
    "trimmed to a bare code": ("554 \n", NUMBER),
    "any number accepts the mail": ("1234567890", NUMBER),
    "a digit accepts the mail": ("0", NUMBER),
    "a list without any restriction accepts the mail": (",", START),
    "several commas": (", ,", START),
    "a second line": ("DUNNO\nREJECT", CONTROL),
    "a second attribute": ("DUNNO\n\naction=OK", CONTROL),
    "a carriage return inside": ("DUNNO\rREJECT", CONTROL),
    "a NUL ends a C string": ("REJECT\0", CONTROL),
    "a tab inside": ("REJECT\tno", CONTROL),
    "the last control character": ("REJECT \x1f", CONTROL),
    "a delete character": ("REJECT \x7f", CONTROL),
    "the first of the C1 controls": ("REJECT \x80", CONTROL),
    "the last of the C1 controls": ("REJECT \x9f", CONTROL),
    "a group of braces": ("{ reject }", START),
    "JSON": ('["DUNNO"]', START),
    "a string in quotes": ('"DUNNO"', START),
    "an HTML page": ("<html>", START),
    "a byte order mark": ("\ufeffDUNNO", START),
    "a letter of another alphabet": ("é", START),
    "digits of another alphabet": ("٤٥١", START),
    "a no-break space in front": ("\xa0OK", START),
    **{
        f"{verb} with a status code alone": (f"{verb} {status}", STATUS)
        for verb, status in (
            ("REJECT", "5.7.1"),
            ("reject", "2.0.0"),
            ("DEFER", "4.7.1"),
            ("DEFER_IF_PERMIT", "4.7.1"),
            ("defer_if_reject", "4.100.200"),
            ("450", "4.2.0"),
            ("554", "5.7.1"),
        )
    },
    "blanks before the status code": ("REJECT   5.7.1", STATUS),
    "white space behind the status code": ("REJECT 5.7.1 \t\r\n", STATUS),
    "a status code without a reply code": ("5.7.1 no", NO_CODE),
    "nothing but a status code": ("4.2.0", NO_CODE),
    "a filter without anything": ("FILTER", FILTER),
    "a filter without a colon": ("filter smtp", FILTER),
    "a filter without a transport": ("FILTER :[127.0.0.1]", FILTER),
    "a filter without a transport, and two colons": ("FILTER :[::1]:25", FILTER),
    "a filter of two words": ("FILTER the smtp:x", FILTER),
    "a redirection without anything": ("REDIRECT", ADDRESS),
    "a redirection to no address": ("redirect someone", ADDRESS),
    "a copy to nobody": ("BCC", ADDRESS),
    "a copy to no address": ("bcc someone", ADDRESS),
    "an at sign": ("BCC @", ADDRESS),
    "no domain": ("REDIRECT a@", ADDRESS),
    "no domain behind the last of two at signs": ("BCC a@b@", ADDRESS),
    "nobody in a domain": ("REDIRECT @example.org", ADDRESS),
    "two addresses": ("REDIRECT a@example.org, b@example.org", ADDRESS),
    "two addresses without a blank": ("BCC a@example.org,b@example.org", ADDRESS),
    "a remark": ("REDIRECT a@example.org because of spam", ADDRESS),
    "angle brackets": ("REDIRECT <a@example.org>", ADDRESS),
    "no header": ("PREPEND", HEADER),
    "a word for a header": ("prepend X-A", HEADER),
    "a header without a name": ("PREPEND : b", HEADER),
    "a header whose name is two words": ("PREPEND X A: b", HEADER),
    "a no-break space before the colon": ("PREPEND X-A\xa0: b", HEADER),
    "a header whose name is not ASCII": ("PREPEND X-é: b", HEADER),
    **{
        f"{name} without a domain": (name, f"{name} {DOMAIN}")
        for name in sorted(restrictions.NEED_DOMAIN)
    },
    "in any letter case": ("Reject_RBL_Client", f"reject_rbl_client {DOMAIN}"),
    "at the end of a list": ("permit_mynetworks, reject_rhsbl_helo", f"reject_rhsbl_helo {DOMAIN}"),
    "a separator is no domain": ("reject_rbl_client , ,", f"reject_rbl_client {DOMAIN}"),
    "a restriction is no domain": ("reject_rbl_client, reject", f"reject_rbl_client {DOMAIN}"),
    **{name: (name, f"{name} {TABLE}") for name in sorted(restrictions.NEED_TABLE)},
    "a table without a type": ("Check_Client_Access x", f"check_client_access {TABLE}"),
    "a table": ("check_client_access hash:/etc/x", COLON),
    "a table alone": ("hash:/etc/x", COLON),
    "a colon behind an action": ("REJECT: no", COLON),
    "a brace that is not closed": ("permit_mynetworks, { reject", BRACES),
    "a brace that is not opened": ("permit_mynetworks reject }", BRACES),
    "braces in a list": ("permit_mynetworks, { reject }", BRACES),
    "sleep without a number": ("permit_mynetworks sleep", f"sleep {SECONDS}"),
    "sleep and no number": ("sleep, reject", f"sleep {SECONDS}"),
    "sleep and another alphabet's number": ("sleep \u0664", f"sleep {SECONDS}"),
    "a warning of nothing": ("permit_mynetworks, WARN_IF_REJECT", f"warn_if_reject {NOTHING}"),
    "more behind permit": ("PERMIT, reject", f"{IGNORED} permit, {IGNORES}"),
    "more behind permit, with a blank": ("permit reject", f"{IGNORED} permit, {IGNORES}"),
    "more behind reject": ("reject, permit", f"{IGNORED} reject, {IGNORES}"),
    "more behind defer": ("permit_mynetworks, defer, x", f"{IGNORED} defer, {IGNORES}"),
    "more behind a restriction that always decides": (
        "check_relay_domains, reject_unlisted_recipient",
        f"{IGNORED} check_relay_domains, {IGNORES}",
    ),
    "more behind permit that warns": ("warn_if_reject permit x", f"{IGNORED} permit, {IGNORES}"),
    "the warning is for one": ("warn_if_reject x reject x", f"{IGNORED} reject, {IGNORES}"),
    "one byte too long": ("x" * 4097, TOO_LONG),
    "too long in UTF-8 only": ("x" + "é" * 2048, TOO_LONG),
}


@pytest.mark.parametrize("text, action", table(SAFE))
def test_safe(text, action):
    """What Postfix reads as one action, and as the one that is meant, passes; it is trimmed."""
    assert checked_action(text) == action


@pytest.mark.parametrize("text, reason", table(UNSAFE))
def test_unsafe(text, reason):
    """Whatever could let mail in by accident, or reach Postfix as more than one line, does not."""
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        checked_action(text)


ALLOWED = ["DUNNO", "Reject", "450", "permit_mynetworks"]

PERMITTED = {
    "an entry": "DUNNO",
    "any letter case": "dunno",
    "the case of the entry does not matter either": "REJECT",
    "an action of access(5) with text": "REJECT go away",
    "DUNNO ignores its text": "DUNNO whatever",
    "a code with text": "450 4.7.1 later",
    "a restriction": "permit_mynetworks",
    "a restriction in another case": "PERMIT_MYNETWORKS",
}

REFUSED = {
    "another action": "OK",
    "another code": "451 later",
    "a permanent code": "550 no",
    "an entry with something appended": "DUNNOX",
    "the beginning of an entry": "DUN",
    "Postfix takes a comma for a part of the word": "DUNNO,",
    "Postfix evaluates the words behind a restriction": "permit_mynetworks permit",
    "a list": "permit_mynetworks,permit",
    "a no-break space does not end a word": "DUNNO\xa0permit",
    "a digit of another alphabet": "45\u0660 later",
    "the code of an entry with a digit more": "4500 later",
    "an argument makes it a list": "reject_rbl_client dnsbl.example",
}


@pytest.mark.parametrize("action", table({k: (v,) for k, v in PERMITTED.items()}))
def test_allowed(action):
    """With allowed-actions an action passes whose first word is one of them, in any case."""
    assert checked_action(action, ALLOWED) == action


@pytest.mark.parametrize("action", table({k: (v,) for k, v in REFUSED.items()}))
def test_not_allowed(action):
    """Anything else does not pass, whatever Postfix would make of it."""
    with pytest.raises(ValueError, match="is not one of allowed-actions"):
        checked_action(action, ALLOWED)


def test_allowed_compares_as_postfix_does():
    """Letter case is that of ASCII: a Kelvin sign is no K to Postfix, so it is none here."""
    with pytest.raises(ValueError, match="allowed-actions"):
        checked_action("O\N{KELVIN SIGN}", ["OK"])


def test_nothing_is_allowed():
    """An empty list of allowed actions allows none."""
    with pytest.raises(ValueError, match="allowed-actions"):
        checked_action("DUNNO", [])


TEXTS = {"BCC": "a@b", "FILTER": "smtp:", "PREPEND": "A: b", "REDIRECT": "a@b"}


@pytest.mark.parametrize(
    "word",
    "BCC DEFER DEFER_IF_PERMIT DEFER_IF_REJECT DISCARD DUNNO FILTER HOLD INFO OK PREPEND REDIRECT "
    "REJECT RELAY WARN".split(),
)
def test_actions_that_take_text(word):
    """Each action of access(5) that Postfix takes text for may have text when it is allowed."""
    action = f"{word} {TEXTS.get(word, 'some text')}"
    assert checked_action(action, [word.lower()]) == action


@pytest.mark.parametrize("name", sorted(restrictions.ALONE | {"permit"}))
def test_restrictions_that_stand_alone(name):
    """A restriction that needs nothing may be an action, and may be allowed as one."""
    assert checked_action(name.upper(), [name]) == name.upper()


def test_the_names_of_restrictions():
    """Each name is in one group only, and none of them is an action that has a text."""
    groups = [restrictions.ALONE, restrictions.NEED_DOMAIN, restrictions.NEED_TABLE]
    assert sum(map(len, groups)) + 6 == len(restrictions.RESTRICTIONS)
    assert {name for name in restrictions.RESTRICTIONS if verb_of(name)} == {
        *("reject", "defer", "defer_if_permit", "defer_if_reject")
    }


VERBS = {
    "an action": ("DUNNO", "DUNNO"),
    "an action with text": ("reject to a@b", "reject"),
    "a code with text": ("450 to a@b", "450"),
    "a restriction": ("permit_mynetworks", None),
    "an address": ("a@b.example", None),
    "an address in text": ("192.0.2.1 is blocked", None),
    "an action and a comma": ("DUNNO,a@b", None),
    "a code that is none": ("4ab x", None),
    "a code of two digits": ("45 x", None),
    "a code of four": ("4500 x", None),
    "a code of another class": ("250 x", None),
    "a letter that Python takes for an ASCII one": ("O\N{KELVIN SIGN} x", None),
}


@pytest.mark.parametrize("action, verb", table(VERBS))
def test_verb(action, verb):
    """The verb of an action of access(5) or of a code is its first word; nothing else has one."""
    assert verb_of(action) == verb
