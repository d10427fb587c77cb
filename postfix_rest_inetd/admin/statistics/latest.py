# SPDX-License-Identifier: MIT
"""The entry that a handler writes about a request which was sent just now.

A handler writes it after its reply, so it may not have arrived when the reply has.
"""

from __future__ import annotations

import glob
import os
import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.journal import Journal, JournalError
from postfix_rest_inetd.admin.statistics.journal_entry import MAX_NAME_CHARACTERS
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    from collections.abc import Callable

    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry
    from postfix_rest_inetd.config.endpoint import Endpoint
    from postfix_rest_inetd.model import LookupRequest

WAIT_SEC = 2.0
"""The time that an entry may take from a handler through journald to us."""


def journals() -> list[str]:
    """The files in which this machine's journal is; none if there is no journal.

    A directory that this user may not look into has one: only root and the group systemd-journal
    may enter that of a journal in /run (systemd.conf of systemd's tmpfiles.d).
    """
    return [
        f"{folder}/system.journal"
        for top in ("/var", "/run")
        for folder in glob.glob(f"{top}/log/journal/*")
        if os.path.exists(f"{folder}/system.journal") or not os.access(folder, os.X_OK)
    ]


def is_open(files: list[str]) -> bool:
    """May this user read one of the files? True if there is none."""
    return not files or any(os.access(path, os.R_OK) for path in files)


def about(endpoint: Endpoint, request: LookupRequest) -> Callable[[JournalEntry], bool]:
    """Can an entry be about this request?

    If the endpoint does not log keys, it can be about any request to the endpoint.
    """
    subject = _text(request.key)
    if request.map_name is not None:
        subject = f"{_text(request.map_name)}: {subject}"

    def is_about(entry: JournalEntry) -> bool:
        is_its = entry.is_request and (entry.endpoint, entry.mode) == whose
        return is_its and entry.subjects in ((("key", subject),), ())

    whose = (printable(endpoint.name, MAX_NAME_CHARACTERS), endpoint.mode)
    return is_about


def _text(data: bytes) -> str:
    """Bytes as an entry has them when it has been read (log_entry.py, journal_entry.py)."""
    return printable(data.decode(errors="backslashreplace"), MAX_NAME_CHARACTERS)


def find(wanted: Callable[[JournalEntry], bool], since: float) -> JournalEntry | None:
    """The first entry since then (seconds since 1970) that is wanted; None if none arrives."""
    deadline = time.monotonic() + WAIT_SEC
    try:
        with Journal() as journal:
            journal.seek_time(since)
            while True:
                for entry in journal.entries():
                    if wanted(entry):
                        return entry
                left = deadline - time.monotonic()
                if left <= 0:
                    return None
                journal.wait(left)
    except JournalError:
        return None
