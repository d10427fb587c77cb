# SPDX-License-Identifier: MIT
"""The file of a token, which only root and the handlers can read.

The token goes from a file, standard input or a terminal that does not show it to this file, and
nowhere else.
"""

from __future__ import annotations

import contextlib
import errno
import getpass
import os
import stat
import sys

from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.host import atomic_file, named_file, rights
from postfix_rest_inetd.admin.setup.wanted import checked_token
from postfix_rest_inetd.config.credentials import MAX_TOKEN_BYTES

STDIN = "-"
_MAX_BYTES = 2 * MAX_TOKEN_BYTES
_REMOVE_IT = "remove it, and make the token with token new"


def read(path: str) -> str:
    """The token in a file, or on standard input.

    Raises:
        CommandError: there is none.
        OSError: the file cannot be read.
    """
    if path == STDIN:
        return _token_in(sys.stdin.buffer.read(_MAX_BYTES), "standard input")
    return _token_in(named_file.read(path), path)


def read_waiting(path: str) -> str:
    """The token in the file that is going to be copied to the present one.

    A user who may write to the directory must not get a copy of a file of root, so this is
    neither a symbolic link nor another name of a file.

    Raises:
        CommandError: there is no token, or it is a link.
        OSError: the file cannot be read.
    """
    flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | os.O_NOFOLLOW
    try:
        with open(os.open(path, flags), "rb") as file:
            found = os.fstat(file.fileno())
            content = file.read(_MAX_BYTES) if stat.S_ISREG(found.st_mode) else b""
    except OSError as error:
        if error.errno != errno.ELOOP:
            raise
        raise CommandError(f"{path} is a symbolic link; {_REMOVE_IT}") from None
    if stat.S_ISREG(found.st_mode) and found.st_nlink != 1:
        raise CommandError(f"{path} has several names (hard links); {_REMOVE_IT}")
    return _token_in(content, path)


def _token_in(content: bytes, shown: str) -> str:
    try:
        token = checked_token(content)
    except ValueError as error:
        raise CommandError(f"{shown}: {error}") from None
    if not token:
        raise CommandError(f"{shown}: there is no token in it")
    return token


def asked(prompt: str) -> str:
    """The token that is typed and not shown; empty for none.

    Raises:
        ValueError: this cannot be a token.
        EOFError: the input has ended.
    """
    return checked_token(getpass.getpass(prompt).encode(errors="surrogateescape"))


def is_in_place(path: str, token: str) -> bool:
    """Does the file have this token already?

    Raises:
        CommandError: it has another content, or cannot be read.
    """
    try:
        if checked_token(named_file.read(path)) == token:
            return True
    except FileNotFoundError:
        return False
    except (OSError, ValueError):
        pass
    what = "exists, with another content; choose another --name, or remove it if nothing uses it"
    raise CommandError(f"{path} {what}")


def write(path: str, token: str, like: str | None = None, *, is_new: bool = False) -> None:
    """Make the file, or replace it unless it has to be new.

    Args:
        path: of the file.
        token: its content.
        like: the path of a file with the same rights, if it exists.
        is_new: must the path not exist yet?

    Raises:
        FileExistsError: it has to be new, and exists.
        CommandError: it cannot be written; what was there is as it was.
    """

    def give_rights(descriptor: int) -> None:
        if like is None:
            rights.give_secret(descriptor)
        else:
            rights.copy(like, descriptor)

    content, new = f"{token}\n".encode(), f"{path}.new.{os.getpid()}"
    try:
        atomic_file.replace(path, content, new, give_rights, is_new=is_new)
    except FileExistsError:
        raise
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None


def remove(path: str) -> None:
    """Remove a token file, if it is there."""
    with contextlib.suppress(OSError):
        os.unlink(path)
