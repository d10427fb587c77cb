# SPDX-License-Identifier: MIT
"""The rights of a file: owner, group, mode and extended attributes (ACLs, SELinux)."""

from __future__ import annotations

import contextlib
import os
import pwd
import stat

_USER = "postfix-rest-inetd"
_MODE = 0o640


def copy(path: str, descriptor: int) -> None:
    """Give a new file the rights of the one that it replaces, or those of a new secret.

    Raises:
        OSError: this user may not.
    """
    try:
        old = os.stat(path)
    except FileNotFoundError:
        give_secret(descriptor)
        return
    new = os.fstat(descriptor)
    if (old.st_uid, old.st_gid) != (new.st_uid, new.st_gid):
        os.fchown(descriptor, old.st_uid, old.st_gid)
    os.fchmod(descriptor, stat.S_IMODE(old.st_mode))
    with contextlib.suppress(OSError):  # a file system without them
        for name in os.listxattr(path):
            with contextlib.suppress(OSError):  # some belong to the kernel
                os.setxattr(descriptor, name, os.getxattr(path, name))


def give_secret(descriptor: int) -> None:
    """Let root and the handlers read a file, and nobody else."""
    with contextlib.suppress(KeyError, PermissionError):  # not installed, or not root
        os.fchown(descriptor, -1, pwd.getpwnam(_USER).pw_gid)
    os.fchmod(descriptor, _MODE)
