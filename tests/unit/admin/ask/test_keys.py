# SPDX-License-Identifier: MIT
"""What is known of keys. That Postfix asks so is measured by tests/integration/test_keys.py."""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.ask import keys
from postfix_rest_inetd.admin.ask.keys import FORMS, MAILS, TABLE, Question, notes, shown


@pytest.mark.parametrize(
    "key, form",
    [
        ("info@example.org", "an address"),
        ('"a b"@example.org', "an address"),
        ("bob@[127.0.0.1]", "an address"),
        ("example.org", "a name"),
        ("localhost", "a name"),
        ("bücher.example", "a name"),
        (".example.org", "a parent domain"),
        ("[mx.example.org]", "a next hop"),
        ("[mx.example.org]:587", "a next hop"),
        ("mx.example.org:587", "a next hop"),
        ("192.0.2.1", "a network address"),
        ("2001:db8::1", "a network address"),
        ("<>", "the null sender"),
        ('""', "the null sender"),
        ('"<>"', "the null sender"),
        ("*", "the wildcard"),
        ("", "a name"),
    ],
)
def test_form(key: str, form: str) -> None:
    """Each key has one form."""
    assert keys.form_of(key) == form


@pytest.mark.parametrize(
    "key, words",
    [
        ("bob@example.org", "neither @example.org nor bob@ follows"),
        ("@example.org", "Postfix never asks these tables for @domain"),
        ("bob+x@example.org", "bob@example.org does not follow either"),
        ("Bob@Example.org", "smtpd(8) asks for bob@example.org, the other programs for Bob@"),
        ('"a b"@example.org', "ask without quotes: a b@example.org. cleanup(8) does not"),
        (r'"a\"b"@example.org', 'ask without quotes: a"b@example.org. cleanup'),
        ("*", "an error defers all mail"),
        ("<>", "The sender of bounces"),
        ("a.example.org", "smtp_tls_policy_maps continues with .example.org, .org."),
    ],
)
def test_notes(key: str, words: str) -> None:
    """What follows a key, or does not, is told with the key's own words."""
    assert words in " ".join(notes(key))


def test_plain_address_has_no_more_notes() -> None:
    """Nothing is told of case, quotes and extensions where there are none."""
    assert len(notes("bob@example.org")) == 1


def test_rows() -> None:
    """Each line is about one of the mails, and no two are about the same thing."""
    for table in (TABLE, FORMS):
        places = [question[:3] for question in table]
        assert len(set(places)) == len(places)
        assert {question.mail for question in table} <= {*MAILS, "etrn"}


def test_shown() -> None:
    """A parameter stands above its programs, a program beside its keys."""
    questions = [
        Question("m", "p_maps", "smtpd", ("a", "b")),
        Question("m", "p_maps", "cleanup", ()),
    ]
    assert shown(questions) == (f"p_maps\n  {'smtpd':16}a\n{'':18}b\n  {'cleanup':16}(nothing)\n")
