# SPDX-License-Identifier: MIT
"""The share of requests that may fail, for alerts: `--fail-above 1%`. Pure, and exact.

Requests that no endpoint answered count as failed ones: they got a temporary error as well, and if
the configuration cannot be used, there are no others. Without requests there are no failures.
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.ui.draw import share

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.statistics.totals import Totals

_PERCENTAGE = re.compile(r"(\d{1,3}(?:\.\d{1,9})?) ?%", re.ASCII)


def parse(text: str) -> Fraction:
    """A percentage with its sign, from 0% up to less than 100%, as a part of 1.

    Raises:
        ValueError: the text is not one.
    """
    match = _PERCENTAGE.fullmatch(text)
    part = Fraction(match[1]) / 100 if match else None
    if part is None or part >= 1:
        raise ValueError(f"{text!r} is not a percentage such as 1% or 0.5%, and less than 100%")
    return part


def exceeded(totals: Totals, limit: Fraction) -> str:
    """What to say if more than that part has failed; otherwise nothing."""
    others = sum(totals.others.values())
    failures, requests = totals.failures + others, totals.requests + others
    if failures <= limit * requests:
        return ""
    return (
        f"{failures} of {requests} requests failed ({share(failures, requests)}), "
        f"more than {float(limit * 100):.9g} %"
    )
