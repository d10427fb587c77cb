# SPDX-License-Identifier: MIT
"""The dates of HTTP (RFC 9110, 5.6.7) to seconds since 1970: a pure function.

A recipient has to accept three forms of a date:

    Sun, 06 Nov 1994 08:49:37 GMT     IMF-fixdate, the one that is sent today
    Sunday, 06-Nov-94 08:49:37 GMT    RFC 850
    Sun Nov  6 08:49:37 1994          asctime() of C

The letter case does not matter (RFC 9111, 4.2). Everything else does: a date with another zone than
GMT, other blanks, or a 30 February is not a date. The name of the day must be one, but need not be
the right one. This parser exists because email.utils would load the parser for mail, and guesses.
"""

from __future__ import annotations

_DAYS = (b"mon", b"tue", b"wed", b"thu", b"fri", b"sat", b"sun")
_LONG_DAYS = (
    *(b"monday", b"tuesday", b"wednesday", b"thursday", b"friday", b"saturday"),
    b"sunday",
)
_MONTHS = (
    *(b"jan", b"feb", b"mar", b"apr", b"may", b"jun"),
    *(b"jul", b"aug", b"sep", b"oct", b"nov", b"dec"),
)
_MONTH_DAYS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_DAY_SEC = 86400
_YEAR_SEC = 31556952  # of the Gregorian calendar, on average
_FAR_YEARS = 50  # RFC 9110, 5.6.7: a two-digit year is not further in the future than this
_EPOCH_DAY = 719468  # from 1 March of the year 0 to 1970
_LONGEST = len(b"Wednesday, 06-Nov-94 08:49:37 GMT")


def seconds(value: bytes, now: float) -> int | None:
    """Seconds since 1970 for the value of a header field; None if it is not a date.

    `now` decides on the century of a year of two digits.
    """
    if len(value) > _LONGEST:
        return None
    parts = value.lower().split(b" ")
    if len(parts) == 6 and parts[0][-1:] == b"," and parts[5] == b"gmt":
        name, day, month, year, time, _ = parts
        is_known = name[:-1] in _DAYS and len(year) == 4 and len(day) == 2
    elif len(parts) == 4 and parts[0][-1:] == b"," and parts[3] == b"gmt":
        name, date, time, _ = parts
        day, month, year = date.split(b"-") if date.count(b"-") == 2 else (b"", b"", b"")
        is_known = name[:-1] in _LONG_DAYS and len(year) == len(day) == 2
    else:
        if len(parts) == 6 and not parts[2]:  # a day of one digit
            parts[2:4] = [b"0" + parts[3]]
        if len(parts) != 5:
            return None
        name, month, day, time, year = parts
        is_known = name in _DAYS and len(year) == 4 and len(day) == 2
    if not is_known or month not in _MONTHS or not (day + year).isdigit():
        return None
    of_day = _seconds_of_day(time)
    return None if of_day is None else _since_1970(year, _MONTHS.index(month), day, of_day, now)


def _seconds_of_day(time: bytes) -> int | None:
    """Seconds for HH:MM:SS, which may be a leap second."""
    if len(time) != 8 or time[2:3] != b":" or time[5:6] != b":":
        return None
    digits = time[:2] + time[3:5] + time[6:]
    if not digits.isdigit():
        return None
    hour, minute, second = int(digits[:2]), int(digits[2:4]), int(digits[4:])
    if hour > 23 or minute > 59 or second > 60:
        return None
    return hour * 3600 + minute * 60 + second


def _since_1970(year: bytes, month: int, day: bytes, of_day: int, now: float) -> int | None:
    """Seconds for a date; `month` counts from 0."""
    if len(year) == 4:
        return _at(int(year), month, int(day), of_day)
    # The latest year with these digits that is not more than 50 years ahead.
    last = 1970 + int(now // _YEAR_SEC) + _FAR_YEARS + 1
    full = last - (last - int(year)) % 100
    found = _at(full, month, int(day), of_day)
    if found is None or found <= now + _FAR_YEARS * _YEAR_SEC:
        return found
    return _at(full - 100, month, int(day), of_day)


def _at(year: int, month: int, day: int, of_day: int) -> int | None:
    """Seconds for a date of the Gregorian calendar; `month` counts from 0."""
    if not 1 <= day <= _MONTH_DAYS[month]:
        return None
    is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    if month == 1 and day == 29 and not is_leap:
        return None
    # Years that begin in March have their leap day at the end.
    if month < 2:
        year -= 1
    of_year = (153 * ((month + 10) % 12) + 2) // 5 + day - 1
    days = year * 365 + year // 4 - year // 100 + year // 400 + of_year - _EPOCH_DAY
    return days * _DAY_SEC + of_day
