# SPDX-License-Identifier: MIT
"""Writing stored answers: a new file, the lock of a subdirectory, and what has to go.

A file is written into `new`, and renamed into its place when it is complete. A writer that is
killed leaves it there, and later writers remove it. A handler loads this module when the first
answer is to be stored: Postfix has its reply by then.
"""

from __future__ import annotations

import os
from fcntl import LOCK_EX, LOCK_NB, flock
from time import time

from ..cache_folder import DIRECTORY_FLAGS
from .record import TOMBSTONE, rounded

NEW = "new"
# The mtime of a tombstone lies so far ahead: it is not removed meanwhile.
TOMBSTONE_SEC = 600

_NEW_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# A writer takes milliseconds.
_LEFTOVER_SEC = 10
_FUTURE_SEC = TOMBSTONE_SEC + 60
_TOMBSTONE_BYTES = len(TOMBSTONE)


def write_new(folder: int, content: bytes) -> str:
    """Write a file into `new`; returns its path, relative to FOLDER.

    Raises:
        OSError: it cannot be written; nothing is left.
    """
    path = f"{NEW}/{os.urandom(8).hex()}"
    try:
        descriptor = os.open(path, _NEW_FLAGS, 0o600, dir_fd=folder)
    except FileNotFoundError:
        make_directory(NEW, folder)
        descriptor = os.open(path, _NEW_FLAGS, 0o600, dir_fd=folder)
    try:
        while content:  # if it does not fit on the disk, the next attempt fails
            content = content[os.write(descriptor, content) :]
    except OSError:
        os.unlink(path, dir_fd=folder)
        raise
    finally:
        os.close(descriptor)
    return path


def open_subdirectory(folder: int, name: str) -> int:
    """The descriptor of a subdirectory XX, which is made if necessary.

    Raises:
        OSError: it cannot be made or opened.
    """
    try:
        return os.open(name, DIRECTORY_FLAGS, dir_fd=folder)
    except FileNotFoundError:
        make_directory(name, folder)
        return os.open(name, DIRECTORY_FLAGS, dir_fd=folder)


def lock(place: int) -> bool:
    """Lock a subdirectory until its descriptor is closed; False if it is locked already."""
    try:
        flock(place, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True


def make_directory(path: str, directory: int | None = None) -> None:
    """Make a directory, unless there is one."""
    try:
        os.mkdir(path, 0o700, dir_fd=directory)
    except FileExistsError:
        return


def remove_leftovers(folder: int) -> None:
    """Remove what writers have left in `new`: what no writer can be writing any more."""
    now, place = time(), os.open(NEW, DIRECTORY_FLAGS, dir_fd=folder)
    try:
        with os.scandir(place) as entries:
            for entry in entries:
                try:
                    if abs(now - entry.stat(follow_symlinks=False).st_mtime) > _LEFTOVER_SEC:
                        os.unlink(entry.name, dir_fd=place)
                except FileNotFoundError:
                    continue
    finally:
        os.close(place)


def remove_oldest(place: int, kept: str, most_entries: int, most_bytes: int) -> None:
    """Remove the oldest files beyond the share of a subdirectory, which is locked, except one.

    A tombstone does not count until its time has come.
    """
    now = time()
    files = []
    with os.scandir(place) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                continue
            found = entry.stat(follow_symlinks=False)
            mtime = found.st_mtime
            if found.st_size == _TOMBSTONE_BYTES and now < mtime < now + _FUTURE_SEC:
                continue
            # A file from the future shows that the clock has been set back since.
            age = now - mtime if mtime < now + _FUTURE_SEC else now
            files.append((entry.name != kept, age, entry.name, rounded(found.st_size)))
    count, size = len(files), sum(file[3] for file in files)
    for is_other, _, name, file_size in sorted(files, reverse=True):
        if not is_other or (count <= most_entries and size <= most_bytes):
            break
        os.unlink(name, dir_fd=place)
        count, size = count - 1, size - file_size
