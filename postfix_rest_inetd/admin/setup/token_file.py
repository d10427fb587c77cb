# SPDX-License-Identifier: MIT
"""The file of a token, which only root and the handlers can read.

The token goes from a file, standard input or a terminal that does not show it to this file, and
nowhere else.
"""

from __future__ import annotations

import contextlib
import getpass
import os
import pwd
import sys

from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.host import atomic_file, named_file
from postfix_rest_inetd.admin.setup.wanted import checked_token
from postfix_rest_inetd.config.credentials import MAX_TOKEN_BYTES

STDIN = "-"

_USER = "postfix-rest-inetd"
_MODE = 0o640


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


def write(path: str, token: str) -> None:
    """Make the file.

    Raises:
        CommandError: it cannot be written.
    """
    try:
        atomic_file.replace(path, f"{token}\n".encode(), f"{path}.new.{os.getpid()}", _give_rights)
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {error.strerror}") from None


def remove(path: str) -> None:
    """Remove the file that `write` has made, if it has."""
    with contextlib.suppress(OSError):
        os.unlink(path)


def _give_rights(descriptor: int) -> None:
    with contextlib.suppress(KeyError, PermissionError):  # not installed, or not root
        os.fchown(descriptor, -1, pwd.getpwnam(_USER).pw_gid)
    os.fchmod(descriptor, _MODE)
