# SPDX-License-Identifier: MIT
"""Awaiting that a file appears in a directory, or is replaced there, by inotify(7)."""

from __future__ import annotations

import ctypes
import os
import select
import struct
import time
from typing import Self

_IN_MOVED_TO = 0x80
_EVENT = struct.Struct("iIII")


class Replacements:
    """Watches DIRECTORY from now on; use it as a context manager."""

    def __init__(self, directory: str) -> None:
        libc = ctypes.CDLL(None, use_errno=True)
        self._descriptor: int = libc.inotify_init1(os.O_CLOEXEC)
        watch: int = libc.inotify_add_watch(self._descriptor, directory.encode(), _IN_MOVED_TO)
        if self._descriptor < 0 or watch < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), directory)

    def wait_for(self, name: str, timeout: float) -> bool:
        """Whether within TIMEOUT seconds a file was renamed to NAME."""
        deadline = time.monotonic() + timeout
        while (left := deadline - time.monotonic()) > 0:
            if select.select([self._descriptor], [], [], left)[0]:
                data = os.read(self._descriptor, 65536)
                if name.encode() in _names(data):
                    return True
        return False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        os.close(self._descriptor)


def _names(events: bytes) -> list[bytes]:
    names = []
    while events:
        *_numbers, length = _EVENT.unpack_from(events)
        end = _EVENT.size + length
        names.append(events[_EVENT.size : end].rstrip(b"\0"))
        events = events[end:]
    return names
