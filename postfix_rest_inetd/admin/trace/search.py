# SPDX-License-Identifier: MIT
"""What the journal has about a subject. Every reading has a bound, and `notes` says which was hit.

journald finds our entries by their fields. It has no index for the text of Postfix's lines, so the
newest MAX_LINES of the period are read, and filtered here.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.trace import NEAR_SEC, chain, mails
from postfix_rest_inetd.admin.trace import line as lines_of_postfix
from postfix_rest_inetd.admin.trace import request as requests_of_ours
from postfix_rest_inetd.admin.trace.subject import (
    ADDRESS,
    QUEUE_ID,
    REQUEST_ID,
    Subject,
)
from postfix_rest_inetd.admin.ui.draw import moment
from postfix_rest_inetd.admin.ui.progress import Progress
from postfix_rest_inetd.journal import ERROR, IDENTIFIER, WARNING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from postfix_rest_inetd.admin.statistics.journal import Journal
    from postfix_rest_inetd.admin.statistics.journal_entry import Fields
    from postfix_rest_inetd.admin.trace.line import Line
    from postfix_rest_inetd.admin.trace.mails import Mail
    from postfix_rest_inetd.admin.trace.request import Request

    _Raw = tuple[int, bytes, bytes, bytes]

MAX_LINES = 100_000
MAX_REQUESTS = 500
MAX_MAILS = 5
MAX_WINDOWS = 20
_PROGRESS_EVERY = 1000
_FIELDS = ("MESSAGE", "SYSLOG_IDENTIFIER", "_PID")

# The mail of one request: Postfix's lines up to this long after it.
_AFTER_SEC = 3600.0

_NO_LINES = (
    "the journal has no lines of Postfix in this period; if maillog_file is set, or if only syslog "
    "has them, they are in a file such as /var/log/mail.log, which is not read"
)


class Found(NamedTuple):
    """What was found.

    Attributes:
        subject: what was looked for.
        mails: the last MAX_MAILS, in the order of time.
        others: requests about the subject without a mail among those, in the order of time.
        notes: what was not found or not read, and why.
    """

    subject: Subject
    mails: list[Mail]
    others: list[Request]
    notes: list[str]


class _Period(NamedTuple):
    since: float
    until: float | None


def search(journal: Journal, subject: Subject, since: float, until: float | None) -> Found:
    """Look for a subject in a period (seconds since 1970; until None is the end of the journal).

    Raises:
        JournalError: the journal cannot be read.
    """
    notes: list[str] = []
    period = _Period(since, until)
    own = _requests(journal, period, notes, *_about(subject))
    if subject.kind == REQUEST_ID:
        if not own:
            return Found(subject, [], [], notes)
        subject, period = _mail_of(own[0], subject, period)
    ids = {request.queue_id for request in own if request.queue_id}
    if subject.kind == QUEUE_ID:
        ids = {subject.text}
    raw = _lines(journal, period, notes)
    lines = _parsed(raw, {subject.text}, ids)
    found = mails.of(lines, subject, ids)
    if found and (hidden := len(found) - MAX_MAILS) > 0:
        found = found[hidden:]
        begin = found[0].lines[0].when_usec / 1_000_000 - NEAR_SEC
        notes.append(f"{hidden} earlier mails are not shown; choose them with --since and --until")
        own = [request for request in own if request.when_usec / 1_000_000 >= begin]
    lines, found = _followed(raw, lines, found, notes)
    found = [_completed(journal, mails.with_troubles(mail, lines), own, notes) for mail in found]
    shown = {_name(each.request) for mail in found for each in mail.requests}
    others = [request for request in own if _name(request) not in shown]
    return Found(subject, found, others, list(dict.fromkeys(notes)))


def _followed(
    raw: list[_Raw], lines: list[Line], found: list[Mail], notes: list[str]
) -> tuple[list[Line], list[Mail]]:
    """The mails, and those that they came from or go on as, in the order of time; and their lines.

    At most MAX_MAILS more, and chain.MAX_HOPS from one to the next.
    """
    ids = {mail.queue_id for mail in found if mail.queue_id}
    known, links = set(ids), chain.links(lines)
    heads = (message.partition(b": ")[0] for _, message, *_ in raw if links)
    ours = {head.decode(errors="replace") for head in heads}
    for hop in range(chain.MAX_HOPS + 1):
        near = (chain.next_to(chain.connected(ids, links), links) & ours) - known
        if not near:
            break
        lines = _parsed(raw, known | near, known | near)
        links = chain.links(lines)
        connected = chain.connected(ids, links)
        if hop == chain.MAX_HOPS or len(connected) > len(ids) + MAX_MAILS:
            more = ", ".join(sorted(connected - known)[:MAX_MAILS])
            if more:
                notes.append(f"not all queue ids of these mails are shown: trace {more}")
            break
        known |= near
    further = (chain.connected(ids, links) & known) - ids
    found = [*found, *mails.of(lines, Subject(QUEUE_ID, ""), further)]
    found = [mails.linked(mail, links) for mail in found]
    return lines, sorted(found, key=lambda mail: mail.lines[0].when_usec)


def _about(subject: Subject) -> list[dict[str, Iterable[str]]]:
    if subject.kind == QUEUE_ID:
        return [{"POSTFIX_REST_QUEUE_ID": (subject.text,)}]
    if subject.kind == REQUEST_ID:
        return [{"POSTFIX_REST_REQUEST_ID": (subject.text,)}]
    forms = {subject.text, subject.text.lower()}
    return [{f"POSTFIX_REST_{name}": forms} for name in ("KEY", "SENDER", "RECIPIENT")]


def _mail_of(request: Request, subject: Subject, period: _Period) -> tuple[Subject, _Period]:
    """What to look for instead of a request id, and where."""
    when = request.when_usec / 1_000_000
    until = when + _AFTER_SEC
    if period.until is not None:
        until = min(until, period.until)
    near = _Period(when - NEAR_SEC, until)
    if request.queue_id:
        return Subject(QUEUE_ID, request.queue_id), _Period(period.since, until)
    if address := request.recipient or request.key or request.sender:
        return Subject(ADDRESS, address), near
    return subject, near


def _completed(journal: Journal, mail: Mail, own: list[Request], notes: list[str]) -> Mail:
    """The mail with its requests, those without its name included."""
    groups: list[dict[str, Iterable[str]]] = [{"PRIORITY": (str(ERROR), str(WARNING))}]
    if keys := mail.keys:
        groups += [{f"POSTFIX_REST_{name}": keys} for name in ("KEY", "SENDER", "RECIPIENT")]
    if mail.queue_id:
        groups.append({"POSTFIX_REST_QUEUE_ID": (mail.queue_id,)})
    found = [*own]
    windows = _windows(mail)
    if len(windows) > MAX_WINDOWS:
        notes.append(f"requests were looked for near the last {MAX_WINDOWS} attempts only")
    for begin, end in windows[-MAX_WINDOWS:]:
        found += _requests(journal, _Period(begin, end), notes, *groups)
    unique = {_name(request): request for request in found}
    return mails.related(mail, unique.values())


def _windows(mail: Mail) -> list[tuple[float, float]]:
    """The times near the lines of a mail, each once."""
    windows: list[tuple[float, float]] = []
    for line in mail.lines:
        when = line.when_usec / 1_000_000
        if windows and when - NEAR_SEC <= windows[-1][1]:
            windows[-1] = (windows[-1][0], when + NEAR_SEC)
        else:
            windows.append((when - NEAR_SEC, when + NEAR_SEC))
    return windows


def _name(request: Request) -> tuple[int, str, str]:
    return request.when_usec, request.request_id, request.text


def _requests(
    journal: Journal, period: _Period, notes: list[str], *groups: Mapping[str, Iterable[str]]
) -> list[Request]:
    """The newest requests with one of the groups of fields, in the order of time."""
    journal.select(*({"SYSLOG_IDENTIFIER": (IDENTIFIER,), **group} for group in groups))
    found: list[Request] = []
    for when, fields in journal.newest_first(*period):
        if len(found) == MAX_REQUESTS:
            notes.append(f"only the last {MAX_REQUESTS} requests since {_clock(when)} were read")
            break
        request = requests_of_ours.parse(fields, when, journal.explanation())
        if request is not None:
            found.append(request)
    return found[::-1]


def _lines(journal: Journal, period: _Period, notes: list[str]) -> list[_Raw]:
    """Postfix's lines, in the order of time."""
    own = {each for each in journal.identifiers() if lines_of_postfix.IDENTIFIERS.fullmatch(each)}
    found: list[_Raw] = []
    with Progress("lines of Postfix") as progress:
        journal.select({"SYSLOG_IDENTIFIER": own})
        for when, fields in journal.newest_first(*period, _FIELDS) if own else ():
            if len(found) % _PROGRESS_EVERY == 0:
                progress.show(len(found), None)
            if len(found) == MAX_LINES:
                notes.append(
                    f"only the last {MAX_LINES} lines of Postfix, those since {_clock(when)}, were "
                    "read; choose an earlier time with --until"
                )
                break
            message, identifier, pid = (_value(fields, name) for name in _FIELDS)
            found.append((when, message, identifier, pid))
    if not found:
        notes.append(_NO_LINES)
    return found[::-1]


def _parsed(lines: list[_Raw], words: set[str], ids: set[str]) -> list[Line]:
    """The lines with one of the words or about a queue id, and warnings, in the order of time."""
    return [
        lines_of_postfix.parse(
            message, identifier.decode(errors="replace"), pid.decode(errors="replace"), when
        )
        for when, message, identifier, pid in _relevant(lines, words, ids)
    ]


def _relevant(lines: list[_Raw], words: set[str], ids: set[str]) -> Iterator[_Raw]:
    """Those that can matter: to parse all of them takes longer than to read them."""
    heads = {b"warning", b"error", b"fatal", b"panic", *map(str.encode, ids)}
    needles = [each.lower().encode() for each in words]
    # Only of ASCII are lower-case letters the same in bytes: RFC 6531 has other addresses as well.
    is_ascii = all(map(str.isascii, words))
    lower = [_lower(message, is_ascii=is_ascii) for _, message, *_ in lines]
    named = [any(needle in message for needle in needles) for message in lower]
    heads |= {
        raw[1].partition(b": ")[0] for raw, is_named in zip(lines, named, strict=True) if is_named
    }
    heads.discard(b"NOQUEUE")
    for raw, is_named in zip(lines, named, strict=True):
        if is_named or raw[1].partition(b": ")[0] in heads:
            yield raw


def _lower(message: bytes, *, is_ascii: bool) -> bytes:
    return message.lower() if is_ascii else message.decode(errors="replace").lower().encode()


def _value(fields: Fields, name: str) -> bytes:
    value = fields.get(name, b"")
    return value[-1] if isinstance(value, list) else value


def _clock(when_usec: int) -> str:
    return moment(when_usec / 1_000_000)
