# SPDX-License-Identifier: MIT
"""The state between two runs of `stats --prometheus`, which keeps counters from falling.

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
import errno
import fcntl
import json
import os
import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.counters import Counters

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from postfix_rest_inetd.admin.statistics.journal import Journal

PRIVATE_MODE = 0o600
PUBLIC_MODE = 0o644  # node_exporter reads metrics as a user of its own; there are no keys in them


class StateError(Exception):
    """The state file holds something else; the text says what to do."""


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
        write(path, json.dumps(state), PRIVATE_MODE)
        publish(counters)


def write(path: str, text: str, mode: int) -> None:
    """Put a file in its place, in one step. Of a symbolic link, the file that it leads to.

    Raises:
        OSError: it cannot be written, or it is a device, which must not be replaced.
    """
    place = os.path.realpath(path)
    if os.path.exists(place) and not os.path.isfile(place):
        raise OSError(errno.EINVAL, "is not a file that can be replaced", path)
    try:
        _replace(place, text, mode)
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def _replace(path: str, text: str, mode: int) -> None:
    # A name that the textfile collector does not read (it wants *.prom).
    new = f"{path}.new.{os.getpid()}"
    try:
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with open(descriptor, "w", encoding="utf-8") as file:
            os.fchmod(descriptor, mode)  # whatever the umask says
            file.write(text)
            file.flush()
            os.fsync(descriptor)
        os.replace(new, path)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(new)
        raise


@contextlib.contextmanager
def _locked(path: str) -> Iterator[None]:
    """Hold the lock of a state file. It is a file of its own, because the state is replaced."""
    descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, PRIVATE_MODE)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)


def _load(path: str, since: float | None) -> tuple[Counters, str, float]:
    """The counters so far, the cursor, and where to begin if the cursor is empty."""
    try:
        with open(path, "rb") as file:
            content = file.read()
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
