# SPDX-License-Identifier: MIT
"""What test_mail_storm sends, what becomes of it, and what is done meanwhile: all from a seed.

`mails` are what clients send, `expected` says what becomes of a mail at one of its recipients, and
`ROUTES` is the backend that says so. `steps` is the chaos: what happens after how many attempts to
send a mail. Nothing here depends on a clock.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from integration.mail import UNKNOWN

from harness.container_backend import Route, actions, answer, dropped, lookup, maps

HOSTED, VERIFIED = "hosted.example", "verified.example"
"""Domains: for the one the backend decides, for the other Postfix asks the mailboxes as well."""

BOXES = [
    f"{name}{number}@{HOSTED}"
    for number in range(60)
    for name in ("box", "b+ox", "o'box", "a=b&c#", "x~y")
]
ALIASES = {
    f"alias{number}@{HOSTED}": BOXES[number * 4 : number * 4 + 1 + number % 4]
    for number in range(60)
}
READERS = [f"reader{number}@{VERIFIED}" for number in range(5)]
NOBODIES = [f"nobody{number}@{VERIFIED}" for number in range(3)]
REFUSED_SENDERS = [f"spam{number}@client.example" for number in range(5)]

RELAY_DENIED = "554 5.7.1 <{}>: Relay access denied"
REFUSED = "554 5.7.1 <{}>: Recipient address rejected: not from you"
UNDELIVERABLE = (
    "550 5.1.1 <{}>: Recipient address rejected: undeliverable address: "
    "host 127.0.0.1[127.0.0.1] said: 550 5.1.1 nobody (in reply to RCPT TO command)"
)

DOMAINS = {domain: [domain] for domain in (HOSTED, VERIFIED)}
MAILBOXES = {box: [box] for box in (*BOXES, *READERS, *NOBODIES)}
ROUTES: dict[str, Route] = {
    "/domains": lookup(DOMAINS),
    "/mailboxes": lookup(MAILBOXES),
    "/aliases": maps({"aliases": lookup(ALIASES)}),
    "/policy": actions("sender", dict.fromkeys(REFUSED_SENDERS, "REJECT not from you")),
}

SLOW_SEC = 2
"""Longer than the handlers wait."""

_OK = "HTTP/1.1 200 OK\r\n"
FAULTS: dict[str, Route] = {
    "500": answer(status=500),
    "503": answer("[]", status=503),
    "302": answer(status=302, headers={"Location": "/elsewhere"}),
    "429": answer(status=429),
    "closed": dropped(),
    "reset": dropped(with_reset=True),
    "half": dropped(f'{_OK}Content-Length: 40\r\n\r\n["half"'),
    "reset in the body": dropped(f"{_OK}Content-Length: 40\r\n\r\n[", with_reset=True),
    "not HTTP": dropped("220 mx.test.example ESMTP\r\n"),
    "nothing but a header": dropped(f"{_OK}Content-Type: application/json\r\n"),
    "no JSON": answer("<html>\nWelcome\n</html>"),
    "no strings": answer('[{"mailbox": 1}]'),
    "an action without a verb": answer("451"),
}
"""What the backend answers to everything while it fails."""

DOWN = ("killed", "frozen", "slow", *FAULTS)


def broken(fault: str, paths: Sequence[str]) -> dict[str, Route]:
    """What the backend answers that is slow, or has one of the FAULTS, for these PATHS."""
    if fault == "slow":
        return {**ROUTES, **{path: {**ROUTES[path], "delay_sec": SLOW_SEC} for path in paths}}
    return {**ROUTES, **dict.fromkeys(paths, FAULTS[fault])}


# -- mail


class Mail(NamedTuple):
    """A mail that is to be sent."""

    number: int
    sender: str
    recipients: tuple[str, ...]
    is_local: bool
    """By sendmail(1), and not by SMTP."""


def mails(seed: str, count: int) -> list[Mail]:
    """COUNT mails of all kinds."""
    generator = random.Random(f"mails {seed}")
    kinds = generator.choices(list(_KINDS), [share for share, _ in _KINDS.values()], k=count)
    return [
        Mail(
            number,
            generator.choice(REFUSED_SENDERS) if kind == "refused" else f"s{number}@client.example",
            tuple(_KINDS[kind][1](generator)),
            is_local=kind == "local",
        )
        for number, kind in enumerate(kinds)
    ]


def _several(generator: random.Random) -> list[str]:
    """Recipients of all kinds, among whom nobody gets the mail twice."""
    alias = generator.choice(list(ALIASES))
    others = [box for box in generator.sample(BOXES, 6) if box not in ALIASES[alias]]
    chosen = [alias, *others[:2], _unknown(generator), _elsewhere(generator)]
    return generator.sample(chosen, generator.randint(2, len(chosen)))


def _unknown(generator: random.Random) -> str:
    return f"unknown{generator.randrange(100)}@{HOSTED}"


def _elsewhere(generator: random.Random) -> str:
    return f"box{generator.randrange(100)}@elsewhere{generator.randrange(5)}.example"


_KINDS: dict[str, tuple[int, Callable[[random.Random], list[str]]]] = {
    "mailbox": (32, lambda generator: [generator.choice(BOXES)]),
    "alias": (30, lambda generator: [generator.choice(list(ALIASES))]),
    "several": (10, _several),
    "unknown": (8, lambda generator: [_unknown(generator)]),
    "refused": (6, lambda generator: [generator.choice(BOXES)]),
    "relay": (5, lambda generator: [_elsewhere(generator)]),
    "verified": (4, lambda generator: [generator.choice(READERS + NOBODIES)]),
    "local": (5, lambda generator: [generator.choice([*BOXES, *ALIASES])]),
}
"""By the kind of a mail: how many of a hundred are of this kind, and its recipients."""


def expected(sender: str, recipient: str) -> list[str] | str:
    """Where a mail ends up that is for RECIPIENT; or the reply with which it is refused."""
    domain = recipient.partition("@")[2]
    if domain not in DOMAINS:
        return RELAY_DENIED.format(recipient)
    if sender in REFUSED_SENDERS:
        return REFUSED.format(recipient)
    if recipient in NOBODIES:
        return UNDELIVERABLE.format(recipient)
    if recipient in MAILBOXES:
        return [recipient]
    return ALIASES.get(recipient) or UNKNOWN.format(recipient)


# -- chaos


class Step(NamedTuple):
    """What is done, when so many attempts to send a mail have been made."""

    attempts: int
    action: str
    arguments: tuple[Any, ...] = ()


_KIND = ("tcp", "socketmap", "policy")
_TROUBLES: dict[str, tuple[int, Callable[[random.Random], tuple[Any, ...]]]] = {
    "kill": (5, lambda generator: (generator.randint(1, 8),)),
    "freeze": (3, lambda generator: (generator.randint(1, 8),)),
    "reload": (4, lambda _: ()),
    "reexec": (2, lambda _: ()),
    "restart_socket": (3, lambda generator: (generator.choice(_KIND),)),
    "restart_sockets": (1, lambda _: ()),
    "restart_slice": (2, lambda generator: (generator.choice(_KIND),)),
    "stop_handlers": (1, lambda generator: (generator.choice(_KIND),)),
    "restart_postfix": (1, lambda _: ()),
    "reload_postfix": (1, lambda _: ()),
}
"""What happens once in a while: how often, and with which arguments."""

TROUBLE_EVERY, OUTAGE_EVERY = 20, (8, 20)
"""So many attempts are between two troubles, and between two outages of the backend."""
OUTAGE, FREEZE = (8, 20), (3, 10)
"""So many attempts an outage lasts, and SIGSTOP of handlers."""


def steps(seed: str, attempts: int) -> list[Step]:
    """The chaos for so many attempts, in order."""
    generator = random.Random(f"steps {seed}")
    found = [step for spell in _outages(generator, attempts) for step in spell]
    bag: list[str] = []
    for at in range(TROUBLE_EVERY, attempts, TROUBLE_EVERY):
        if not bag:
            bag = [name for name, (often, _) in _TROUBLES.items() for _ in range(often)]
            generator.shuffle(bag)
        name = bag.pop()
        found.append(Step(at, name, _TROUBLES[name][1](generator)))
        if name == "freeze":
            found.append(Step(at + generator.randint(*FREEZE), "thaw"))
    return sorted(found, key=lambda step: step.attempts)


def _outages(generator: random.Random, attempts: int) -> Iterator[tuple[Step, Step]]:
    """One outage after the other, in all ways: of each table alone, and of all."""
    tables = list(ROUTES)
    targets = [[table] for table in tables] + [tables]
    hows = [(how, what) for how in DOWN for what in targets]
    bag: list[tuple[str, list[str]]] = []
    begin = 0
    while (begin := begin + generator.randint(*OUTAGE_EVERY)) < attempts:
        bag = bag or generator.sample(hows, len(hows))
        end = begin + generator.randint(*OUTAGE)
        yield Step(begin, "fail", bag.pop()), Step(end, "mend")
        begin = end
