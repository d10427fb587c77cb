# SPDX-License-Identifier: MIT
"""Writing to the journal, for the handler and the generator.

This module calls systemd-python's C function directly. The module around it, systemd.journal,
imports logging, which a handler does not need otherwise.

sd_journal_sendv(3) drops entries silently if there is no journal, so `send` looks for one first.
Without a journal, and if the entry cannot be delivered, the message goes to stderr, as one line.
Where stderr is the client's connection (inetd, spawn(8)), the client would read that line as part
of a reply: guard_stderr() points fd 2 to /dev/null.

journald looks up the unit of an entry in /proc when it reads the entry. If the process that sent it
has ended by then, `journalctl -u` does not find the entry: hence settle().
"""

from __future__ import annotations

import os
import stat
from time import monotonic, sleep

JOURNAL_SOCKET = "/run/systemd/journal/socket"
IDENTIFIER = "postfix-rest-inetd"
_IDENTIFIER_FIELD = f"SYSLOG_IDENTIFIER={IDENTIFIER}"

ERROR, WARNING, NOTICE = 3, 4, 5  # as syslog(3) numbers them

_STDIN, _STDOUT, _STDERR = 0, 1, 2

# How long journald may take to read an entry on a busy machine.
_READING_SEC = 0.05

_last_sent: float | None = None


def send(fields: dict[str, str]) -> None:
    """Send an entry: journal fields (systemd.journal-fields(7)), MESSAGE among them."""
    global _last_sent  # noqa: PLW0603 - there is one process, and one last entry
    if _has_journal():
        try:
            from systemd._journal import sendv

            lines = [f"{name}={value}" for name, value in fields.items()]
            try:
                sendv(_IDENTIFIER_FIELD, *lines)
            except UnicodeEncodeError:
                # Paths may hold bytes that are not UTF-8; Python keeps them as surrogates.
                sendv(_IDENTIFIER_FIELD, *[_escaped(line) for line in lines])
        except (ImportError, OSError):
            pass
        else:
            _last_sent = monotonic()
            return
    write_stderr(fields["MESSAGE"])


def settle() -> None:
    """Wait, before the process ends, until journald has had time to read the last entry."""
    if _last_sent is not None:
        sleep(max(0.0, _last_sent + _READING_SEC - monotonic()))


def write_stderr(message: str) -> None:
    """Write a message to stderr as one line."""
    line = message.replace("\n", " | ")
    try:  # noqa: SIM105 - contextlib costs more than all of this module
        os.write(_STDERR, _escaped(f"{IDENTIFIER}: {line}\n"))
    except OSError:
        pass


def _escaped(text: str) -> bytes:
    return text.encode(errors="backslashreplace")


def guard_stderr() -> bool:
    """Point fd 2 to /dev/null if it is the client's connection; returns whether it was.

    From then on nothing reaches the client that way, not even what the interpreter prints at exit.
    """
    if not _stderr_is_connection():
        return False
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _STDERR)
    if null != _STDERR:
        os.close(null)
    return True


def _stderr_is_connection() -> bool:
    """Is fd 2 the socket, pipe or file that fd 0 or fd 1 is? Character devices do not count."""
    try:
        stderr = os.fstat(_STDERR)
    except OSError:
        return True  # it is closed: the next file that is opened would be fd 2
    if stat.S_ISCHR(stderr.st_mode):
        return False
    for descriptor in (_STDIN, _STDOUT):
        try:
            if os.path.samestat(stderr, os.fstat(descriptor)):
                return True
        except OSError:
            continue
    return False


_found = False


def _has_journal() -> bool:
    """Is there a journal? Once found, it is not looked for again: systemd keeps its socket."""
    global _found  # noqa: PLW0603 - a cache
    if not _found:
        try:
            _found = stat.S_ISSOCK(os.stat(JOURNAL_SOCKET).st_mode)
        except OSError:
            return False
    return _found
