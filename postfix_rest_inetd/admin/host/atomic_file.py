# SPDX-License-Identifier: MIT
"""A file that is replaced as a whole or not at all, and by one person at a time.

`Draft` is a context manager: it holds a lock for as long as somebody edits, and a private directory
beside the file, in which editors may leave what they like. `replace` puts a new content in place:
whoever opens the file gets the old one or the new one, complete, and after a power failure too.
Owner, group, mode and extended attributes (ACLs, SELinux) are those of the old one. Of a symbolic
link, the file that it leads to is replaced.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import pwd
import stat
import tempfile
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType

NEW = b'{\n  "endpoints": []\n}\n'
_OWN_USER = "postfix-rest-inetd"
_MODE = 0o640
_WRONG_PATH = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class EditError(Exception):
    """The file cannot be edited; the text says why and what to do."""


class Draft:
    """A file that is being edited.

    Attributes:
        content: what the file held at the beginning.
        path: of a copy of it, for the editor.
    """

    def __init__(self, path: str) -> None:
        """Lock the file, and copy it.

        Raises:
            EditError: somebody else is editing it, or it may not be read or written.
        """
        self._path = os.path.realpath(path)
        self._directory = os.path.dirname(self._path)
        try:
            self._lock = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise EditError(f"{self._directory}: {_why(error)}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.content = self._read()
            self._private = tempfile.TemporaryDirectory(prefix=".edit-", dir=self._directory)
            self.path = self._copy()
        except BlockingIOError:
            os.close(self._lock)
            raise EditError(f"{path} is being edited by somebody else") from None
        except OSError as error:
            os.close(self._lock)
            raise EditError(f"{path} cannot be edited: {_why(error)}") from None

    def __enter__(self) -> Self:
        """Nothing more."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Remove the copy and give the lock back."""
        self._private.cleanup()
        os.close(self._lock)

    def edited(self) -> bytes:
        """What the editor has left."""
        try:
            with open(self.path, "rb") as file:
                return file.read()
        except OSError as error:
            raise EditError(f"the editor has left no file: {error.strerror}") from None

    def is_outdated(self) -> bool:
        """Has the file been changed by others since the beginning?"""
        try:
            return self._read() != self.content
        except OSError as error:
            raise EditError(f"{self._path} cannot be read any more: {_why(error)}") from None

    def replace(self, content: bytes) -> None:
        """Put a new content in place.

        Raises:
            EditError: it cannot be written; the file is as it was.
        """
        new = os.path.join(self._private.name, ".new")
        try:
            with open(new, "wb", opener=_closed) as file:
                file.write(content)
                file.flush()
                self._copy_rights(file.fileno())
                os.fsync(file.fileno())
            os.replace(new, self._path)
            os.fsync(self._lock)
        except OSError as error:
            raise EditError(f"{self._path} cannot be written: {error.strerror}") from None

    def _copy(self) -> str:
        """Write the copy; returns its path, or leaves nothing behind."""
        path = os.path.join(self._private.name, os.path.basename(self._path))
        try:
            with open(path, "xb") as file:
                file.write(self.content)
        except OSError:
            self._private.cleanup()
            raise
        return path

    def _read(self) -> bytes:
        try:
            with open(self._path, "rb") as file:
                return file.read()
        except FileNotFoundError:
            return NEW

    def _copy_rights(self, descriptor: int) -> None:
        """Give the new file the owner, mode and attributes of the old one."""
        try:
            old = os.stat(self._path)
        except FileNotFoundError:
            with contextlib.suppress(KeyError, PermissionError):
                os.fchown(descriptor, -1, pwd.getpwnam(_OWN_USER).pw_gid)
            os.fchmod(descriptor, _MODE)
            return
        new = os.fstat(descriptor)
        if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
            os.fchown(descriptor, old.st_uid, old.st_gid)
        os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
        with contextlib.suppress(OSError):  # a file system without them
            for name in os.listxattr(self._path):
                with contextlib.suppress(OSError):  # some are the kernel's own
                    os.setxattr(descriptor, name, os.getxattr(self._path, name))


def _closed(path: str, flags: int) -> int:
    """For `open`: a file that nobody else may read, yet."""
    return os.open(path, flags | os.O_EXCL | os.O_CLOEXEC, 0o600)


def _why(error: OSError) -> str:
    """The words of an error, and what to do where that may help."""
    what = error.strerror or str(error)
    if isinstance(error, PermissionError) and os.geteuid() != 0:
        return f"{what}; run this as root"
    return f"{what}; is the path right?" if isinstance(error, _WRONG_PATH) else what
