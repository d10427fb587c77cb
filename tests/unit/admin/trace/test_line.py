# SPDX-License-Identifier: MIT
"""Lines of Postfix, as Postfix 3.7 to 3.10 have written them, are parsed."""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.trace import line
from postfix_rest_inetd.admin.trace.line import ACCEPTED, DEFERRED, IDENTIFIERS, REFUSED

REJECT = (
    "reject: RCPT from localhost[127.0.0.1]: {} <b@c>: Recipient address rejected: no; "
    "from=<A@x> to=<b@c> proto=ESMTP helo=<mx>"
)


def parse(text: str, identifier: str = "postfix/smtpd") -> line.Line:
    """The line with a text."""
    return line.parse(text.encode(), identifier, "12", 1)


@pytest.mark.parametrize(
    "text, queue_id, fate, recipients",
    [
        (f"NOQUEUE: {REJECT.format('554 5.7.1')}", "", REFUSED, ("b@c",)),
        (f"3F2A81C0: {REJECT.format('451 4.3.0')}", "3F2A81C0", DEFERRED, ("b@c",)),
        (
            (
                "4dCkzq1RVQz1y: to=<x@y>, orig_to=<b@c>, relay=none, dsn=4.4.1, "
                "status=deferred (connect to [::1]:1: Connection refused)"
            ),
            "4dCkzq1RVQz1y",
            DEFERRED,
            ("x@y", "b@c"),
        ),
        ("3F2A81C0: to=<b@c>, relay=x, status=sent (250 OK)", "3F2A81C0", ACCEPTED, ("b@c",)),
        ("3F2A81C0: to=<b@c>, relay=x, status=bounced (no)", "3F2A81C0", REFUSED, ("b@c",)),
        ("3F2A81C0: from=<a@x>, status=expired, returned", "3F2A81C0", REFUSED, ()),
        ("3F2A81C0: from=<a@x>, status=force-expired, returned", "3F2A81C0", REFUSED, ()),
        ("3F2A81C0: to=<b@c>, relay=x, status=SOFTBOUNCE (no)", "3F2A81C0", DEFERRED, ("b@c",)),
        (
            "NOQUEUE: reject: CONNECT from x[192.0.2.1]: 554 5.7.1 <x>: no; proto=SMTP",
            "",
            REFUSED,
            (),
        ),
        (
            (
                "3F2A81C0: milter-reject: END-OF-MESSAGE from x[192.0.2.1]: 4.7.1 Try again; "
                "from=<a@x> to=<b@c> proto=ESMTP helo=<mx>"
            ),
            "3F2A81C0",
            DEFERRED,
            ("b@c",),
        ),
        (
            (
                "3F2A81C0: reject: header Subject: x: 450 y from x[192.0.2.1]; from=<a@x> "
                "to=<b@c> proto=ESMTP helo=<mx>: 5.7.1 No"
            ),
            "3F2A81C0",
            REFUSED,
            ("b@c",),
        ),
        (
            f"3F2A81C0: to=<{'b' * 2000}@c>, relay=x, status=deferred (no)",
            "3F2A81C0",
            DEFERRED,
            ("b" * 2000 + "@c",),
        ),
        ("3F2A81C0: client=localhost[127.0.0.1]", "3F2A81C0", "", ()),
        ("statistics: max connection rate 1/60s", "", "", ()),
        ("connect from localhost[127.0.0.1]", "", "", ()),
        ("warning: 3F2A81C0: virtual_alias_maps map lookup problem for b@c", "3F2A81C0", "", ()),
        ("disconnect: status=sent", "", "", ()),
    ],
)
def test_parse(text, queue_id, fate, recipients):
    """The mail, what became of it, and for whom."""
    found = parse(text)
    assert (found.queue_id, found.fate, found.recipients) == (queue_id, fate, recipients)
    assert found.is_trouble == text.startswith("warning")


@pytest.mark.parametrize(
    "text, link",
    [
        (
            (
                "3F2A81C0: to=<b@c>, relay=127.0.0.1[127.0.0.1]:10024, dsn=2.0.0, status=sent "
                "(250 2.0.0 Ok: queued as 4dCkzq1RVQz1y)"
            ),
            ("3F2A81C0", "4dCkzq1RVQz1y", line.HANDED_ON),
        ),
        (
            (
                "3F2A81C0: to=<b@c>, relay=x, status=sent "
                "(250 2.0.0 from MTA(smtp:[127.0.0.1]:10025): 250 2.0.0 Ok: queued as 3F2A81C1)"
            ),
            ("3F2A81C0", "3F2A81C1", line.HANDED_ON),
        ),
        (
            "3F2A81C0: to=<b@c>, relay=local, dsn=2.0.0, status=sent (forwarded as 3F2A81C1)",
            ("3F2A81C0", "3F2A81C1", line.FORWARDED),
        ),
        (
            "3F2A81C0: sender non-delivery notification: 3F2A81C1",
            ("3F2A81C0", "3F2A81C1", line.NOTICE),
        ),
        (
            "3F2A81C0: postmaster delay notification: 3F2A81C1",
            ("3F2A81C0", "3F2A81C1", line.NOTICE),
        ),
        (
            "3F2A81C1: uid=105 from=<a@x> orig_id=3F2A81C0",
            ("3F2A81C0", "3F2A81C1", line.REQUEUED),
        ),
        ("3F2A81C0: to=<b@c>, relay=x, status=sent (250 OK id=1tFgXk-0007xy-2M)", None),
        ("3F2A81C0: to=<b@c>, relay=x, status=deferred (450 queued as 3F2A81C1)", None),
        ("NOQUEUE: client=x; proxy-accept: 250 2.0.0 Ok: queued as 3F2A81C1", None),
    ],
)
def test_links(text, link):
    """Where a mail goes on under another queue id, or came from."""
    assert parse(text).link == link


@pytest.mark.parametrize(
    "text, fate, recipients",
    [
        (
            "3F2A81C0: to=<status=sent@x>, relay=none, status=deferred (no)",
            DEFERRED,
            ("status=sent@x",),
        ),
        (
            (
                '3F2A81C0: to=<"b>, relay=x, status=sent (\\"to=<v@c>"@x>, relay=none, '
                "status=bounced (no)"
            ),
            REFUSED,
            ('"b>, relay=x, status=sent (\\"to=<v@c>"@x',),
        ),
        ("3F2A81C0: from=<status=sent@x>, size=1, nrcpt=1 (queue active)", "", ()),
        ("3F2A81C0: from=<a@x>, size=1, nrcpt=1 (status=sent)", "", ()),
        ("3F2A81C0: message-id=<status=sent@x>", "", ()),
        ("3F2A81C0: warning: header Subject: reject: x: 550 y from local", "", ()),
        (
            (
                'NOQUEUE: reject: RCPT from x[::1]: 450 4.7.1 <"; from=<v@x> to=<w@y>"@c>: no; '
                'from=<a@x> to=<"; from=<v@x> to=<w@y>"@c> proto=SMTP helo=<mx>'
            ),
            DEFERRED,
            ('"; from=<v@x> to=<w@y>"@c',),
        ),
        (
            (
                "NOQUEUE: reject: RCPT from x[::1]: 450 4.7.1 <; from=<v@x> to=<w@y>@c>: no; "
                'from=<"; from=<v@x> to=<w@y>"@x> to=<"; from=<v@x> to=<w@y>"@c> proto=SMTP '
                "helo=<mx>"
            ),
            DEFERRED,
            ('"; from=<v@x> to=<w@y>"@c',),
        ),
        (
            (
                'NOQUEUE: reject: RCPT from x[::1]: 550 5.1.1 <; from=<v@x> to=<"@c>: no; '
                'from=<"@y> k=<"@x> to=<b@c> proto=SMTP helo=<mx>'
            ),
            REFUSED,
            ("b@c",),
        ),
        (
            (
                "3F2A81C0: reject: header Subject: ; from=<v@x> to=<w@y> helo=<>: 4.1.1 x from "
                "x[::1]; from=<a@x> to=<b@c> proto=SMTP helo=<mx>: spam"
            ),
            REFUSED,
            ("b@c",),
        ),
    ],
)
def test_forged_words(text, fate, recipients):
    """An address, a Message-ID or a header says nothing about what became of the mail."""
    found = parse(text)
    assert (found.fate, found.recipients) == (fate, recipients)
    assert found.link is None
    assert found.message_id in {"", "status=sent@x"}


@pytest.mark.parametrize(
    "text",
    [
        '3F2A81C0: from=<" orig_id=3F2A81C1 "@x>, size=1',
        '3F2A81C0: to=<"status=sent (forwarded as 3F2A81C1)"@x>, relay=x, status=sent (ok)',
        "3F2A81C0: message-id=<sender notification: 3F2A81C1@x>",
        "3F2A81C0: warning: header Subject: sender x notification: 3F2A81C1 from local",
        "3F2A81C0: from=<message-id=1@x>, size=1",
    ],
)
def test_forged_links(text):
    """Nor does it relate the mail to another one."""
    found = parse(text)
    assert found.link is None
    assert found.message_id in {"", "sender notification: 3F2A81C1@x"}


def test_reason():
    """Why, in the words of Postfix."""
    assert parse(f"NOQUEUE: {REJECT.format('554 5.7.1')}").reason == (
        "554 5.7.1 <b@c>: Recipient address rejected: no"
    )
    forged = '3F2A81C0: to=<"status=sent (x"@c>, relay=x, dsn=4.0.0, status=deferred (a (b) c)'
    assert parse(forged).reason == "a (b) c"
    long = "3F2A81C0: to=<b@c>, relay=x, status=deferred (" + "a" * 9000 + ")"
    assert parse(long).reason.startswith("aaa")


def test_senders():
    """The null sender is a sender; a line without one has none."""
    assert parse("3F2A81C0: from=<>, size=1").sender == ""
    assert parse("3F2A81C0: removed").sender is None
    assert parse(f"NOQUEUE: {REJECT.format('550 5.1.1')}").addresses == {"A@x", "a@x", "b@c"}


def test_message_id():
    """With brackets or, from a poor mailer, without."""
    assert parse("3F2A81C0: message-id=<1@x>").message_id == "1@x"
    assert parse("3F2A81C0: message-id=1@x").message_id == "1@x"


def test_control_characters():
    """What a client made Postfix log cannot control a terminal."""
    assert parse("NOQUEUE: \x1b[2J\u202e\nx").text == r"NOQUEUE: \x1b[2J\u202e\nx"
    assert line.parse(b"\xff" * 9000, "postfix/smtpd", "", 1).text.startswith(r"\xff")
    assert len(line.parse(b"x" * 7000, "postfix/smtpd", "", 1).text) == line.MAX_CHARACTERS + 1
    assert len(line.parse(b"x" * 9000, "postfix/smtpd", "", 1).text) == line.MAX_CHARACTERS + 1


@pytest.mark.parametrize(
    "identifier, program",
    [
        ("postfix/smtpd", "smtpd"),
        ("postfix-out/qmgr", "qmgr"),
        ("postfix/submission/smtpd", "smtpd"),
        ("mx-out/smtp", "smtp"),
        ("mail/submission/cleanup", "cleanup"),
    ],
)
def test_identifier(identifier, program):
    """Postfix's services and instances."""
    assert IDENTIFIERS.fullmatch(identifier)
    assert parse("x", identifier).program == program


@pytest.mark.parametrize(
    "identifier", ["postfix-rest-inetd", "dovecot", "x/other", "/smtpd", "smtpd", "a b/smtpd"]
)
def test_other_identifier(identifier):
    """Other programs."""
    assert not IDENTIFIERS.fullmatch(identifier)
