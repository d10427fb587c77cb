# SPDX-License-Identifier: MIT
"""Starting over: a fresh interpreter with the same process, connection and command line.

exec(2) keeps the parts of a handler that the client and systemd see, and frees everything else. A
handler starts over

- when its connection has been idle for `hibernate-after`: an interpreter that has loaded very few
  modules waits then;
- when the package or Python was replaced while the handler waited for its first request, or
  hibernated: the installed version answers, without modules of the previous one;
- when loading fails while the package is being replaced.

This happens between requests, when everything that was read is answered. What the client sends in
the meantime waits in the kernel. A SIGTERM also waits, and ends the new program.
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

# A package manager replaces files one by one, and takes less time than this for all of them.
REPLACEMENT_SEC = 5.0
PAUSE_SEC = 0.5

_PACKAGE = os.path.dirname(__file__)
# The directories of a handler's modules. Replacing a module changes the mark of its directory.
_DIRECTORIES = ("", "/backend", "/config", "/protocols")


def restart(connection: Connection) -> None:
    """Become a fresh interpreter; returns if that is not possible, or if SIGTERM has arrived."""
    if not sys.executable or not connection.hold_termination():
        return
    # sys.orig_argv has the options of the interpreter as well. The interpreter finds a virtual
    # environment by its own name, so the name is passed with its path.
    try:
        os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - no shell
    except OSError:
        connection.release_termination()


def installed() -> list[Mark]:
    """Marks that change when the package or the interpreter is replaced."""
    directories = [_PACKAGE + directory for directory in _DIRECTORIES]
    return [mark_of(path) for path in (*directories, sys.executable)]


def is_being_replaced() -> bool:
    """Was a file of the package replaced within the last REPLACEMENT_SEC?"""
    times = [mark[2] for mark in installed() if mark is not None]
    return any(abs(time() - nanoseconds / 1e9) < REPLACEMENT_SEC for nanoseconds in times)


def retry_if_being_replaced(connection: Connection) -> None:
    """Start over, if a failure may be due to a replacement; to be called in an `except`.

    This cannot go on forever: each time takes PAUSE_SEC, until the last change is REPLACEMENT_SEC
    old.
    """
    if is_being_replaced():
        sleep(PAUSE_SEC)
        restart(connection)
