# SPDX-License-Identifier: MIT
"""What `postfix-rest-inetd __complete` prints for a shell.

assert "sender=" in offered("attributes", "", "sen")
"""

from __future__ import annotations

import os
import subprocess
import sys

from harness.activation import package_parent

_WAIT_SEC = 60


def offered(*arguments: str, prefix: tuple[str, ...] = (), **environment: str) -> dict[str, str]:
    """The words, and what is said about each. Nothing else is printed, and all is printable."""
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
