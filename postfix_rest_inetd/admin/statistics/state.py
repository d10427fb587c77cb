# SPDX-License-Identifier: MIT
"""The state that `stats --prometheus` keeps between two runs, so that counters never fall.

If each run counted the whole journal, counters would fall when journald removes old entries, and
Prometheus takes that for a restart. So a state file keeps the counters, and the cursor of the last
entry that they count. A run adds the entries after it, whatever reboots, rotations of the journal
and changes of the clock there were. Entries that journald removes between two runs are not counted.

Without a state file, counting begins now. If the file is lost, the counters restart at 0, which
Prometheus notices and handles. A run writes first the state, then the metrics, each to another file
that it renames. So a run that dies in between loses no entry and counts none twice. It holds a lock
until both are written, so runs do not overlap.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.host import atomic_file, named_file
from postfix_rest_inetd.admin.statistics.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from postfix_rest_inetd.admin.statistics.journal import Journal


class StateError(CommandError):
    """The state file cannot be used."""


def update(
    journal: Journal,
    path: str,
    since: float | None,
    publish: Callable[[Counters], None],
    names: Iterable[str] = (),
) -> None:
    """Add the entries since the last run to the state in `path`, and publish the counters.

    `since` is where the first run begins; `names` are the names of known endpoints.

    Raises:
        OSError: the file cannot be read or written.
        StateError: the state cannot be used.
        JournalError: the journal cannot be read.
    """
    with _locked(path):
        counters, cursor, begin = _load(path, since)
        counters.reserve(names)
        if cursor:
            journal.seek_cursor(cursor)
        else:
            journal.seek_time(begin)
        for entry in journal.entries():
            counters.add(entry)
        state = {**counters.to_state(), "cursor": journal.cursor() or cursor, "begin": begin}
        atomic_file.write(path, json.dumps(state), atomic_file.PRIVATE_MODE)
        publish(counters)


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """Hold the lock of a state file. It is a file of its own, because the state is replaced."""
    descriptor = os.open(
        f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, atomic_file.PRIVATE_MODE
    )
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _load(path: str, since: float | None) -> tuple[Counters, str, float]:
    """The counters so far, the cursor, and where to begin if the cursor is empty."""
    try:
        content = named_file.read(path)
    except FileNotFoundError:
        return Counters(), "", time.time() if since is None else since
    try:
        state = json.loads(content)
        return Counters.from_state(state), str(state["cursor"]), float(state["begin"])
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise StateError(
            f"{path}: this version cannot use this state file ({error}); remove it, and the "
            "counters restart at 0"
        ) from None
