# SPDX-License-Identifier: MIT
"""What another user may do with a path; this is tried as that user.

Mode bits alone are not enough: parent directories, supplementary groups and ACLs matter as well.
Only root can run a program as another user. Otherwise the answer is None: unknown.
"""

from __future__ import annotations

import grp
import os
import pwd
import stat
import subprocess
from typing import Any

_SEC = 10


def may(user: str, permission: str, path: str) -> bool | None:
    """May `user` read, write or search (`r`, `w`, `x`) what is at `path`?"""
    try:
        entry = pwd.getpwnam(user)
    except KeyError:
        return None
    if os.geteuid() != 0 and entry.pw_uid != os.geteuid():
        return None
    become: dict[str, Any] = {}
    if entry.pw_uid != os.geteuid():
        groups = os.getgrouplist(user, entry.pw_gid)
        become = {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": groups}
    command = ["/usr/bin/test", f"-{permission}", path]
    try:
        done = subprocess.run(command, check=False, timeout=_SEC, **become)  # noqa: S603
    except (OSError, subprocess.SubprocessError):  # root without all rights, in a sandbox
        return None
    return done.returncode == 0


def exists(user: str) -> bool:
    """Is there a user of that name?"""
    try:
        pwd.getpwnam(user)
    except KeyError:
        return False
    return True


def obstacle(user: str, path: str) -> str:
    """The part of a path that prevents a user from reading it: a directory, or the file itself."""
    parts = path.split("/")
    for end in range(2, len(parts)):
        directory = "/".join(parts[:end])
        if may(user, "x", directory) is False:
            return directory
    return path


def rights(path: str) -> str:
    """Mode and owners of a file, as `0640 root:adm`."""
    try:
        status = os.stat(path)
    except OSError as error:
        return error.strerror or "unknown"
    mode = stat.S_IMODE(status.st_mode)
    return f"{mode:04o} {user_name(status.st_uid)}:{_group_name(status.st_gid)}"


def user_name(uid: int) -> str:
    """The name of a user, or the number if there is no name."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)


def _group_name(gid: int) -> str:
    try:
        return grp.getgrgid(gid).gr_name
    except KeyError:
        return str(gid)
