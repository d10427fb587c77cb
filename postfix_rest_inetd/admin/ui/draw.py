# SPDX-License-Identifier: MIT
"""Numbers and times as text and as bars, for a terminal.

Pure functions, except that bars have ASCII characters if standard output cannot encode blocks.
"""

from __future__ import annotations

import functools
import sys
from datetime import datetime
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

_EIGHTHS_UP = " ▁▂▃▄▅▆▇█"
_EIGHTHS_RIGHT = " ▏▎▍▌▋▊▉█"
_PLAIN = " .......#"
_STEPS = 8


@functools.cache
def _has_blocks() -> bool:
    try:
        _EIGHTHS_UP.encode(sys.stdout.encoding or "ascii")
        _EIGHTHS_RIGHT.encode(sys.stdout.encoding or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def bar(value: int, largest: int, width: int) -> str:
    """A horizontal bar; it is not empty if `value` is more than 0."""
    if value <= 0 or largest <= 0:
        return ""
    steps = max(1, round(value / largest * width * _STEPS))
    full, part = divmod(min(steps, width * _STEPS), _STEPS)
    glyphs = _EIGHTHS_RIGHT if _has_blocks() else _PLAIN
    return glyphs[_STEPS] * full + (glyphs[part] if part else "")


def chart(values: Sequence[int], height: int) -> list[str]:
    """Vertical bars, each one character wide: the lines from top to bottom."""
    largest = max(values, default=0)
    glyphs = _EIGHTHS_UP if _has_blocks() else _PLAIN
    steps = [max(1, round(v / largest * height * _STEPS)) if v else 0 for v in values]
    return [
        "".join(glyphs[min(max(step - line * _STEPS, 0), _STEPS)] for step in steps)
        for line in reversed(range(height))
    ]


def duration(usec: float) -> str:
    """A time in at most 8 characters: `999 us`, `1.23 ms`, `45.6 ms`, `2.00 s`, `90.0 s`."""
    if usec < 1000:
        return f"{usec:.0f} us"
    for unit, factor in (("ms", 1_000), ("s", 1_000_000)):
        number = usec / factor
        if number < 999.5 or unit == "s":
            digits = 2 if number < 9.995 else 1 if number < 99.95 else 0
            return f"{number:.{digits}f} {unit}"
    raise AssertionError("a second is the largest unit")


def length(seconds: int) -> str:
    """A whole number of seconds in its two largest units: 90 is `1 min 30 s`."""
    parts = []
    for unit, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number} {unit}")
    return " ".join(parts[:2]) or "0 s"


def share(part: int, whole: int) -> str:
    """A percentage. `0.0 %` and `100.0 %` are exact; `< 0.1 %` and `> 99.9 %` are near them."""
    if whole <= 0:
        return ""
    percent = part / whole * 100
    if 0 < percent < 0.1:
        return "< 0.1 %"
    if 99.9 < percent < 100:
        return "> 99.9 %"
    return f"{percent:.1f} %"


def size(count: int) -> str:
    """A number of bytes in at most 8 characters: `0 B`, `4.0 KiB`, `64 MiB`, `1.0 GiB`."""
    number, unit = float(count), "B"
    for larger in ("KiB", "MiB", "GiB", "TiB"):
        if number < 999.5:
            break
        number, unit = number / 1024, larger
    digits = 1 if unit != "B" and number < 9.95 else 0
    return f"{number:.{digits}f} {unit}"


def moment(seconds: float) -> str:
    """A point in time, as the operator's clock has it."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")
