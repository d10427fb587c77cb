# SPDX-License-Identifier: MIT
"""Runs commands that change units. `systemd` only asks."""

from __future__ import annotations

import os
import subprocess

_MAX_SEC = 300  # systemd itself gives up after 90 s for each unit


def run(argv: list[str]) -> str | None:
    """Run a command of systemctl; returns None if it succeeds, or else what it said.

    It gets no terminal, so it cannot ask and uses no pager, and what it says about a success (the
    symbolic links that it makes) is not returned.
    """
    environment = {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0"}
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=_MAX_SEC,
            env=environment,
        )
    except OSError as error:
        return f"{argv[0]} cannot be run: {error.strerror}"
    except subprocess.TimeoutExpired:
        return f"{argv[0]} has not ended after {_MAX_SEC} s"
    if done.returncode == 0:
        return None
    said = done.stdout.decode(errors="backslashreplace").strip()
    return said or f"{argv[0]} failed with status {done.returncode}"
