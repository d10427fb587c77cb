# SPDX-License-Identifier: MIT
"""Marks of files: what changes whenever a file is rewritten or another one takes its place.

A kernel stamps files by a clock that ticks every 10 ms at worst. A file that is rewritten twice
within a tick has one mark for both contents, so the mark of a file that changed a moment ago is not
to be relied on: has_settled() tells. Some file systems keep whole seconds (ext4 with inodes of 128
bytes), or even ones (vfat): there a moment is longer.
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

    None for what is not there. A file that is put into a directory changes the directory's mark.
    The device tells files of two images apart that have everything else in common.
    """
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a NUL in the path
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_dev


def has_settled(path: str, mark: Mark, seconds: float) -> bool:
    """Did the last change happen more than `seconds` ago?

    Of a file that is not there, the last change of its directory counts, or of what there is of the
    path to it, links resolved or not: the file, or the directory, may be on its way.
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
    """The nearest directory above a path that is there."""
    place = os.path.dirname(path) or "."
    while not os.path.isdir(place) and place not in ("/", "."):
        place = os.path.dirname(place) or "."
    return place
