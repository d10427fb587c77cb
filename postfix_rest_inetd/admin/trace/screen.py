# SPDX-License-Identifier: MIT
"""The mails as text: the entries of both sides in the order of time, the verdict, and what to do.

On a terminal, lines are wrapped at its width, up to 120 columns; elsewhere, each entry is one line.
All texts are printable already.
"""

from __future__ import annotations

import heapq
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.trace import NEAR_SEC, cause, mails
from postfix_rest_inetd.admin.trace.line import (
    ACCEPTED,
    DEFERRED,
    FORWARDED,
    HANDED_ON,
    NOTICE,
    REFUSED,
    REQUEUED,
)
from postfix_rest_inetd.admin.trace.subject import ADDRESS
from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.wrap import WIDTH, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from postfix_rest_inetd.admin.trace.line import Line
    from postfix_rest_inetd.admin.trace.mails import Mail, Related
    from postfix_rest_inetd.admin.trace.request import Request
    from postfix_rest_inetd.admin.trace.search import Found

MAX_WIDTH = 120
MAX_EVENTS = 40

_MARKS = {mails.NAMED: "*", mails.NEAR: "~", mails.ANONYMOUS: "?"}
_LEGEND = {
    mails.NAMED: "a request that names this mail, or comes from its smtpd process",
    mails.NEAR: f"near in time ({NEAR_SEC:.0f} s): a lookup of an address or domain of this mail",
    mails.ANONYMOUS: "near in time: a failed request whose entry does not say what was asked",
}
_STYLES = {
    ACCEPTED: terminal.GOOD,
    DEFERRED: terminal.DOUBTFUL,
    REFUSED: terminal.BAD,
    cause.UNFINISHED: terminal.DOUBTFUL,
}
_ORIGIN = 14


_BEFORE = {NOTICE: "It is about {}: see above."}
_AFTER = {
    HANDED_ON: "It goes on as {}",
    FORWARDED: "It was forwarded as {}",
    NOTICE: "A notice about it is {}",
    REQUEUED: "It was queued again as {}",
}
MAX_LINKS = 5


class _Event(NamedTuple):
    when_usec: int
    mark: str
    origin: str
    text: str
    style: str


def report(found: Found) -> str:
    """The whole text."""
    width = terminal.line_width(MAX_WIDTH)
    lines: list[str] = []
    address = found.subject.text if found.subject.kind == ADDRESS else ""
    shown = {mail.queue_id for mail in found.mails}
    for mail in found.mails:
        lines += [*_mail(mail, address, width), *_after(mail, shown, width), ""]
    if found.others:
        title = "Requests about it" + (" without one of these mails" if found.mails else "")
        lines.append(terminal.painted(title, terminal.TITLE))
        lines += [*_table([_of_request(each, " ") for each in found.others], width), ""]
    for note in found.notes:
        lines += _wrapped(f"Note: {note}.", width)
    return "".join(f"{line}\n" for line in lines).rstrip("\n") + "\n"


def _mail(mail: Mail, address: str, width: int) -> Iterator[str]:
    for line in _wrapped(_heading(mail), width):
        yield terminal.painted(line, terminal.TITLE)
    for link in mail.before:
        text = _BEFORE.get(link.kind, "Before, it was {}: see above.").format(link.former)
        for line in _wrapped(text, width):
            yield terminal.painted(line, terminal.LABEL)
    ours = sorted(_of_requests(mail.requests), key=lambda event: event.when_usec)
    lines = [_of_line(line, mail) for line in mail.lines]
    yield from _table(list(heapq.merge(lines, ours, key=lambda event: event.when_usec)), width)
    relations = {each.relation for each in mail.requests}
    for relation in [each for each in _LEGEND if each in relations]:
        for line in _wrapped(_LEGEND[relation], width, f"{_MARKS[relation]} ", "  "):
            yield terminal.painted(line, terminal.LABEL)
    yield ""
    judged = cause.judge(mail, address)
    for line in _wrapped(judged.verdict, width):
        yield terminal.painted(line, _STYLES[judged.fate])
    yield from _remedy(judged, width)


def _after(mail: Mail, shown: set[str], width: int) -> Iterator[str]:
    """How the mail goes on under other queue ids."""
    for link in mail.after[:MAX_LINKS]:
        text = _AFTER[link.kind].format(link.queue_id)
        if link.is_here:
            where = "see below." if link.queue_id in shown else "trace that as well."
        elif link.relay:
            where = f"that is an id of {link.relay}, and this journal has nothing about it."
        else:
            where = "this journal has nothing about that."
        yield from _wrapped(f"{text}: {where}", width, "-> ", "   ")
    if (more := len(mail.after) - MAX_LINKS) > 0:
        yield f"   {more} more queue ids are not shown; --json has them."


def _heading(mail: Mail) -> str:
    sender = next((line.sender for line in mail.lines if line.sender is not None), None)
    recipients = list(dict.fromkeys(each for line in mail.lines for each in line.recipients))
    title = f"Mail {mail.queue_id}" if mail.queue_id else "Mail without a queue id"
    if sender is not None:
        title += f" from <{sender}>"
    if recipients:
        more = len(recipients) - 1
        title += f" to <{recipients[0]}>" + (f" and {more} more" if more else "")
    return title


def _of_line(line: Line, mail: Mail) -> _Event:
    text = line.text.removeprefix(f"{mail.queue_id}: ") if mail.queue_id else line.text
    style = _STYLES.get(line.fate, "") if line.fate != ACCEPTED else ""
    return _Event(line.when_usec, " ", line.program, text, style)


def _of_requests(requests: Iterable[Related]) -> Iterator[_Event]:
    """An event for each request; one for all lookups of a domain that many mails may have."""
    same: dict[tuple[str, str, str, str], list[Request]] = {}
    for each in requests:
        request, entry = each.request, each.request.entry
        if each.relation == mails.NEAR and "@" not in request.key and not entry.failed:
            name = (entry.endpoint, entry.mode, request.key, entry.outcome)
            same.setdefault(name, []).append(request)
        else:
            yield _of_request(request, _MARKS[each.relation])
    for first, *others in same.values():
        event = _of_request(first, _MARKS[mails.NEAR])
        if others:
            times = f"{len(others)} more" if len(others) > 1 else "again"
            text = f"{event.text}, {times} until {_local(others[-1].when_usec):%H:%M:%S}"
            event = event._replace(text=text)
        yield event


def _of_request(request: Request, mark: str) -> _Event:
    entry = request.entry
    text = request.text.removeprefix(f"{entry.endpoint}: ")
    style = terminal.BAD if entry.failed else terminal.WIRE
    return _Event(request.when_usec, mark, entry.endpoint or entry.mode, text, style)


def _table(events: list[_Event], width: int) -> Iterator[str]:
    """A line for each event, with the date above the first one of a day."""
    shown = events
    if len(events) > MAX_EVENTS:
        shown = events[: MAX_EVENTS // 2] + events[-MAX_EVENTS // 2 :]
    origin_width = min(_ORIGIN, max(len(event.origin) for event in shown))
    day, margin = "", 0
    for number, event in enumerate(shown):
        if number == MAX_EVENTS // 2 and len(shown) < len(events):
            yield f"  ... {len(events) - len(shown)} entries are not shown; --json has them ..."
        if (date := f"{_local(event.when_usec):%Y-%m-%d}") != day:
            day = date
            yield terminal.painted(day, terminal.LABEL)
        origin = event.origin
        if len(origin) > _ORIGIN:
            origin = f"{origin[: _ORIGIN - 3]}..."
        head = f"{_time_of(event.when_usec)} {event.mark} "
        head += f"{origin:{origin_width}}  "
        margin = len(head)
        first, *rest = _wrapped(event.text, width, " " * margin, " " * margin)
        first = head + terminal.painted(first[margin:], event.style)
        yield from (
            first,
            *(" " * margin + terminal.painted(each[margin:], event.style) for each in rest),
        )


def _local(when_usec: int) -> datetime:
    return datetime.fromtimestamp(when_usec / 1_000_000).astimezone()


def _time_of(when_usec: int) -> str:
    """The time of day, to the millisecond."""
    when = _local(when_usec)
    return f"{when:%H:%M:%S}.{when.microsecond // 1000:03}"


def _remedy(judged: cause.Judgement, width: int) -> Iterator[str]:
    remedy: Iterable[str] = judged.remedy
    if 0 < width < WIDTH:
        remedy = (" ".join(" ".join(judged.remedy).split()),) if judged.remedy else ()
    arrow = "-> "
    for text in remedy:
        indent = len(text) - len(text.lstrip())
        yield from _wrapped(text.strip(), width, arrow + " " * indent, " " * (3 + indent))
        arrow = "   "
    if judged.commands and not judged.remedy:
        yield f"{arrow}To see what it means and what to do:"
        arrow = "   "
    for command in judged.commands:
        yield f"{arrow}    {command}"
        arrow = "   "


def _wrapped(text: str, width: int, first: str = "", others: str = "") -> list[str]:
    if not width:
        return [first + text]
    return wrapped(text, width, first, others)
