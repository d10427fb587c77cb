# SPDX-License-Identifier: MIT
"""The findings of `check`, which all of its parts yield and which are printed at the end.

A part is a module with generators of findings. If something is missing or may not be read, that is
a finding as well, and not an error.
"""

from __future__ import annotations

from typing import NamedTuple

ERROR = "error"  # mail is deferred, or will be
WARNING = "warning"  # a step is missing, or something will go wrong sooner or later
NOTE = "note"  # something could not be checked, or is only worth knowing
GOOD = "ok"
SEVERITIES = (ERROR, WARNING, NOTE, GOOD)


class Finding(NamedTuple):
    """One thing that was found.

    In `advice`, a line that begins with four blanks is a command that can be copied. `excerpt` is a
    line of the file and, below it, a caret.
    """

    severity: str
    where: str
    what: str
    advice: str = ""
    excerpt: str = ""


class Applicable(Finding):
    """A finding of the socket units whose commands `apply` runs."""

    __slots__ = ()


def commands(*lines: str) -> str:
    """Commands in the form for `advice`."""
    return "\n".join(f"    {line}" for line in lines)
