# SPDX-License-Identifier: MIT
"""How the operator is told of units: several names in a sentence, and commands to copy."""

from __future__ import annotations

_MOST = 5  # as many as a line has room for


def listed(names: list[str]) -> str:
    """Several names in a sentence: the first few, and how many more."""
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")


def command(verb: str, *units: str) -> str:
    r"""A command that a shell takes as it is.

    Of what a name of a unit may have in it (systemd.unit(5)), only the backslash of an escape like
    \x2d means something to a shell.
    """
    quoted = [f"'{name}'" if "\\" in name else name for name in units]
    return " ".join(["systemctl", *verb.split(), *quoted])
