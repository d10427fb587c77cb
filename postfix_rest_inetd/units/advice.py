# SPDX-License-Identifier: MIT
"""Parts of messages about units: several names in a sentence, and commands to copy."""

from __future__ import annotations

_MOST = 5  # as many as a line has room for


def listed(names: list[str]) -> str:
    """Several names in a sentence: the first few, and how many more."""
    more = len(names) - _MOST
    return ", ".join(names[:_MOST]) + (f" and {more} more" if more > 0 else "")


def command(verb: str, *units: str) -> str:
    """A command that can be copied to a shell."""
    return " ".join(["systemctl", *verb.split(), *(quoted(name) for name in units)])


def quoted(unit: str) -> str:
    r"""The name of a unit for a shell.

    Among the characters of a unit name (systemd.unit(5)), only the backslash of an escape like \x2d
    is special to a shell.
    """
    return f"'{unit}'" if "\\" in unit else unit
