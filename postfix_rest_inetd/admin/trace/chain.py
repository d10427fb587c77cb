# SPDX-License-Identifier: MIT
"""Under which queue id a mail goes on, and from which one it came. Pure functions.

A content filter, an address that is forwarded, `postsuper -r` and a bounce give a mail, or what is
said about it, another queue id. Postfix logs both in one line (line.py). Other machines log theirs
elsewhere, and their ids may be ids of this one by chance. So a queue id is one of this machine only
if it has lines at that time and, unless it is about the mail, the same Message-ID.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.trace.line import NOTICE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postfix_rest_inetd.admin.trace.line import Line

MAX_HOPS = 5

_SLACK_USEC = 2_000_000


class Link(NamedTuple):
    """From one queue id to the next one.

    Attributes:
        former: a queue id of this machine.
        queue_id: the next one.
        kind: one of those in line.py.
        relay: which server has it, as Postfix says; empty for Postfix itself.
        is_here: is the next one in the journal as well?
    """

    former: str
    queue_id: str
    kind: str
    relay: str
    is_here: bool


def links(lines: Iterable[Line]) -> list[Link]:
    """All links that the lines tell of, each once, in the order of time."""
    of_id: dict[str, list[Line]] = {}
    for line in lines:
        of_id.setdefault(line.queue_id, []).append(line)
    found: dict[tuple[str, str], Link] = {}
    for line in lines:
        if line.link is None:
            continue
        former, queue_id, kind = line.link
        is_here = _is_here(line, of_id.get(former, []), of_id.get(queue_id, []))
        found[former, queue_id] = Link(former, queue_id, kind, line.relay, is_here)
    return list(found.values())


def _is_here(line: Line, before: list[Line], after: list[Line]) -> bool:
    begin = min((each.when_usec for each in before), default=line.when_usec) - _SLACK_USEC
    if not any(begin <= each.when_usec <= line.when_usec + _SLACK_USEC for each in after):
        return False
    names = [{each.message_id for each in own if each.message_id} for own in (before, after)]
    is_about = line.link is not None and line.link[2] == NOTICE
    return is_about or not all(names) or bool(names[0] & names[1])


def next_to(ids: set[str], found: Iterable[Link]) -> set[str]:
    """These ids, and those that are linked with one of them."""
    after = {each.queue_id for each in found if each.former in ids}
    return ids | after | {each.former for each in found if each.queue_id in ids}


def connected(ids: set[str], found: Iterable[Link]) -> set[str]:
    """These ids, and all of this machine that are linked with them."""
    here = [each for each in found if each.is_here]
    known = set(ids)
    while (more := next_to(known, here)) != known:
        known = more
    return known
