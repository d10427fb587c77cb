# SPDX-License-Identifier: MIT
"""What the sections of the report share: its width, and how names and moments are shown."""

from __future__ import annotations

from datetime import datetime

NAME_WIDTH = 20


def moment(seconds: float) -> str:
    """A point in time, as the operator's clock has it."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def cut(text: str, width: int) -> str:
    """A text of at most `width` characters, and at least 10, with dots if it is longer."""
    width = max(width, 10)
    return text if len(text) <= width else text[: width - 3] + "..."
