# SPDX-License-Identifier: MIT
"""Stops a child process, and ends one of a session of its own together with its children."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess

_WAIT_SEC = 30


def stop(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Send SIGSTOP to PROCESS, and return when all its threads have stopped."""
    process.send_signal(signal.SIGSTOP)
    os.waitid(os.P_PID, process.pid, os.WSTOPPED)


def end(process: subprocess.Popen[bytes]) -> int:
    """Kill PROCESS and all processes in its process group."""
    # Not when it has ended and was waited for: its number may be somebody else's by now.
    if process.poll() is None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
    return process.wait(_WAIT_SEC)
