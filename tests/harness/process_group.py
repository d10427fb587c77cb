# SPDX-License-Identifier: MIT
"""Ends a process that was started with `start_new_session=True`, and its children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

_WAIT_SEC = 30


def end(process: subprocess.Popen[bytes]) -> int:
    """Kill PROCESS and all processes in its process group."""
    # Not when it has ended and was waited for: its number may be somebody else's by now.
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait(_WAIT_SEC)
