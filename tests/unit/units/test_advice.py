# SPDX-License-Identifier: MIT
"""advice: what the operator reads, and what a shell makes of what the operator copies."""

from __future__ import annotations

import shlex
import string

import pytest

from postfix_rest_inetd.units import advice

NAMES = [f"n{number}" for number in range(7)]


@pytest.mark.parametrize(
    "count, expected",
    [
        (1, "n0"),
        (5, "n0, n1, n2, n3, n4"),
        (6, "n0, n1, n2, n3, n4 and 1 more"),
        (7, "n0, n1, n2, n3, n4 and 2 more"),
    ],
)
def test_listed(count: int, expected: str) -> None:
    """A line has room for five names."""
    assert advice.listed(NAMES[:count]) == expected


def test_command() -> None:
    """A shell makes of a command what was put into it, whatever may be in the name of a unit."""
    # unit_name_is_valid() of systemd's basic/unit-name.c
    name = f"{string.ascii_letters}{string.digits}:-_.\\@x.socket"
    plain = name.replace("\\", "")
    command = advice.command("disable --now", plain, name)
    assert shlex.split(command) == ["systemctl", "disable", "--now", plain, name]
    assert command == f"systemctl disable --now {shlex.join([plain, name])}"
