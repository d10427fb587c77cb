# SPDX-License-Identifier: MIT
"""The file of a token, which only root and the handlers can read.

The token goes from a file, standard input or a terminal that does not show it to this file, and
nowhere else.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import sys

from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.host import atomic_file, named_file, rights
from postfix_rest_inetd.admin.setup.wanted import checked_token
from postfix_rest_inetd.config.credentials import MAX_TOKEN_BYTES

STDIN = "-"


def read(path: str) -> str:
    """The token in a file, or on standard input.

    Raises:
        CommandError: there is none.
        OSError: the file cannot be read.
    """
    shown = "standard input" if path == STDIN else path
    content = sys.stdin.buffer.read(2 * MAX_TOKEN_BYTES) if path == STDIN else named_file.read(path)
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
    raise CommandError(f"{path} exists, with another content; remove it, or choose another --name")


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
