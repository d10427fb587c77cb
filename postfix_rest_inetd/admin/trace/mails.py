# SPDX-License-Identifier: MIT
"""Which lines and requests belong to one mail. Pure functions."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.trace import NEAR_SEC
from postfix_rest_inetd.admin.trace.subject import ADDRESS, keys_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from postfix_rest_inetd.admin.trace.chain import Link
    from postfix_rest_inetd.admin.trace.line import Line
    from postfix_rest_inetd.admin.trace.request import Request
    from postfix_rest_inetd.admin.trace.subject import Subject

NAMED, NEAR, ANONYMOUS = "this mail", "near in time", "near in time, key not logged"
"""How a request is related to a mail: it names the mail; it has a key of the mail; only its time
fits."""

_NEAR_USEC = int(NEAR_SEC * 1_000_000)
_NEAR_DOMAIN_USEC = 2_000_000  # many mails have the same domain
_QUOTED = re.compile('for "([^"]*)"')  # util/dict_tcp.c, util/dict_sockmap.c, smtpd/smtpd_check.c
_ASKS_US = ("lookup error", "lookup problem", "problem talking to server", "lookup failure")


class Related(NamedTuple):
    """A request, and how it is related to a mail: NAMED, NEAR or ANONYMOUS."""

    request: Request
    relation: str


class Mail(NamedTuple):
    """A mail; without a queue id if smtpd(8) refused it before there was one.

    `before` and `after` are the links to it, and from it.
    """

    queue_id: str
    lines: list[Line]
    requests: tuple[Related, ...] = ()
    before: tuple[Link, ...] = ()
    after: tuple[Link, ...] = ()

    @property
    def addresses(self) -> set[str]:
        """Senders and recipients, as they are written and in lower case."""
        asked = [each.request for each in self.requests if each.relation == NAMED]
        named = [each for r in asked for each in (r.sender, r.recipient) if each]
        forms = {form for each in named for form in (each, each.lower())}
        return forms.union(*(line.addresses for line in self.lines))

    @property
    def keys(self) -> set[str]:
        """The keys that a lookup for this mail can have."""
        return keys_of(self.addresses)


def is_near(when_usec: int, lines: Iterable[Line], distance_usec: int = _NEAR_USEC) -> bool:
    """Is a time near one of the lines?"""
    return any(abs(line.when_usec - when_usec) <= distance_usec for line in lines)


def of(lines: list[Line], subject: Subject, queue_ids: set[str]) -> list[Mail]:
    """The mails that the subject names, or one of the queue ids, in the order of their last lines.

    Args:
        lines: all of Postfix, in the order of time.
        subject: an address names each mail that it sends or receives.
        queue_ids: of further mails.
    """
    wanted, address = set(queue_ids), subject.text.lower()
    if subject.kind == ADDRESS:
        wanted |= {line.queue_id for line in lines if line.queue_id and _has(line, address)}
    queued: dict[str, list[Line]] = {}
    for line in lines:
        if line.queue_id in wanted:
            queued.setdefault(line.queue_id, []).append(line)
    mails = [Mail(queue_id, found) for queue_id, found in queued.items()]
    if subject.kind == ADDRESS:
        mails += _unqueued([line for line in lines if line.fate and _has(line, address)])
    return sorted(mails, key=lambda mail: mail.lines[-1].when_usec)


def _has(line: Line, address: str) -> bool:
    return address in line.addresses or address == line.message_id.lower()


def _unqueued(lines: list[Line]) -> Iterator[Mail]:
    """What smtpd(8) refused before there was a queue id, each recipient as a mail of its own.

    Refusals by one process are one mail, if they are near in time.
    """
    open_: dict[tuple[str, str, str, tuple[str, ...]], Mail] = {}
    for line in lines:
        if line.queue_id:
            continue
        key = (line.program, line.pid, line.sender or "", line.recipients)
        mail = open_.get(key)
        if mail is not None and is_near(line.when_usec, mail.lines[-1:]):
            mail.lines.append(line)
            continue
        if mail is not None:
            yield mail
        open_[key] = Mail("", [line])
    yield from open_.values()


def with_troubles(mail: Mail, lines: list[Line]) -> Mail:
    """The mail with the warnings of its processes about tables and policy services."""
    pids = {line.pid for line in mail.lines if line.pid}
    first, last = mail.lines[0].when_usec - _NEAR_USEC, mail.lines[-1].when_usec + _NEAR_USEC
    found = [
        line
        for line in lines
        if line.is_trouble
        and not line.queue_id
        and first <= line.when_usec <= last
        and is_near(line.when_usec, mail.lines)
        and _may_be_about(line, mail.keys, pids)
        and any(words in line.text for words in _ASKS_US)
    ]
    return mail._replace(lines=sorted([*mail.lines, *found], key=lambda line: line.when_usec))


def _may_be_about(line: Line, keys: set[str], pids: set[str]) -> bool:
    """A warning that quotes a key is about mails with that key; another one, about its process."""
    quoted = _QUOTED.search(line.text)
    return quoted[1] in keys if quoted else line.pid in pids


def related(mail: Mail, requests: Iterable[Request]) -> Mail:
    """The mail with those of the requests that belong to it, in the order of time."""
    requests = list(requests)
    instances = {r.instance for r in requests if r.queue_id and r.queue_id == mail.queue_id}
    named = [
        r
        for r in requests
        if (r.queue_id and r.queue_id == mail.queue_id)
        or (r.instance and (r.instance in instances or _is_of_process(r, mail)))
    ]
    mail = mail._replace(requests=tuple(Related(request, NAMED) for request in named))
    keys, known = mail.keys, {id(request) for request in named}
    found = [*mail.requests]
    for request in requests:
        if id(request) in known or not is_near(request.when_usec, mail.lines):
            continue
        is_for_domain = "@" not in request.key and not request.entry.failed
        if request.key and request.key in keys:
            if is_for_domain and not is_near(request.when_usec, mail.lines, _NEAR_DOMAIN_USEC):
                continue
            found.append(Related(request, NEAR))
        elif request.is_anonymous and request.entry.failed:
            found.append(Related(request, ANONYMOUS))
    found.sort(key=lambda each: each.request.when_usec)
    return mail._replace(requests=tuple(found))


def linked(mail: Mail, links: Iterable[Link]) -> Mail:
    """The mail with the links to it and from it."""
    own = [each for each in links if mail.queue_id in (each.former, each.queue_id)]
    before = tuple(each for each in own if each.queue_id == mail.queue_id and each.is_here)
    after = tuple(each for each in own if each.former == mail.queue_id)
    return mail._replace(before=before, after=after)


def _is_of_process(request: Request, mail: Mail) -> bool:
    """Did the process of smtpd(8) ask that logged a line of the mail then, for its addresses?"""
    if request.queue_id and request.queue_id != mail.queue_id and mail.queue_id:
        return False
    lines = [line for line in mail.lines if line.pid and line.pid == request.process]
    own = {each.lower() for each in (request.sender, request.recipient) if each}
    return is_near(request.when_usec, lines) and own <= mail.addresses
