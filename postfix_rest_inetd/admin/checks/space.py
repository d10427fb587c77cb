# SPDX-License-Identifier: MIT
"""File systems on which nothing more can be written, and what then fails."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks.finding import WARNING, Finding, commands

if TYPE_CHECKING:
    from collections.abc import Iterator

JOURNAL = "/var/log/journal"
"""Where journald keeps what survives a boot (systemd-journald.service(8)); it may be absent."""
_LEAST_FREE_BYTES = 1024 * 1024


def findings(directory: str, consequence: str) -> Iterator[Finding]:
    """Whether a directory, if it is there, is on a file system that takes no more files."""
    try:
        space = os.statvfs(directory)
    except OSError:
        return
    what = ""
    # Without a limit, as of a tmpfs with size=0, both are 0.
    if space.f_flag & os.ST_RDONLY:
        what = "that is mounted read-only"
    elif space.f_blocks and space.f_bavail * space.f_frsize < _LEAST_FREE_BYTES:
        what = "that is full"
    elif space.f_files and not space.f_favail:
        what = "that has no inodes left"
    if what:
        text = f"is on a file system {what}, so {consequence}"
        yield Finding(WARNING, directory, text, f"See:\n{commands(_df(directory))}")


def _df(directory: str) -> str:
    return f"findmnt --target {shlex.quote(directory)} --df"
