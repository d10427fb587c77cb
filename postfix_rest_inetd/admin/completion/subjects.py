# SPDX-License-Identifier: MIT
"""What `trace` takes: queue ids, addresses and request ids of late.

They come from the first mails in the queue, and from the newest entries in the journal, of handlers
and of those programs of Postfix that tell what became of a mail. Anybody who sends mail chooses
addresses, and any local user can write such entries. So a word is offered only if it has the form
of an id, or is an address without a character that means something to a shell.
"""

from __future__ import annotations

import contextlib
import re
import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.host import mail_queue
from postfix_rest_inetd.admin.statistics.journal import Journal, JournalError
from postfix_rest_inetd.admin.trace import line, subject
from postfix_rest_inetd.journal import IDENTIFIER

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from postfix_rest_inetd.admin.statistics.journal_entry import Fields

MAX_WORDS = 20
"""Of each kind: one looks for a mail of late, and a screen has 24 lines."""
_MAX_ENTRIES = 400
_JOURNAL_SEC, _QUEUE_SEC = 0.5, 0.5
_SINCE_SEC = 86400
_PROGRAMS = "bounce cleanup discard error lmtp local pipe qmgr smtp smtpd virtual".split()
_FIELDS = ("QUEUE_ID", "REQUEST_ID", "SENDER", "RECIPIENT", "OUTCOME")
_ADDRESS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]*@[A-Za-z0-9][A-Za-z0-9.-]*", re.ASCII)


def words(typed: str, directory: str | None) -> Iterator[tuple[str, str]]:
    """The words: queue ids and addresses, and request ids if one was begun."""
    found = _Found(typed)
    if directory is None:
        for mail in mail_queue.first(_QUEUE_SEC):
            found.add_mail(mail.queue_id, mail.queue, (mail.sender, *mail.recipients))
    with contextlib.suppress(JournalError), Journal(directory) as journal:
        deadline = time.monotonic() + _JOURNAL_SEC
        programs = [f"postfix/{program}" for program in _PROGRAMS]
        journal.select({"SYSLOG_IDENTIFIER": [IDENTIFIER, *programs]})
        names = (
            *("MESSAGE", "SYSLOG_IDENTIFIER"),
            *(f"POSTFIX_REST_{name}" for name in _FIELDS),
        )
        entries = journal.newest_first(time.time() - _SINCE_SEC, None, names)
        for count, (when, fields) in enumerate(entries, 1):
            found.add_entry(when, fields)
            if count == _MAX_ENTRIES or time.monotonic() > deadline:
                break
    return found.words()


class _Found:
    """The words of each kind that begin with what was typed, the newest first."""

    def __init__(self, typed: str) -> None:
        self._typed = typed.casefold()
        self._ids: dict[str, str] = {}
        self._addresses: dict[str, str] = {}
        self._requests: dict[str, str] = {}

    def words(self) -> Iterator[tuple[str, str]]:
        """All of them."""
        kinds = [self._ids, self._addresses]
        if self._typed:
            kinds.append(self._requests)
        for kind in kinds:
            yield from kind.items()

    def add_mail(self, queue_id: str, fate: str, addresses: Iterable[str]) -> None:
        """Add a mail's queue id, and its addresses."""
        known = [each for each in addresses if each]
        about = " ".join(filter(None, (fate, known[-1] if known else "")))
        if re.fullmatch(subject.QUEUE_ID_PATTERN, queue_id, re.ASCII):
            self._add(self._ids, queue_id, about)
        for address in known:
            if _ADDRESS.fullmatch(address):
                self._add(self._addresses, address, "address")

    def add_entry(self, when_usec: int, fields: Fields) -> None:
        """Add what an entry of the journal is about."""
        if _text(fields, "SYSLOG_IDENTIFIER") == IDENTIFIER:
            own = {name: _text(fields, f"POSTFIX_REST_{name}") for name in _FIELDS}
            outcome = own["OUTCOME"]
            self.add_mail(own["QUEUE_ID"], outcome, (own["SENDER"], own["RECIPIENT"]))
            request = own["REQUEST_ID"]
            if re.fullmatch("[0-9a-f]{32}", request, re.ASCII):
                self._add(self._requests, request, outcome)
            return
        message = fields.get("MESSAGE", b"")
        if isinstance(message, bytes):
            said = line.parse(message, _text(fields, "SYSLOG_IDENTIFIER"), "", when_usec)
            self.add_mail(said.queue_id, said.fate, (said.sender or "", *said.recipients))

    def _add(self, kind: dict[str, str], word: str, about: str) -> None:
        if word.casefold().startswith(self._typed) and (len(kind) < MAX_WORDS or word in kind):
            kind[word] = kind.get(word) or about


def _text(fields: Fields, name: str) -> str:
    value = fields.get(name, b"")
    return value.decode(errors="replace") if isinstance(value, bytes) else ""
