# SPDX-License-Identifier: MIT
"""Checks urllib3 as handlers load it: whether it is installed, and is loaded the short way."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks.finding import ERROR, NOTE, Finding
from postfix_rest_inetd.backend import http_connection

if TYPE_CHECKING:
    from collections.abc import Iterator

_SEC = 30
# Only the long way loads the module that is named last.
_LOAD = """
import sys
from postfix_rest_inetd.backend import http_connection
http_connection.http_connection()
from urllib3._version import __version__
print(__version__, "urllib3.util.url" in sys.modules)
"""


def is_usable() -> bool:
    """Can requests be made at all?"""
    try:
        from postfix_rest_inetd.backend import client  # noqa: F401
    except ImportError:
        return False
    return True


def findings() -> Iterator[Finding]:
    """What is wrong with it."""
    if not is_usable():
        what = f"the Python module urllib3 cannot be loaded by {sys.executable}: every request "
        what += "gets a temporary error"
        yield Finding(ERROR, "urllib3", what, "Install the package python3-urllib3.")
        return
    version, is_long = _loaded_in_a_new_process()
    if is_long:
        newest = ".".join(map(str, http_connection.NEWEST))
        what = f"version {version} is not loaded the short way, which works up to "
        what += f"{newest}: each handler takes about twice as long to start"
        yield Finding(NOTE, "urllib3", what, "A newer postfix-rest-inetd may support this version.")


def _loaded_in_a_new_process() -> tuple[str, bool]:
    """The version of urllib3, and whether a handler would load all of it."""
    # The same module directories as here, but not the working directory. If this shell has
    # switched the short way off, that does not apply to handlers.
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))}
    environment.pop(http_connection.PLAIN_IMPORT, None)
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            [sys.executable, "-P", "-c", _LOAD],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SEC,
            env=environment,
        )
        version, is_long = done.stdout.decode().split()
    except (OSError, ValueError, subprocess.SubprocessError):
        return "", False
    return version, is_long == "True"
