# SPDX-License-Identifier: MIT
"""Starting over: a fresh interpreter with the same process, connection and command line.

exec(2) keeps the parts of a handler that the client and systemd see, and frees everything else. A
handler starts over

- when its connection has been idle for `hibernate-after`: an interpreter that has loaded very few
  modules waits then;
- when the package or Python was replaced while the handler waited for its first request, or
  hibernated: the installed version answers, without modules of the previous one;
- when the package is being replaced at the first request: modules are replaced one by one, and
  those of two versions need not fit together, so the handler waits for the last of them;
- when the configuration is to be read, and the package was replaced: modules may be missing that it
  takes to read the configuration and to use it;
- when loading fails while the package is being replaced.

This happens between requests, when everything that was read is answered. What the client sends in
the meantime waits in the kernel. A SIGTERM also waits, and ends the new program; one that has come
before is passed on to it, because a request may have come as well, which the modules of two
versions must not answer.
"""

from __future__ import annotations

import os
import sys
from time import monotonic, sleep, time

from . import journal
from .marks import mark_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .connection import Connection
    from .marks import Mark

# So soon after a file was replaced, a failure may be due to a replacement that is going on.
REPLACEMENT_SEC = 5.0
PAUSE_SEC = 0.5
# A package manager takes less than this from one file to the next.
QUIET_SEC = 1.0
_LOOK_SEC = 0.1
# A replacement on a slow disk. Postfix waits for its reply for 100 s.
_MAX_WAIT_SEC = 30.0

_PACKAGE = os.path.dirname(__file__)
# The directories of a handler's modules. Replacing a module changes the mark of its directory.
_DIRECTORIES = ("", "/backend", "/cache", "/config", "/protocols")
# A package manager replaces the modules of the others between those of a handler.
_OTHERS = (
    "/units",
    "/admin",
    "/admin/application",
    "/admin/ask",
    "/admin/checks",
    "/admin/commands",
    "/admin/completion",
    "/admin/demo",
    "/admin/host",
    "/admin/migration",
    "/admin/overview",
    "/admin/protocols",
    "/admin/schema",
    "/admin/setup",
    "/admin/statistics",
    "/admin/stored",
    "/admin/trace",
    "/admin/ui",
)

# Where packages have the program that units execute, and where 0.1.0 had it.
_PROGRAMS = ("/usr/libexec/postfix-rest-inetd/handler", "/usr/lib/postfix-rest-inetd/handler")


def restart(connection: Connection) -> None:
    """Become a fresh interpreter; returns only if that is not possible."""
    if not sys.executable:
        return
    try:
        journal.hand_over()
        connection.hold_termination()
    except AttributeError:
        pass  # modules of two versions, loaded while the package was replaced: a reason to restart
    # sys.orig_argv has the options of the interpreter as well. The interpreter finds a virtual
    # environment by its own name, so the name is passed with its path.
    command = [sys.executable, *map(_where_it_is, sys.orig_argv[1:])]
    try:
        os.execv(sys.executable, command)  # noqa: S606 - no shell
    except OSError:
        connection.release_termination()


def _where_it_is(argument: str) -> str:
    """An argument of the command line; of the program, the path that the installed version has.

    The version that was started may have it elsewhere.
    """
    if argument in _PROGRAMS and not os.path.exists(argument):
        return next(filter(os.path.exists, _PROGRAMS), argument)
    return argument


def installed() -> list[Mark]:
    """Marks that change when the package or the interpreter is replaced."""
    directories = [_PACKAGE + directory for directory in _DIRECTORIES]
    return [mark_of(path) for path in (*directories, sys.executable)]


def is_being_replaced(seconds: float = REPLACEMENT_SEC) -> bool:
    """Was a file of the package replaced within so many seconds?"""
    found = installed() + [mark_of(_PACKAGE + directory) for directory in _OTHERS]
    times = [mark[2] for mark in found if mark is not None]
    return any(abs(time() - nanoseconds / 1e9) < seconds for nanoseconds in times)


def settled(connection: Connection, before: list[Mark]) -> list[Mark]:
    """What is installed, if that is what this program has loaded; otherwise, start over.

    `before` is what was installed. A replacement that is going on is waited for, at most for
    _MAX_WAIT_SEC. An empty list means that there was no end to it: what is loaded answers.
    """
    end = monotonic() + _MAX_WAIT_SEC
    found, is_replaced = installed(), False
    while is_being_replaced(QUIET_SEC):
        if monotonic() > end:
            return []
        is_replaced = True
        sleep(_LOOK_SEC)
    if is_replaced or found != before:
        restart(connection)
    return found


def is_outdated(since: list[Mark]) -> bool:
    """Was the package replaced since settled() returned these marks?"""
    return bool(since) and installed() != since


def has_begun(since: list[Mark]) -> bool:
    """Has a replacement begun since settled() returned these marks?

    It takes one stat(2), for a question before each request. Package managers first write the new
    files beside the old ones, so the directory of the package itself, which has the most and the
    first of them, changes early.
    """
    return bool(since) and mark_of(_PACKAGE + _DIRECTORIES[0]) != since[0]


def retry_if_being_replaced(connection: Connection) -> None:
    """Start over, if a failure may be due to a replacement; to be called in an `except`.

    This cannot go on forever: each time takes PAUSE_SEC, until the last change is REPLACEMENT_SEC
    old.
    """
    if is_being_replaced():
        sleep(PAUSE_SEC)
        restart(connection)
