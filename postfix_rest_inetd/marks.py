# SPDX-License-Identifier: MIT
"""Marks of files: what changes whenever a file is rewritten or another one takes its place.

A kernel stamps files by a clock that ticks every 10 ms at worst. A file that is rewritten twice
within a tick has one mark for both contents, so the mark of a file that changed a moment ago is not
to be relied on: has_settled() tells.
"""

from __future__ import annotations

import os
from time import time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    Mark = tuple[int, int, int, int] | None


def mark_of(path: str) -> Mark:
    """Inode, size, and the times of content and inode in nanoseconds; None for what is not there.

    A file that is put into a directory changes the directory's mark.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns


def has_settled(path: str, mark: Mark, seconds: float) -> bool:
    """Did the last change happen more than `seconds` ago?

    Of a file that is not there, the directory's last change counts: the file may be on its way.
    """
    if mark is None:
        mark = mark_of(os.path.dirname(path) or ".")
    return mark is None or abs(time_ns() - mark[3]) > seconds * 1e9
