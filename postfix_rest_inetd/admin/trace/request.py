# SPDX-License-Identifier: MIT
"""The entry of a handler about a request, with what relates it to a mail. Pure functions."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.statistics import journal_entry
from postfix_rest_inetd.log_entry import MAX_FIELD_CHARACTERS, printable

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.statistics.journal_entry import Fields, JournalEntry

MAX_CHARACTERS = 4000
_REMEDY = 2  # which paragraph of a text of the catalog says what to do


class Request(NamedTuple):
    """A request.

    Attributes:
        entry: what is counted of it.
        text: the message for people, in one line.
        request_id: empty for an entry that is not about one request.
        queue_id: of policy requests, as soon as there is one.
        instance: of policy requests: the process of smtpd(8) and the time, all in hexadecimal.
        key: of lookups.
        sender: of policy requests.
        recipient: of policy requests.
        remedy: the lines of the message catalog that say what to do; none if it is not installed.
    """

    entry: JournalEntry
    text: str
    request_id: str = ""
    queue_id: str = ""
    instance: str = ""
    key: str = ""
    sender: str = ""
    recipient: str = ""
    remedy: tuple[str, ...] = ()

    @property
    def when_usec(self) -> int:
        """When it was answered, in microseconds since 1970."""
        return self.entry.when_usec

    @property
    def is_anonymous(self) -> bool:
        """Does the entry not say what was asked? So it is with `log-keys` false."""
        return not (self.key or self.sender or self.recipient or self.queue_id or self.instance)

    @property
    def process(self) -> str:
        """The pid of the process of smtpd(8) (mail_cmd() in smtpd/smtpd.c); empty if not known."""
        try:
            return str(int(self.instance.partition(".")[0], 16))
        except ValueError:
            return ""


def parse(fields: Fields, when_usec: int, explanation: str) -> Request | None:
    """The request, or None if a handler does not write such an entry.

    Args:
        fields: of the entry.
        when_usec: microseconds since 1970.
        explanation: its text in the message catalog.
    """
    entry = journal_entry.parse(fields, when_usec)
    if entry is None:
        return None
    own = {
        name.lower(): _text(fields, journal_entry.PREFIX + name, MAX_FIELD_CHARACTERS + 1)
        for name in ("REQUEST_ID", "QUEUE_ID", "INSTANCE", "KEY", "SENDER", "RECIPIENT")
    }
    text = _text(fields, "MESSAGE", MAX_CHARACTERS)
    return Request(entry, text, remedy=remedy_in(explanation), **own)


def _text(fields: Fields, name: str, limit: int) -> str:
    value = fields.get(name, b"")
    last = value[-1] if isinstance(value, list) else value
    return printable(last.decode(errors="backslashreplace"), limit)


def remedy_in(explanation: str) -> tuple[str, ...]:
    """The lines of a text of the catalog that say what to do.

    After the header, the first paragraph says what happened, the second one what that means for
    mail, and the third one what to do. If that ends with a colon, the next one belongs to it.
    """
    _, *paragraphs = explanation.strip().split("\n\n")
    if len(paragraphs) <= _REMEDY:
        return ()
    lines = paragraphs[_REMEDY].splitlines()
    if lines[-1].endswith(":"):
        lines += [line for each in paragraphs[_REMEDY + 1 :][:1] for line in each.splitlines()]
    return tuple(printable(line, MAX_FIELD_CHARACTERS) for line in lines)
