# SPDX-License-Identifier: MIT
"""Writing stored answers: a new file, how it gets its place, and what has to go.

A file is written into `new`, and gets its place when it is complete. A writer that is killed leaves
it there, and later writers remove it. A handler loads this module when the first answer is to be
stored: Postfix has its reply by then.

Anyone who sends mail to invented recipients has their "not found" stored. So that this does not
displace the answers that mail depends on, an answer that was asked again after it had been stored
is told from one that was not (AGAIN, a bit of the mode that means nothing for files). The latter
have at most half of the room, unless the rest is free.
"""

from __future__ import annotations

import os
import stat
from fcntl import LOCK_EX, LOCK_NB, flock
from time import time, time_ns

from ..cache_folder import DIRECTORY_FLAGS, FILE_FLAGS
from .record import TOMBSTONE, mark_of, rounded

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .record import Mark

NEW = "new"
# The mtime of a tombstone lies so far ahead. Neither it nor what takes its place is removed
# meanwhile, for whatever place is empty may be filled with what was asked before the purge.
TOMBSTONE_SEC = 600

_NEW_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
# A writer takes milliseconds.
_LEFTOVER_SEC = 10
_FUTURE_SEC = TOMBSTONE_SEC + 60
_TOMBSTONE_BYTES = len(TOMBSTONE)

AGAIN = stat.S_ISVTX
_MODE = 3  # of a Mark


def write_new(folder: int, content: bytes, *, is_again: bool = False, former_ns: int = 0) -> str:
    """Write a file into `new`; returns its path, relative to FOLDER.

    `is_again`: is it an answer that was stored before? `former_ns` is the mtime of the file in its
    place. If that lies ahead, the new one is kept for as long.

    Raises:
        OSError: it cannot be written; nothing is left.
    """
    path = f"{NEW}/{os.urandom(8).hex()}"
    mode = 0o600 | (AGAIN if is_again else 0)
    try:
        descriptor = os.open(path, _NEW_FLAGS, mode, dir_fd=folder)
    except FileNotFoundError:
        make_directory(NEW, folder)
        descriptor = os.open(path, _NEW_FLAGS, mode, dir_fd=folder)
    try:
        while content:  # if it does not fit on the disk, the next attempt fails
            content = content[os.write(descriptor, content) :]
        # The kernel's own times have ticks of milliseconds, within which another file may get the
        # number of one that was removed. The mark of a file must never be that of another.
        moment = time_ns()
        if moment <= former_ns < moment + _FUTURE_SEC * 10**9:
            moment = former_ns + 1
        os.utime(descriptor, ns=(moment, moment))
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


def add(path: str, folder: int, name: str, place: int) -> bool:
    """Give a new file a name in a subdirectory, if it is free; the one in `new` stays as well.

    Raises:
        OSError: the file system refuses it.
    """
    try:
        os.link(path, name, src_dir_fd=folder, dst_dir_fd=place, follow_symlinks=False)
    except FileExistsError:
        return False
    return True


def replace(path: str, folder: int, name: str, place: int, mark: Mark) -> bool:
    """Rename a new file into a subdirectory, if the file of that name has that mark.

    Raises:
        OSError: there is none, or the file system refuses it.
    """
    descriptor = os.open(name, FILE_FLAGS, dir_fd=place)
    try:
        if not lock(descriptor) or mark_of_open(descriptor, name, place) != mark:
            return False
        os.rename(path, name, src_dir_fd=folder, dst_dir_fd=place)
    finally:
        os.close(descriptor)
    return True


def lock(descriptor: int) -> bool:
    """Lock a file until its descriptor is closed; False if another process has locked it."""
    try:
        flock(descriptor, LOCK_EX | LOCK_NB)
    except BlockingIOError:
        return False
    return True


def mark_of_open(descriptor: int, name: str, place: int) -> Mark | None:
    """The mark of a file that is open; None if another one has its name by now."""
    found = os.stat(name, dir_fd=place, follow_symlinks=False)
    return mark_of(found) if found.st_ino == os.fstat(descriptor).st_ino else None


def remove(path: str, directory: int) -> None:
    """Remove a file, unless it is not there any more."""
    try:
        os.unlink(path, dir_fd=directory)
    except FileNotFoundError:
        return


def remove_if_unchanged(name: str, place: int, mark: Mark) -> bool:
    """Remove a file, if it has that mark; false if it is being replaced, or was replaced."""
    try:
        descriptor = os.open(name, FILE_FLAGS, dir_fd=place)
    except FileNotFoundError:
        return True
    try:
        if not lock(descriptor) or mark_of_open(descriptor, name, place) != mark:
            return False
        remove(name, place)
    except FileNotFoundError:
        return True
    finally:
        os.close(descriptor)
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
        for name, found in _entries_of(place):
            is_tombstone = found.st_size == _TOMBSTONE_BYTES and _is_ahead(found, now)
            if abs(now - found.st_mtime) > _LEFTOVER_SEC and not is_tombstone:
                remove(name, place)
    finally:
        os.close(place)


def remove_oldest(place: int, kept: str, most_entries: int, most_bytes: int) -> None:
    """Remove files of a subdirectory beyond its share, except one; see the module for the order.

    `kept` is the name of that one. A file whose mtime lies ahead does not count until then.
    """
    files = sorted(_files_in(place), reverse=True)
    count, size = len(files), sum(file_size for _, _, file_size, _ in files)
    once = [name for _, name, _, mark in files if not mark[_MODE] & AGAIN]
    surplus = set(once[: max(0, len(once) - most_entries // 2)])
    files.sort(key=lambda file: file[1] not in surplus)  # and by age, as before
    for _, name, file_size, mark in files:
        if count <= most_entries and size <= most_bytes:
            break
        if name != kept and remove_if_unchanged(name, place, mark):
            count, size = count - 1, size - file_size


def _files_in(place: int) -> Iterator[tuple[float, str, int, Mark]]:
    """The age, name, rounded size and mark of each file that counts."""
    now = time()
    for name, found in _entries_of(place):
        if _is_ahead(found, now) or stat.S_ISDIR(found.st_mode):
            continue
        # A file from the future shows that the clock has been set back since.
        age = now - found.st_mtime if found.st_mtime < now + _FUTURE_SEC else now
        yield age, name, rounded(found.st_size), mark_of(found)


def _entries_of(place: int) -> Iterator[tuple[str, os.stat_result]]:
    """What is in a directory, without what is removed meanwhile."""
    with os.scandir(place) as entries:
        for entry in entries:
            try:
                found = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            yield entry.name, found


def _is_ahead(found: os.stat_result, now: float) -> bool:
    """Does the mtime of a file lie ahead, and not because the clock has been set back?"""
    return now < found.st_mtime < now + _FUTURE_SEC
