# SPDX-License-Identifier: MIT
"""What the operator is told, for the handler and the generator: in the journal, or on stderr.

Without a journal, and if journald does not take an entry, the message goes to stderr, as one line.
Neither of them can keep the process for more than a moment (journal_socket.PATIENCE_SEC): the next
request does not wait for a journald that is frozen. When journald takes entries again, it is told
how many it has missed. A program that replaces this one (restart.py) finds the number in the
environment.

Where stderr is the client's connection (inetd, spawn(8)), the client would read that line as part
of a reply: guard_stderr() points fd 2 to /dev/null.

journald looks up the unit of an entry in /proc when it reads the entry. If the process that sent it
has ended by then, `journalctl -u` does not find the entry: hence settle().
"""

from __future__ import annotations

import os
import stat
from time import monotonic, sleep

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .journal_socket import JournalSocket

IDENTIFIER = "postfix-rest-inetd"

ERROR, WARNING, NOTICE = 3, 4, 5  # as syslog(3) numbers them

MISSED_VARIABLE = "POSTFIX_REST_INETD_MISSED"
MISSED_ID = "fd106576fe334388b2a5e9294c8aa480"

_STDIN, _STDOUT, _STDERR = 0, 1, 2

# How long journald may take to read an entry on a busy machine.
_READING_SEC = 0.05

# POSIX.1: a pipe that poll(2) reports as writable takes so much at once.
_PIPE_BUF = 4096


def _handed_over() -> int:
    """How many entries of the program that this one has replaced are missing."""
    text = os.environ.get(MISSED_VARIABLE, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


_socket: JournalSocket | None = None
_last_sent: float | None = None
_missed = _handed_over()


def send(fields: dict[str, str]) -> None:
    """Send an entry: journal fields (systemd.journal-fields(7)), MESSAGE among them."""
    global _missed  # noqa: PLW0603 - there is one process, and one journal
    if _deliver(fields):
        _tell_missed()
    else:
        _missed += 1
        write_stderr(fields["MESSAGE"], fields.get("PRIORITY", ""))


def _deliver(fields: dict[str, str]) -> bool:
    """Hand an entry to journald; False if that is not possible."""
    global _socket, _last_sent  # noqa: PLW0603 - as above
    try:
        if _socket is None:
            from .journal_socket import JournalSocket

            _socket = JournalSocket()
        is_delivered = _socket.deliver({"SYSLOG_IDENTIFIER": IDENTIFIER, **fields})
    except ImportError:  # a broken installation, or no descriptor left to open a module with
        is_delivered = False
    if is_delivered:
        _last_sent = monotonic()
    return is_delivered


def _tell_missed() -> None:
    """Tell journald how many entries it has missed, if any."""
    global _missed  # noqa: PLW0603 - as above
    if not _missed:
        return
    text = (
        f"journald did not take all entries of this process: {_missed} missing. Their messages "
        "went to standard error, without the fields that postfix-rest-inetd stats counts"
    )
    fields = {"MESSAGE": text, "MESSAGE_ID": MISSED_ID, "PRIORITY": str(WARNING)}
    if _deliver({**fields, "N_DROPPED": str(_missed)}):  # as journald calls the number
        _missed = 0
        os.environ.pop(MISSED_VARIABLE, None)


def hand_over() -> None:
    """Tell journald, before another program replaces this one, or leave the number to that."""
    _tell_missed()
    if _missed:
        os.environ[MISSED_VARIABLE] = str(_missed)


def settle() -> None:
    """Wait, before the process ends, until journald has had time to read the last entry."""
    _tell_missed()
    if _last_sent is not None:
        sleep(max(0.0, _last_sent + _READING_SEC - monotonic()))


def write_stderr(message: str, priority: str = "") -> None:
    """Write a message to stderr as one line, unless that would mean to wait for its reader."""
    line = message.replace("\n", " | ")
    head = f"<{priority}>" if priority and _stderr_is_journal() else f"{IDENTIFIER}: "
    rest = memoryview(f"{head}{line}\n".encode(errors="backslashreplace"))
    try:
        while rest and _stderr_is_writable():
            rest = rest[os.write(_STDERR, rest[:_PIPE_BUF]) :]
    except OSError:
        pass


def _stderr_is_writable() -> bool:
    """Does a write return at once? Terminals and other devices are not asked: /dev/kmsg says no."""
    mode = os.fstat(_STDERR).st_mode
    if not (stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode)):
        return True
    from select import POLLOUT, poll

    question = poll()
    question.register(_STDERR, POLLOUT)
    return bool(question.poll(0))


def _stderr_is_journal() -> bool:
    """Is fd 2 a stream to journald, as systemd.exec(5) says under $JOURNAL_STREAM?"""
    try:
        found = os.fstat(_STDERR)
    except OSError:
        return False
    return os.environ.get("JOURNAL_STREAM") == f"{found.st_dev}:{found.st_ino}"


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
