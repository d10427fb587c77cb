# SPDX-License-Identifier: MIT
"""A file that one person at a time edits.

`Draft` is a context manager: it holds a lock, and has a private directory beside the file, in which
editors may create other files. The new content is written to a file that gets the owner, group,
mode and extended attributes (ACLs, SELinux) of the old one, and replaces it. If the path is a
symbolic link, the file that it leads to is replaced.
"""

from __future__ import annotations

import fcntl
import os
import tempfile
from typing import TYPE_CHECKING, Self

from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.host import atomic_file, named_file, rights

if TYPE_CHECKING:
    from types import TracebackType

NEW = b'{\n  "endpoints": []\n}\n'
_WRONG_PATH = (FileNotFoundError, NotADirectoryError, IsADirectoryError)


class Draft:
    """A file that is being edited.

    Attributes:
        content: the content of the file at the beginning.
        path: the path of a copy, for the editor.
    """

    def __init__(self, path: str) -> None:
        """Lock the file, and copy it.

        Raises:
            CommandError: somebody else is editing it, or it may not be read or written.
        """
        self._path = os.path.realpath(path)
        self._directory = os.path.dirname(self._path)
        try:
            self._lock = os.open(self._directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        except OSError as error:
            raise CommandError(f"{self._directory}: {_why(error)}") from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.content = self._read()
            self._private = tempfile.TemporaryDirectory(prefix=".edit-", dir=self._directory)
            self.path = self._copy()
        except BlockingIOError:
            os.close(self._lock)
            raise CommandError(f"{path} is being edited by another process") from None
        except OSError as error:
            os.close(self._lock)
            raise CommandError(f"{path} cannot be edited: {_why(error)}") from None

    def __enter__(self) -> Self:
        """Nothing more."""
        return self

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _traceback: TracebackType | None,
    ) -> None:
        """Remove the copy and release the lock."""
        self._private.cleanup()
        os.close(self._lock)

    def edited(self) -> bytes:
        """The content that the editor has saved."""
        try:
            return named_file.read(self.path)
        except OSError as error:
            raise CommandError(f"the editor left no file: {error.strerror}") from None

    def is_outdated(self) -> bool:
        """Has another process changed the file since the beginning?"""
        try:
            return self._read() != self.content
        except OSError as error:
            raise CommandError(f"{self._path} can no longer be read: {_why(error)}") from None

    def replace(self, content: bytes) -> None:
        """Put a new content in place.

        Raises:
            CommandError: it cannot be written; the file is as it was.
        """
        new = os.path.join(self._private.name, ".new")
        try:
            atomic_file.replace(self._path, content, new, self._give_rights)
        except OSError as error:
            raise CommandError(f"{self._path} cannot be written: {error.strerror}") from None

    def keep(self) -> str:
        """Move the copy out of the private directory; returns its new path.

        Raises:
            OSError: it stays there, and is removed.
        """
        kept = f"{self._path}.edited.{os.getpid()}"
        os.chmod(self.path, atomic_file.PRIVATE_MODE)
        os.rename(self.path, kept)
        return kept

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
            return named_file.read(self._path)
        except FileNotFoundError:
            return NEW

    def _give_rights(self, descriptor: int) -> None:
        rights.copy(self._path, descriptor)


def _why(error: OSError) -> str:
    """The text of an error, and what may help."""
    what = error.strerror or str(error)
    if isinstance(error, PermissionError) and os.geteuid() != 0:
        return f"{what}; run this as root"
    return f"{what}; is the path right?" if isinstance(error, _WRONG_PATH) else what
