# SPDX-License-Identifier: MIT
"""Reads a file whose name comes from the operator: without waiting, and within a limit.

Such a name may lead to anything. A FIFO would block until somebody writes to it, and a device may
have no end. So only regular files are read. They are opened with O_NONBLOCK, which regular files
ignore (open(2)), and at most a given number of bytes is read.
"""

from __future__ import annotations

import os
import stat


class NotRegularError(OSError):
    """The path does not lead to a regular file."""

    def __init__(self) -> None:
        """The text is in `strerror`, as that of the system's errors."""
        super().__init__(0, "it is not a regular file")


def read(path: str, most: int) -> bytes:
    """The content of a file, or its first `most` bytes if it is larger.

    Raises:
        NotRegularError: it is not a regular file.
        OSError: it cannot be read.
        ValueError: there is a NUL in the path.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        require_regular(os.fstat(descriptor))
        # read() returns None where it would have to wait, as for some files of /proc.
        return file.read(most) or b""


def require_regular(found: os.stat_result) -> None:
    """Raise NotRegularError unless `found` is the status of a regular file."""
    if not stat.S_ISREG(found.st_mode):
        raise NotRegularError
