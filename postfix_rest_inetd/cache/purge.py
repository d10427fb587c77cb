# SPDX-License-Identifier: MIT
"""What an operator does with stored answers: remove them, or declare them stale.

No handler loads this. Whatever handlers do at the same time: what one of them has asked for before
a function is called is not found after it returns. One exception: while another purge removes an
old FOLDER, a handler that has opened that one may find something there.

- purge_folder() puts a new directory into the place of FOLDER, and then removes the old one. A
  handler that has the old one open stores there.
- purge_answer() leaves a tombstone in the place of the answer, also if there is none. A handler
  that has looked there finds something else when it is to store another answer (store.py). Neither
  a tombstone nor what takes its place is removed for TOMBSTONE_SEC, which is longer than any
  request takes.
- expire() makes the file of an answer read-only. The answer is not fresh any more, but may still be
  used in an outage. An answer that was asked for before may still take its place if the file has
  to go, because the store is full.

The caller works as the owner of the cache directory. Otherwise, handlers could not use what is made
here. All functions raise OSError if the directory cannot be used.
"""

from __future__ import annotations

import os
import shutil
import stat
from contextlib import contextmanager, suppress
from errno import ENOTEMPTY
from time import monotonic, sleep, time

from ..cache_folder import DIRECTORY_FLAGS, FILE_FLAGS, FORMAT, may_be_folder
from .record import TOMBSTONE
from .writing import (
    NEW,
    TOMBSTONE_SEC,
    add,
    lock,
    make_directory,
    mark_of_open,
    remove,
    write_new,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

# linux/fs.h
_RENAME_EXCHANGE = 2

_GONE = ".purged-"
_MADE = ".made-"
# Handlers hold a lock for microseconds, if the machine lets them.
_LOCK_SEC = 10.0
# Handlers may still be writing into a directory that is being removed.
_REMOVE_SEC = 5.0
_PAUSE_SEC = 0.001
# An attempt fails if a handler has just replaced the file.
_ATTEMPTS = 100
_BUSY = "handlers replace it again and again"
_LEFTOVER_SEC = 60


def folders(directory: str) -> list[str]:
    """The names of all FOLDERs in a cache directory, sorted; what else is there is left alone."""
    try:
        with _answers_in(directory) as answers:
            return sorted(filter(may_be_folder, os.listdir(answers)))
    except FileNotFoundError:
        return []


def purge_all(directory: str) -> None:
    """Remove the stored answers of all endpoints."""
    for folder in folders(directory):
        purge_folder(directory, folder)


def purge_folder(directory: str, folder: str) -> None:
    """Remove all stored answers of FOLDER, which exists and is empty afterwards."""
    with _answers_in(directory, is_made=True) as answers:
        made = f"{_MADE}{os.urandom(8).hex()}"
        make_directory(made, answers)
        # A FOLDER that has `new` in it is not taken for the one that a handler makes (store.py).
        make_directory(f"{made}/{NEW}", answers)
        if not any(_is_replaced(folder, made, answers) for _ in range(_ATTEMPTS)):
            raise OSError(0, f"{folder}: {_BUSY}")
        _clean(answers)


def purge_answer(directory: str, folder: str, digest: str) -> bool:
    """Leave a tombstone in the place of an answer; False if there was no file.

    `digest` is the name of its file, 40 hexadecimal digits. Without FOLDER, this is purge_folder().
    """
    try:
        with _answers_in(directory) as answers:
            for _ in range(_ATTEMPTS):
                with _directory(folder, answers) as descriptor:
                    is_removed = _bury(descriptor, digest)
                    # Another purge may have replaced FOLDER: a handler that has asked since then,
                    # and before this purge, stores its answer in the new one.
                    if _is_in_place(folder, answers, descriptor):
                        return is_removed
    except FileNotFoundError:  # or another purge has just removed it
        purge_folder(directory, folder)
        return False
    raise OSError(0, f"{folder}: {_BUSY}")


def _is_in_place(folder: str, answers: int, descriptor: int) -> bool:
    """Does FOLDER still mean the directory that is open?"""
    named = os.stat(folder, dir_fd=answers, follow_symlinks=False)
    return os.path.samestat(named, os.fstat(descriptor))


def expire(directory: str, folder: str, digest: str) -> bool:
    """Declare an answer stale; False if there is none."""
    try:
        with (
            _answers_in(directory) as answers,
            _directory(folder, answers) as descriptor,
            _directory(digest[:2], descriptor) as place,
        ):
            for _ in range(_ATTEMPTS):
                with _locked(digest, place) as file:
                    if file is not None:
                        os.fchmod(file, stat.S_IMODE(os.fstat(file).st_mode) & ~stat.S_IWUSR)
                        return True
    except FileNotFoundError:
        return False
    raise OSError(0, f"{digest}: {_BUSY}")


def _bury(folder: int, digest: str) -> bool:
    """Put a tombstone into the place of an answer; False if there was no file."""
    ahead = time() + TOMBSTONE_SEC
    path = write_new(folder, TOMBSTONE)
    try:
        os.utime(path, (ahead, ahead), dir_fd=folder, follow_symlinks=False)
        make_directory(digest[:2], folder)
        with _directory(digest[:2], folder) as place:
            for _ in range(_ATTEMPTS):
                if add(path, folder, digest, place):
                    return False
                try:
                    with _locked(digest, place) as file:
                        if file is not None:
                            os.rename(path, digest, src_dir_fd=folder, dst_dir_fd=place)
                            return True
                except FileNotFoundError:
                    continue
                except TimeoutError:
                    raise
                except OSError:  # a link, for example; handlers cannot open it either
                    os.rename(path, digest, src_dir_fd=folder, dst_dir_fd=place)
                    return True
    finally:
        remove(path, folder)
    raise OSError(0, f"{digest}: {_BUSY}")


def _is_replaced(folder: str, made: str, answers: int) -> bool:
    """Put another directory into the place of FOLDER; False if a handler has just made one."""
    gone = f"{_GONE}{os.urandom(8).hex()}"
    if _is_exchanged(folder, made, answers):
        os.rename(made, gone, src_dir_fd=answers, dst_dir_fd=answers)
        return True
    with suppress(FileNotFoundError):
        os.rename(folder, gone, src_dir_fd=answers, dst_dir_fd=answers)
    try:
        os.rename(made, folder, src_dir_fd=answers, dst_dir_fd=answers)
    except (FileExistsError, NotADirectoryError):
        return False
    except OSError as error:
        if error.errno != ENOTEMPTY:
            raise
        return False
    return True


def _is_exchanged(one: str, other: str, directory: int) -> bool:
    """Exchange the names of two files in one step, without a moment in which one is missing.

    A handler that has found no FOLDER could make one in that moment. False if there is nothing to
    exchange, or if the system or the file system cannot do it.
    """
    import ctypes

    rename = getattr(ctypes.CDLL(None), "renameat2", None)
    if rename is None:
        return False
    names = [(ctypes.c_int(directory), os.fsencode(name)) for name in (one, other)]
    return bool(rename(*names[0], *names[1], _RENAME_EXCHANGE) == 0)


def _clean(answers: int) -> None:
    """Remove what was renamed away, also by an earlier purge that was interrupted."""
    for name in os.listdir(answers):
        is_left = name.startswith(_MADE) and time() - _mtime_of(name, answers) > _LEFTOVER_SEC
        if is_left or name.startswith(_GONE):
            _remove(name, answers)


@contextmanager
def _answers_in(directory: str, *, is_made: bool = False) -> Iterator[int]:
    """The descriptor of the directory of all FOLDERs."""
    place = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        for name in (FORMAT, "answers"):
            if is_made:
                make_directory(name, place)
            inner = os.open(name, DIRECTORY_FLAGS, dir_fd=place)
            os.close(place)
            place = inner
        yield place
    finally:
        os.close(place)


@contextmanager
def _directory(name: str, directory: int) -> Iterator[int]:
    """The descriptor of a directory."""
    descriptor = os.open(name, DIRECTORY_FLAGS, dir_fd=directory)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def _locked(name: str, place: int) -> Iterator[int | None]:
    """The descriptor of a file, which is locked; None if another has taken its place."""
    descriptor = os.open(name, FILE_FLAGS, dir_fd=place)
    try:
        end = monotonic() + _LOCK_SEC
        while not lock(descriptor):
            if monotonic() > end:
                raise TimeoutError(0, f"{name}: a handler has locked it, and does not go on")
            sleep(_PAUSE_SEC)
        yield None if mark_of_open(descriptor, name, place) is None else descriptor
    finally:
        os.close(descriptor)


def _mtime_of(name: str, directory: int) -> float:
    """When it was changed last; now, if it does not exist."""
    try:
        return os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime
    except FileNotFoundError:
        return time()


def _remove(name: str, directory: int) -> None:
    """Remove whatever it is, with all that is in it; handlers may add something meanwhile."""
    end = monotonic() + _REMOVE_SEC
    while True:
        try:
            found = os.stat(name, dir_fd=directory, follow_symlinks=False)
        except FileNotFoundError:
            return  # removed below, or by another purge
        try:
            if stat.S_ISDIR(found.st_mode):
                shutil.rmtree(name, dir_fd=directory)
            else:
                os.unlink(name, dir_fd=directory)
        except OSError:
            if monotonic() > end:
                raise
        sleep(_PAUSE_SEC)
