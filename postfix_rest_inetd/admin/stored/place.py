# SPDX-License-Identifier: MIT
"""The cache directory, in which everything here is done as its owner."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.host import owner

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextlib.contextmanager
def used(directory: str) -> Iterator[None]:
    """Work in the cache directory.

    Raises:
        CommandError: this user may not use it, or it cannot be used.
    """
    with owner.of(directory):
        try:
            yield
        except OSError as error:  # its paths are relative to directories that are open
            names = [name for name in (error.filename, error.filename2) if isinstance(name, str)]
            where = f" ({names[0]})" if names and names[0] != directory else ""
            raise CommandError(f"{directory}: {error.strerror}{where}") from None
