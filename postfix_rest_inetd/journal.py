# SPDX-License-Identifier: MIT
"""Entries to the journal; the sole importer of systemd among what a handler loads.

systemd-python's C function is called directly: the module around it, systemd.journal, imports
logging, which costs more than a whole handler may. sd_journal_sendv(3) drops entries silently when
there is no journal, so that is found out first. Then the message alone goes to stderr, as one line;
but where stderr is the client's connection (inetd, spawn(8)), guard_stderr() has made sure that it
goes nowhere, because whatever is written there would be read as a part of a reply.

An entry that cannot be delivered never disturbs the request that it is about.

journald looks up the unit of an entry in /proc when it gets to read the entry. By then the process
that sent it should still be there, or `journalctl -u` will not find it: hence settle().
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

# What journald may take for an entry on a machine that is busy with other things.
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
                # Paths may hold what is no UTF-8; Python keeps it in surrogates.
                sendv(_IDENTIFIER_FIELD, *[_escaped(line) for line in lines])
        except (ImportError, OSError):
            pass
        else:
            _last_sent = monotonic()
            return
    write_stderr(fields["MESSAGE"])


def settle() -> None:
    """Stay, before the process ends, until journald has had the time to read the last entry."""
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

    From then on nothing reaches the client by that way, the interpreter's last words included.
    """
    if not _stderr_is_connection():
        return False
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, _STDERR)
    if null != _STDERR:
        os.close(null)
    return True


def _stderr_is_connection() -> bool:
    """Is fd 2 the same socket, pipe or file as fd 0 or fd 1? A terminal or /dev/null may be."""
    try:
        stderr = os.fstat(_STDERR)
    except OSError:
        return True  # it is closed: what is opened next would get its number
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
    """Is there a journal? Once found, it is not looked for again: its socket outlives journald."""
    global _found  # noqa: PLW0603 - a cache
    if not _found:
        try:
            _found = stat.S_ISSOCK(os.stat(JOURNAL_SOCKET).st_mode)
        except OSError:
            return False
    return _found
