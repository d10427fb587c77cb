# SPDX-License-Identifier: MIT
"""What Postfix asks for, by parameter, measured: the tables of postfix-rest-inetd-keys(7) hold.

Postfix's own programs ask tables that remember each key. Where a line of a table is not what was
measured, the failure shows the whole table as it has to be.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import pytest
from integration import key_questions
from integration.mail import log, wait_for_end_of_mails

from harness.container import Container
from harness.key_recorder import Asked, KeyRecorder
from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask import effects
from postfix_rest_inetd.admin.ask.codec import Answer
from postfix_rest_inetd.admin.ask.keys import FORMS, TABLE, Mail, Question, shown

LIST = "one@b.example,two@b.example"

Measured = dict[str, Asked]


@pytest.fixture(scope="module")
def measured(container: Container) -> Iterator[dict[str, Measured]]:
    """What was asked: by the way to ask, and by mail."""
    found = {}
    for way in ("socketmap", "tcp"):
        with KeyRecorder(container, key_questions.tables()) as recorder:
            found[way] = key_questions.ask_all(container, recorder, way)
    yield found
    container.reset()


def as_measured(found: Measured, questions: Iterable[Question]) -> list[Question]:
    """The questions with the keys that were asked.

    What programs remember of earlier mails decides which of two addresses comes first: unless
    something else is to be seen, the keys have the table's order. `*` has its own time.
    """
    wildcards = {
        (parameter, program)
        for asked in found.values()
        for parameter, programs in asked.items()
        for program, keys in programs.items()
        if "*" in keys
    }
    answers = []
    for question in questions:
        keys = [
            *(["*"] if (question.parameter, question.program) in wildcards else []),
            *found[question.mail].get(question.parameter, {}).get(question.program, []),
        ]
        if set(keys) == set(question.keys) and question.program == "trivial-rewrite":
            keys.sort(key=question.keys.index)
        answers.append(question._replace(keys=tuple(dict.fromkeys(keys))))
    return answers


def test_table(measured: dict[str, Measured]) -> None:
    """Each program asks for these keys, in this order, and for no others."""
    assert shown(as_measured(measured["socketmap"], TABLE)) == shown(TABLE)


def test_programs(measured: dict[str, Measured]) -> None:
    """No other program asks the table of a parameter meanwhile."""
    listed: dict[tuple[str, str], set[str]] = {}
    for question in TABLE:
        listed.setdefault((question.mail, question.parameter), set()).add(question.program)
    assert {
        (mail, parameter): set(measured["socketmap"][mail][parameter]) for mail, parameter in listed
    } == listed


def test_forms(measured: dict[str, Measured]) -> None:
    """So it is with other forms of addresses."""
    assert shown(as_measured(measured["socketmap"], FORMS)) == shown(FORMS)


def test_nothing_else(measured: dict[str, Measured]) -> None:
    """Whatever the mail and the table, nobody asks for @domain, user@, nothing, or without +X."""
    for asked in measured["socketmap"].values():
        keys = {key for programs in asked.values() for keys in programs.values() for key in keys}
        assert len(keys) > 3
        assert [key for key in keys if key.startswith("@") or key.endswith("@") or not key] == []
        extended = {key for key in keys if "+" in key}
        assert {key.lower().replace("+x", "") for key in extended} & {k.lower() for k in keys} == (
            set()
        )


def test_tcp(measured: dict[str, Measured]) -> None:
    """A tcp_table is asked for the same keys."""

    def keys(found: Measured) -> dict[tuple[str, str], set[str]]:
        return {
            (mail, parameter): {key for asked in programs.values() for key in asked} - {"*"}
            for mail, by_parameter in found.items()
            for parameter, programs in by_parameter.items()
        }

    assert keys(measured["tcp"]) == keys(measured["socketmap"])


def test_found(container: Container) -> None:
    """A key that is found is the last for its client or address, and other addresses follow it."""
    mail = key_questions.MAILS["mailbox"]
    found = {
        "check_client_access": {"localhost": "DUNNO"},
        "smtpd_client_event_limit_exceptions": {"localhost": "x"},
        "canonical_maps": {mail.sender: mail.sender},
    }
    with KeyRecorder(container, {**key_questions.tables(), **found}) as recorder:
        key_questions.use(container, recorder, "socketmap")
        try:
            since = container.journal.cursor()
            key_questions.send(container, mail)
            wait_for_end_of_mails(container, since)
            asked = recorder.take()
        finally:
            container.reset()
    assert asked["check_client_access"]["smtpd"] == ["localhost"]
    assert asked["smtpd_client_event_limit_exceptions"]["smtpd"] == ["localhost"]
    others = [mail.recipient, "Head@Er.Example"]
    assert asked["canonical_maps"]["cleanup"] == [mail.sender, *others]


# -- several values, and errors


@contextmanager
def asking(container: Container, **tables: dict[str, str | None]) -> Iterator[None]:
    """A Postfix that asks these tables, and finds all else as ever; mail is thrown away."""
    with KeyRecorder(container, {**key_questions.tables(), **tables}) as recorder:
        key_questions.use(container, recorder, "socketmap")
        try:
            yield
        finally:
            container.reset()


def sent(container: Container, sender: str, recipient: str) -> list[str]:
    """The log of a mail."""
    since = container.journal.cursor()
    key_questions.send(container, Mail(sender, recipient))
    wait_for_end_of_mails(container, since)
    return log(container, since)


def has(lines: list[str], *words: str) -> bool:
    """Whether one of the lines has all of the words."""
    return any(all(word in line for word in words) for line in lines)


def test_several_values(container: Container) -> None:
    """A list is several addresses for an alias, the first for canonical maps, a bad one for bcc."""
    alias, canonical, copied = (f"{name}@sub.o.example" for name in ("alias", "canon", "bcc"))
    owned, renamed = "owned@b.example", "renamed@b.example"
    with asking(
        container,
        virtual_alias_maps={alias: LIST},
        recipient_canonical_maps={canonical: LIST},
        sender_canonical_maps={renamed: LIST},
        recipient_bcc_maps={copied: LIST},
        smtpd_sender_login_maps={owned: "Someone,LOGIN"},
    ):
        aliased = sent(container, owned, alias)
        lines = sent(container, renamed, canonical)
        more = sent(container, owned, copied)
    assert has(aliased, "to=<one@b.example>", f"orig_to=<{alias}>")
    assert has(aliased, "to=<two@b.example>", f"orig_to=<{alias}>")
    assert has(lines, "from=<one@b.example>")
    assert has(lines, "to=<one@b.example>", f"orig_to=<{canonical}>")
    assert has(lines, f"multi-valued recipient_canonical_maps entry for {canonical}")
    assert not has(lines, "=<two@b.example>")
    assert has(more, 'to=<"one@b.example,two"@b.example>')
    assert has(more, f"to=<{copied}>")


def test_wildcard(container: Container) -> None:
    """A value for the * of transport_maps is everybody's transport."""
    with asking(container, transport_maps={"*": "discard:everybody"}):
        lines = sent(container, "ann@b.example", "bob@sub.m.example")
    assert has(lines, "to=<bob@sub.m.example>", "status=sent (everybody)")


def test_wildcard_error(container: Container) -> None:
    """An error for the * of transport_maps defers mail for everybody."""
    with asking(container, transport_maps={"*": None}):
        said = key_questions.replies(container, Mail("ann@b.example", "bob@sub.o.example"))
    # The sender is looked up first.
    assert said[2] == "451 4.3.0 <ann@b.example>: Temporary lookup failure"


def predicted(parameter: str) -> str:
    """What `query` says of a temporary error, for one parameter."""
    rules = effects.of_answer(model.SOCKETMAP_LOOKUP, Answer("temporary", "TEMP", b"x"))
    (text,) = [rule.text for rule in rules if parameter in rule.parameters.split(", ")]
    return text


def test_errors(container: Container) -> None:
    """An error of one table defers the mail with the reply that `query` tells."""
    sender, recipient, encrypted = "ann@b.example", "bob@sub.o.example", "tls@sub.o.example"
    tables = {
        "sender_canonical_maps": ("rewritten@b.example", recipient),
        "recipient_canonical_maps": (sender, "rewritten@sub.o.example"),
        "sender_bcc_maps": ("copied@b.example", recipient),
        "recipient_bcc_maps": (sender, "copied@sub.o.example"),
        "sender_dependent_relayhost_maps": ("dependent@b.example", "dependent@sub.o.example"),
    }
    wrong = {name: dict.fromkeys(set(mail) - {sender, recipient}) for name, mail in tables.items()}
    wrong["smtp_tls_policy_maps"] = {"[127.0.0.1]:9": None}
    with asking(container, **wrong, transport_maps={encrypted: "smtp:[127.0.0.1]:9"}):
        for name, mail in tables.items():
            said = key_questions.replies(container, Mail(*mail))
            (error,) = [reply for reply in said if reply.startswith("4")]
            # smtpd(8) names the address that it has looked up, which may be the sender.
            assert re.sub("<.*>", "<recipient>", error) in predicted(name), name
        since = container.journal.cursor()
        key_questions.send(container, Mail(sender, encrypted))
        (entry,) = container.journal.wait_for(
            "SYSLOG_IDENTIFIER=postfix/smtp",
            since=since,
            condition=lambda entry: "status=deferred" in entry["MESSAGE"],
        )
    assert "dsn=4.7.5" in entry["MESSAGE"]
    assert "(client TLS configuration problem)" in entry["MESSAGE"]
    assert predicted("smtp_tls_policy_maps").startswith(
        "the mail is deferred with 4.7.5 client TLS configuration problem"
    )


def test_several_transports(container: Container) -> None:
    """Two whole entries of transport_maps are a next hop that smtp(8) does not survive."""
    recipient = "two@sub.o.example"
    value = "smtp:[127.0.0.7],smtp:[127.0.0.8]"
    with asking(container, transport_maps={recipient: value}):
        since = container.journal.cursor()
        key_questions.send(container, Mail("ann@b.example", recipient))
        container.journal.wait_for(
            "SYSLOG_IDENTIFIER=postfix/smtp",
            since=since,
            condition=lambda entry: "fatal: unknown service: [127.0.0.8]" in entry["MESSAGE"],
        )
