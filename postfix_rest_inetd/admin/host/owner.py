# SPDX-License-Identifier: MIT
"""Working in a directory as its owner, so that its owner can use whatever is made there.

Root does so by taking the owner's effective user and group, and no other groups, for a while. A
file that root left there would be of no use to the owner. And the owner can put a symbolic link
there, which root must not follow.
"""

from __future__ import annotations

import contextlib
import os
import stat
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.host.access import user_name

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def of(directory: str) -> Iterator[None]:
    """Be the owner of a directory.

    Raises:
        CommandError: there is no such directory, or this user may not use it.
        OSError: it cannot be looked at.
    """
    try:
        found = os.stat(directory)
    except FileNotFoundError:
        raise CommandError(f"{directory}: there is no such directory") from None
    if not stat.S_ISDIR(found.st_mode):
        raise CommandError(f"{directory}: is not a directory")
    user = os.geteuid()
    if user == found.st_uid:
        yield
    elif user == 0:
        groups, group = os.getgroups(), os.getegid()
        try:
            _become(found.st_uid, found.st_gid, directory)
            yield
        finally:
            os.seteuid(0)
            os.setegid(group)
            os.setgroups(groups)
    else:
        raise CommandError(f"{directory}: only {_users(found.st_uid)} may use it; run this as root")


def _users(uid: int) -> str:
    return "root" if uid == 0 else f"its owner {user_name(uid)} and root"


def _become(uid: int, gid: int, directory: str) -> None:
    try:
        os.setgroups([])
        os.setegid(gid)
        os.seteuid(uid)
    except OSError as error:  # root in a sandbox, without CAP_SETUID
        raise CommandError(
            f"{directory}: root cannot become its owner {user_name(uid)} here: {error.strerror}"
        ) from None
