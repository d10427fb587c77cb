# SPDX-License-Identifier: MIT
"""What `check` finds: the one shape that all of its parts yield and that is printed at the end.

A part is a module with generators of findings. What it misses or may not read is a finding as well,
not an error.
"""

from __future__ import annotations

from typing import NamedTuple

ERROR = "error"  # mail is deferred, or will be
WARNING = "warning"  # a step is missing, or something will go wrong sooner or later
NOTE = "note"  # what could not be seen, or is only worth knowing
GOOD = "ok"
SEVERITIES = (ERROR, WARNING, NOTE, GOOD)


class Finding(NamedTuple):
    """One thing that was found.

    In `advice`, a line that begins with four blanks is a command to be typed as it is.
    """

    severity: str
    where: str
    what: str
    advice: str = ""


def commands(*lines: str) -> str:
    """Commands, as they stand in an advice."""
    return "\n".join(f"    {line}" for line in lines)
