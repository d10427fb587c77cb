# SPDX-License-Identifier: MIT
"""The action firewall: which texts of a backend may stand behind `action=`.

What Postfix would do with each is from check_table_result() in its smtpd/smtpd_check.c.
"""

from __future__ import annotations

import re

import pytest
from unit.wire import table

from postfix_rest_inetd.action import checked_action, verb_of

EMPTY = "the action is empty, on which Postfix would accept the mail"
NUMBER = "the action is only a number, on which Postfix would accept the mail"
CONTROL = "the action has a line break or another control character in it"
START = "the action does not begin with a letter or a digit"
TOO_LONG = "the action is longer than 4096 bytes"

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
    "an enhanced code": "4.7.1 later",
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


@pytest.mark.parametrize(
    "word",
    "BCC DEFER DEFER_IF_PERMIT DEFER_IF_REJECT DISCARD DUNNO FILTER HOLD INFO OK PREPEND REDIRECT "
    "REJECT RELAY WARN".split(),
)
def test_actions_that_take_text(word):
    """Each action of access(5) that Postfix takes text for may have text when it is allowed."""
    assert checked_action(f"{word} some text", [word.lower()]) == f"{word} some text"


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
