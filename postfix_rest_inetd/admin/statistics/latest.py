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

if TYPE_CHECKING:
    from collections.abc import Callable

    from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry

WAIT_SEC = 2.0
"""The time that an entry may take from a handler through journald to us."""


def journals() -> list[str]:
    """The files in which this machine's journal is; none if there is no journal."""
    return [
        path
        for top in ("/var", "/run")
        for path in glob.glob(f"{top}/log/journal/*/system.journal")
    ]


def is_open(files: list[str]) -> bool:
    """May this user read one of the files? True if there is none."""
    return not files or any(os.access(path, os.R_OK) for path in files)


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
