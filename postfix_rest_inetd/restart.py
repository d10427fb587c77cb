# SPDX-License-Identifier: MIT
"""Starting over: a fresh interpreter, with the same process, connection, and command line.

exec(2) keeps what the client and systemd see of a handler, and frees everything else. It is done

- when a connection has been idle for `hibernate-after`: what waits then is an interpreter that has
  loaded next to nothing;
- when the package or Python was replaced while a handler waited for its first request, or
  hibernated: the version that is installed answers, and never modules of two versions;
- when loading fails while the package is being replaced.

It is done between requests only, with nothing read that has not been answered, so that what the
client sends meanwhile waits in the kernel. A SIGTERM waits as well, and ends the new program.
"""

from __future__ import annotations

import os
import sys
from time import sleep, time

from .marks import mark_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .connection import Connection
    from .marks import Mark

# A package manager replaces files one by one; to be done with all of them takes it less than this.
REPLACEMENT_SEC = 5.0
PAUSE_SEC = 0.5

_PACKAGE = os.path.dirname(__file__)
# Where a handler's modules are; a package manager that replaces one changes its directory.
_DIRECTORIES = ("", "/backend", "/config", "/protocols")


def restart(connection: Connection) -> None:
    """Become a fresh interpreter; returns only if that is not possible, or SIGTERM has come."""
    if not sys.executable or not connection.hold_termination():
        return
    # sys.orig_argv has the interpreter's own options too. Its name is what finds a virtual
    # environment, so it is given with its path.
    try:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell
    except OSError:
        connection.release_termination()


def installed() -> list[Mark]:
    """What changes when the package or the interpreter is replaced."""
    directories = [_PACKAGE + directory for directory in _DIRECTORIES]
    return [mark_of(path) for path in (*directories, sys.executable)]


def is_being_replaced() -> bool:
    """Has a file of the package been replaced only a moment ago?"""
    times = [mark[2] for mark in installed() if mark is not None]
    return any(abs(time() - nanoseconds / 1e9) < REPLACEMENT_SEC for nanoseconds in times)


def retry_if_being_replaced(connection: Connection) -> None:
    """Start over, when what has failed may be due to a replacement; to be called in an `except`.

    That ends by itself: each time takes PAUSE_SEC, until the last change is REPLACEMENT_SEC old.
    """
    if is_being_replaced():
        sleep(PAUSE_SEC)
        restart(connection)
