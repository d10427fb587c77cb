# SPDX-License-Identifier: MIT
"""What `postfix-rest-inetd __complete` prints for a shell.

assert "sender=" in offered("attributes", "", "sen")
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Collection

from harness.activation import package_parent

_WAIT_SEC = 60


def offered(
    *arguments: str,
    least: Collection[str] = (),
    prefix: tuple[str, ...] = (),
    **environment: str,
) -> dict[str, str]:
    """The words, and what is said about each. Nothing else is printed, and all is printable.

    What takes too long is left out, so a busy machine is asked until it offers `least`.
    """
    deadline = time.monotonic() + _WAIT_SEC
    while True:
        words = _offered(arguments, prefix, environment)
        if set(least) <= words.keys() or time.monotonic() > deadline:
            return words


def _offered(
    arguments: tuple[str, ...], prefix: tuple[str, ...], environment: dict[str, str]
) -> dict[str, str]:
    done = subprocess.run(
        [*prefix, sys.executable, "-m", "postfix_rest_inetd.admin.cli", "__complete", *arguments],
        cwd=package_parent(),
        env={"PATH": f"{os.defpath}:/usr/sbin", "LC_ALL": "C", **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=_WAIT_SEC,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    text = done.stdout.decode()
    assert text.replace("\n", "").replace("\t", "").isprintable()
    return dict(line.split("\t") for line in text.splitlines())
