# SPDX-License-Identifier: MIT
"""Files that are replaced as a whole or not at all.

A process that opens the file gets the old content or the new one, complete, and after a power
failure as well.
"""

from __future__ import annotations

import contextlib
import errno
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

PRIVATE_MODE = 0o600
PUBLIC_MODE = 0o644  # for programs that run as users of their own


def write(path: str, text: str, mode: int) -> None:
    """Replace a file. If it is a symbolic link, replace the file that it leads to.

    Raises:
        OSError: it cannot be written, or it is a device, which must not be replaced.
    """
    place = os.path.realpath(path)
    if os.path.exists(place) and not os.path.isfile(place):
        raise OSError(errno.EINVAL, "is not a file that can be replaced", path)
    # A name that the textfile collector of node_exporter does not read (it wants *.prom).
    new = f"{place}.new.{os.getpid()}"
    try:
        replace(place, text.encode(), new, lambda descriptor: os.fchmod(descriptor, mode))
    except OSError as error:
        raise OSError(error.errno, error.strerror, path) from None


def replace(
    path: str,
    content: bytes,
    new: str,
    give_rights: Callable[[int], None],
    *,
    is_new: bool = False,
) -> None:
    """Write `content` to the path `new`, and rename that to `path`.

    Other users cannot read the new file until `give_rights` has been called with its descriptor.

    Raises:
        FileExistsError: with `is_new`, `path` exists.
        OSError: it cannot be written; `path` is as it was, and `new` does not exist.
    """
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC
        with open(os.open(new, flags, PRIVATE_MODE), "wb") as file:
            file.write(content)
            file.flush()
            give_rights(file.fileno())
            os.fsync(file.fileno())
        if is_new:
            os.link(new, path)
            os.unlink(new)
        else:
            os.replace(new, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(new)
        raise
    _make_durable(os.path.dirname(path))


def _make_durable(directory: str) -> None:
    """Make the renaming survive a power failure, if the file system supports that."""
    with contextlib.suppress(OSError):
        descriptor = os.open(directory or ".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
