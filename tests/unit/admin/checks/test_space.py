# SPDX-License-Identifier: MIT
"""File systems that take no more files; full ones are in integration/test_faults_of_disks.py."""

from __future__ import annotations

import os

from postfix_rest_inetd.admin.checks import space


def test_without_a_limit() -> None:
    """Where blocks are not counted, as on a tmpfs with size=0, none is free, and none is used."""
    directory = "/dev/pts"
    found = os.statvfs(directory)
    assert (found.f_blocks, found.f_bavail, found.f_flag & os.ST_RDONLY) == (0, 0, 0)
    assert list(space.findings(directory, "x")) == []
