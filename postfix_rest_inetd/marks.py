# SPDX-License-Identifier: MIT
"""Marks of files. A mark changes whenever the file is rewritten or replaced by another one.

The kernel stamps files by a clock that ticks at least every 10 ms. A file that is rewritten twice
within a tick has the same mark for both contents. So the mark of a file that changed a moment ago
is not reliable; has_settled() tells whether it is. Some file systems keep whole seconds (ext4 with
inodes of 128 bytes) or even seconds (vfat), which makes that moment longer.
"""

from __future__ import annotations

import os
from time import time_ns

TYPE_CHECKING = False
if TYPE_CHECKING:
    Mark = tuple[int, int, int, int, int] | None

_SECOND = 10**9
_COARSE_SEC = 2


def mark_of(path: str) -> Mark:
    """Inode, size, the times of content and inode in nanoseconds, and the device.

    None if there is no such file. A new file in a directory changes the directory's mark. The
    device distinguishes files of two file system images that have everything else in common.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_dev


def has_settled(path: str, mark: Mark, seconds: float) -> bool:
    """Did the last change happen more than `seconds` ago?

    For a missing file, the last change of its directory counts, or of the nearest directory on the
    path that exists, with and without links resolved: the file may be about to be created.
    """
    if mark is not None:
        return _is_older(mark, seconds)
    places = {_place_of(path), _place_of(os.path.realpath(path))} if "\0" not in path else ()
    marks = [mark_of(place) for place in places]
    return all(mark is None or _is_older(mark, seconds) for mark in marks)


def _is_older(mark: tuple[int, int, int, int, int], seconds: float) -> bool:
    if mark[3] % _SECOND == 0:
        seconds += _COARSE_SEC
    return abs(time_ns() - mark[3]) > seconds * _SECOND


def _place_of(path: str) -> str:
    """The nearest existing directory above a path."""
    place = os.path.dirname(path) or "."
    while not os.path.isdir(place) and place not in ("/", "."):
        place = os.path.dirname(place) or "."
    return place
