# SPDX-License-Identifier: MIT
"""Many keys from standard input, one per line, as `postmap -q -` has it.

`KEY<TAB>VALUE` is printed for each key that is found, and nothing for a key that is not found.
Unlike with postmap(1), an error does not end the run: it is printed on standard error, and the next
key is asked. After MAX_ERRORS errors in a row without an answer between them, the run ends, because
the next keys would very probably fail as well.
"""

from __future__ import annotations

import os
import stat
import sys
from typing import TYPE_CHECKING, BinaryIO

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask.record import Record
from postfix_rest_inetd.admin.ask.socket_client import NoAnswerError
from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.progress import Progress
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    from typing import Protocol

    from postfix_rest_inetd.admin.ask.codec import Answer

    class Asking(Protocol):
        """What both ways of asking have in common."""

        def ask(self, request: model.Request, record: Record) -> Answer:
            """Ask one question."""


MAX_ERRORS = 10


class Outcome:
    """The numbers of keys that were asked, were found, and had an error."""

    def __init__(self) -> None:
        """None so far."""
        self.asked = self.found = self.errors = 0
        self.gave_up = False


def ask_all(client: Asking, map_name: bytes | None, source: BinaryIO) -> Outcome:
    """Ask for each line of the source."""
    outcome, in_a_row, read = Outcome(), 0, 0
    size = _size(source)
    with Progress("keys") as progress:
        for line in source:
            read += len(line)
            key = line.rstrip(b"\r\n")
            if not key:
                continue
            outcome.asked += 1
            problem = _ask(client, model.LookupRequest(key, map_name), outcome)
            in_a_row = in_a_row + 1 if problem else 0
            if problem:
                progress.wipe()
                terminal.complain(f"{key.decode(errors='backslashreplace')}: {problem}")
            if in_a_row == MAX_ERRORS:
                outcome.gave_up = True
                break
            progress.show(outcome.asked, read / size if size else None)
    sys.stdout.flush()
    return outcome


def _ask(client: Asking, request: model.LookupRequest, outcome: Outcome) -> str:
    """Ask one key; an error is returned as a text."""
    try:
        answer = client.ask(request, Record())
    except NoAnswerError as error:
        outcome.errors += 1
        return str(error)
    if answer.kind == model.REPLY_VALUE:
        outcome.found += 1
        # The bytes are not changed: a file or a pipe is for programs.
        line = b"%s\t%s\n" % (_one_line(request.key), _one_line(answer.text))
        sys.stdout.buffer.write(line)
    elif answer.kind != model.REPLY_NOT_FOUND:
        outcome.errors += 1
        return f"{answer.word} {answer.text.decode(errors='backslashreplace')}"
    return ""


def _one_line(text: bytes) -> bytes:
    """A key or a value; for a terminal, without control characters."""
    if sys.stdout.isatty():
        return printable(text.decode(errors="backslashreplace")).encode()
    return text.replace(b"\n", b"\\n")


def _size(source: BinaryIO) -> int:
    """The bytes of a regular file, 0 for anything else."""
    try:
        status = os.fstat(source.fileno())
    except OSError:
        return 0
    return status.st_size if stat.S_ISREG(status.st_mode) else 0
