# SPDX-License-Identifier: MIT
"""Read a file whose name comes from the operator, without waiting and within a bound.

Such a name may lead to anything. A FIFO would block its reader until somebody writes, and a device
may have no end. So only regular files are read, they are opened with O_NONBLOCK (which regular
files ignore, open(2)), and no more than a given number of bytes is read.
"""

from __future__ import annotations

import os
import stat


class NotRegularError(OSError):
    """The path leads to something that is not a regular file."""

    def __init__(self) -> None:
        """The text stands where other errors of the system have theirs."""
        super().__init__(0, "it is not a regular file")


def read(path: str, most: int) -> bytes:
    """The content of a file; of one that has more than `most` bytes, the first `most`.

    Raises:
        NotRegularError: it is not a regular file.
        OSError: it cannot be read.
        ValueError: there is a NUL in the path.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    with open(descriptor, "rb") as file:
        require_regular(os.fstat(descriptor))
        return file.read(most) or b""  # None where one would have to wait, as for some of /proc


def require_regular(found: os.stat_result) -> None:
    """Raise NotRegularError unless stat(2) has found a regular file."""
    if not stat.S_ISREG(found.st_mode):
        raise NotRegularError
