# SPDX-License-Identifier: MIT
"""The period that `--since` and `--until` mean."""

from __future__ import annotations

import time

from postfix_rest_inetd.admin.command_error import UsageError
from postfix_rest_inetd.admin.statistics import times


def of(since: str | None, until: str | None = None) -> tuple[float | None, float | None]:
    """The begin and the end in seconds since 1970; None for those that are not given.

    Raises:
        UsageError: a time cannot be read, or the end is before the begin.
    """
    now = time.time()
    try:
        begin, end = (None if text is None else times.parse(text, now) for text in (since, until))
    except ValueError as error:
        raise UsageError(str(error)) from None
    if begin is not None and end is not None and begin > end:
        raise UsageError("--since is later than --until")
    return begin, end
