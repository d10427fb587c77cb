# SPDX-License-Identifier: MIT
"""Does something in a process of its own: as an ordinary user, and with mounts of its own.

Root may do everything, so it cannot try what others may not. What is loaded later, an ordinary user
has to be able to read; so ctypes, which the operator's side loads late, is loaded here.
"""

from __future__ import annotations

import ctypes
import os
import pickle
import subprocess
import sys
import traceback
from collections.abc import Callable
from typing import TypeVar

import pytest

T = TypeVar("T")

NOBODY = 65534
IS_ROOT = os.geteuid() == 0
USER = NOBODY if IS_ROOT else os.geteuid()
"""The user that an ordinary user's process has."""

_CLONE_NEWNS = 0x00020000


def skip_unless_python_is_for_everybody() -> None:
    """Skip the test if an ordinary user cannot run this Python, or may not read what it imports.

    Either may be below /root; a package that root builds is below a directory of root's own.
    """
    program = f"import sys; sys.path[:0] = {sys.path!r}; import postfix_rest_inetd"
    test = [sys.executable, "-c", program]
    try:
        status = subprocess.run(test, user=USER, extra_groups=[], check=False).returncode
    except PermissionError:
        status = 1
    if status != 0:
        pytest.skip(f"an ordinary user cannot run {sys.executable} with this postfix_rest_inetd")


def as_ordinary_user(function: Callable[[], T]) -> T:
    """What the function returns when USER calls it."""
    return _in_child(function, uid=USER)


def with_mount(options: list[str], function: Callable[[], T], *, uid: int = 0) -> T:
    """What the function returns where mount(8) has mounted something for it alone. Needs root."""
    return _in_child(function, uid=uid, mount=options)


def _in_child(function: Callable[[], T], *, uid: int, mount: list[str] | None = None) -> T:
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            if mount is not None:
                _mount(mount)
            if IS_ROOT and uid:
                os.setgroups([])
                os.setresgid(uid, uid, uid)
                os.setresuid(uid, uid, uid)
            result = pickle.dumps((True, function()))
        except BaseException:  # noqa: BLE001 - it is raised in the parent
            result = pickle.dumps((False, traceback.format_exc()))
        with open(writing, "wb") as file:
            file.write(result)
        os._exit(0)
    os.close(writing)
    with open(reading, "rb") as file:
        result = file.read()
    os.waitpid(child, 0)
    is_good, value = pickle.loads(result)
    if not is_good:
        raise AssertionError(value)
    return value  # type: ignore[no-any-return]


def _mount(options: list[str]) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.unshare(_CLONE_NEWNS) != 0:
        raise OSError(ctypes.get_errno(), "unshare(CLONE_NEWNS)")
    subprocess.run(["mount", "--make-rprivate", "/"], check=True, timeout=60)
    subprocess.run(["mount", *options], check=True, timeout=60)
