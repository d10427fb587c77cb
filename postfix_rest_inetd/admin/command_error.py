# SPDX-License-Identifier: MIT
"""The errors that commands raise, and the exit statuses that all commands share.

The text of an error is for the operator. `cli` prints it as one line and returns the exit status.
It prints notes (PEP 678) below it, each as a line of its own.
"""

from __future__ import annotations

EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_CONFIG = 78  # EX_CONFIG of sysexits.h
EXIT_INTERRUPTED = 130  # the status that a shell reports for SIGINT


class CommandError(Exception):
    """The text says what is wrong, and what to do if that is known."""


class UsageError(CommandError):
    """The command line is wrong."""
