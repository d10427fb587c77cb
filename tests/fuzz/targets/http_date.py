# SPDX-License-Identifier: MIT
"""A date is what has one of the three forms, and it is the second that datetime says."""

from __future__ import annotations

import calendar
import re
from datetime import UTC, datetime

from postfix_rest_inetd.cache import http_date

MODULES = ("cache.http_date",)

_TIME = rb"(?P<time>[0-9]{2}:[0-9]{2}:[0-9]{2})"
_DAY = rb"(?:mon|tue|wed|thu|fri|sat|sun)"
_MONTHS = b"jan feb mar apr may jun jul aug sep oct nov dec".split()
_MONTH = rb"(?P<month>" + b"|".join(_MONTHS) + rb")"
_FORMS = [
    re.compile(form, re.IGNORECASE)
    for form in (
        _DAY + rb", (?P<day>[0-9]{2}) " + _MONTH + rb" (?P<year>[0-9]{4}) " + _TIME + rb" GMT",
        rb"(?:mon|tues|wednes|thurs|fri|satur|sun)day, (?P<day>[0-9]{2})-"
        + _MONTH
        + rb"-(?P<year>[0-9]{2}) "
        + _TIME
        + rb" GMT",
        _DAY + rb" " + _MONTH + rb" (?P<day>[0-9]{2}| [0-9]) " + _TIME + rb" (?P<year>[0-9]{4})",
    )
]
_NOW = (0, 951_782_400, 1_700_000_000, 4_102_444_800)
_FAR_YEARS = 50
_YEAR_SEC = 365.2425 * 86400


def run(data: bytes) -> None:
    """DATA is the value of the field."""
    for now in _NOW:
        found = http_date.seconds(data, now)
        expected = model(data, now)
        assert found == expected


def model(value: bytes, now: int) -> int | None:
    """The same, with regular expressions and datetime."""
    matches = [match for form in _FORMS if (match := form.fullmatch(value))]
    if not matches:
        return None
    (match,) = matches
    month = _MONTHS.index(match["month"].lower()) + 1
    day, year = int(match["day"]), int(match["year"])
    hour, minute, second = map(int, match["time"].split(b":"))
    if not (hour < 24 and minute < 60 and second <= 60):
        return None
    of_day = hour * 3600 + minute * 60 + second
    if len(match["year"]) == 4:
        return at(year, month, day, of_day)
    limit = now + _FAR_YEARS * _YEAR_SEC
    latest = datetime.fromtimestamp(limit, UTC).year + 1
    full = latest - (latest - year) % 100
    found = at(full, month, day, of_day)
    return found if found is None or found <= limit else at(full - 100, month, day, of_day)


def at(year: int, month: int, day: int, of_day: int) -> int | None:
    """Seconds since 1970, if there is such a day."""
    if not 1 <= day <= 31 or not is_day(year, month, day):
        return None
    return (day_number(year, month, day) - day_number(1970, 1, 1)) * 86400 + of_day


def is_day(year: int, month: int, day: int) -> bool:
    """Does the month have this day? The calendar module does not know the year 0, a leap year."""
    return day <= calendar.monthrange(year or 4, month)[1]


def day_number(year: int, month: int, day: int) -> int:
    """The proleptic ordinal; the year 0 is 400 years before the year 400."""
    cycle = 0 if year else 146_097
    return datetime(year or 400, month, day, tzinfo=UTC).toordinal() - cycle
