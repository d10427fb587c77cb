# SPDX-License-Identifier: MIT
"""Points in time as journalctl(1) takes them for --since and --until (systemd.time(7)).

    2026-11-24 10:00[:30[.5]]   local time; with UTC behind it, or Z or +01:00 and a T between
    2026-11-24                  00:00 of that day
    10:00[:30]                  today
    now, today, yesterday, tomorrow
    -1h30min, +5min, 2h ago     before or after now
    @1795600000                 seconds since 1970

systemd also knows days of the week, names of time zones and years of two digits, which are missing
here. A pure function of the text and the current time.
"""

from __future__ import annotations

import re
from datetime import date, datetime, time, timedelta, timezone

FORMATS = "-1h, 2h ago, today, yesterday, 10:00, 2026-11-24, 2026-11-24 10:00, @SECONDS"

# What Python can show in every time zone. To find the offset of a zone it looks a day ahead, which
# must not be in the year 10000. systemd's bound (src/basic/time-util.h) is a day later.
_END = datetime(9999, 12, 30, tzinfo=timezone.utc).timestamp()  # noqa: UP017
_SECOND = 1.0
_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0
# systemd.time(7): a month has 30.44 days, a year 365.25.
_UNITS = {
    "usec us µs": 1e-6,
    "msec ms": 1e-3,
    "seconds second sec s": _SECOND,
    "minutes minute min m": _MINUTE,
    "hours hour hr h": _HOUR,
    "days day d": _DAY,
    "weeks week w": 7 * _DAY,
    "months month M": 30.4375 * _DAY,
    "years year y": 365.25 * _DAY,
}
_SECONDS = {name: seconds for names, seconds in _UNITS.items() for name in names.split()}
_SPAN = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-zA-Zµ]*)", re.ASCII)
_DATED = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[ T](\d\d?:\d\d(?::\d\d(?:\.\d{1,6})?)?))?"
    r"(?:\s*(UTC|Z|[+-]\d\d:?\d\d))?",
    re.ASCII,
)
_CLOCK = re.compile(r"\d\d?:\d\d(?::\d\d(?:\.\d{1,6})?)?", re.ASCII)
_DAYS = {"yesterday": -1, "today": 0, "tomorrow": 1}


def parse(text: str, now: float) -> float:
    """The point in time, in seconds since 1970, as `now` is.

    Raises:
        ValueError: the text is not a time; the error says which forms are known.
    """
    text = text.strip()
    try:
        seconds = _parse(text, now)
    except (ValueError, OverflowError, OSError):
        seconds = None
    if seconds is None or not 0 <= seconds < _END:
        raise ValueError(f"{text!r} is not a time; known forms are {FORMATS}")
    return seconds


def _parse(text: str, now: float) -> float | None:
    if text.startswith("@"):
        return float(text[1:]) if re.fullmatch(r"\d+(\.\d+)?", text[1:], re.ASCII) else None
    if text == "now" or text[:1] in {"+", "-"} or text.endswith(" ago"):
        return now + _distance(text)
    today = datetime.fromtimestamp(now).date()  # noqa: DTZ006 - the operator's own time zone
    if text in _DAYS:
        return _moment(today + timedelta(days=_DAYS[text]), "0:00")
    if _CLOCK.fullmatch(text):
        return _moment(today, text)
    dated = _DATED.fullmatch(text)
    if dated is None:
        return None
    return _moment(date.fromisoformat(dated[1]), dated[2] or "0:00", dated[3])


def _distance(text: str) -> float:
    """How many seconds after now; negative before now."""
    if text == "now":
        return 0
    if text.startswith("+"):
        return span(text[1:])
    return -span(text[1:] if text.startswith("-") else text.removesuffix(" ago"))


def span(text: str) -> float:
    """A time span like `1h 30min`, in seconds; a number alone is seconds.

    Raises:
        ValueError: the text is not a time span.
    """
    position, seconds = 0, 0.0
    while position < len(text):
        part = _SPAN.match(text, position)
        if part is None or (part[2] and part[2] not in _SECONDS):
            raise ValueError(text)
        seconds += float(part[1]) * _SECONDS.get(part[2], _SECOND)
        position = part.end()
    if not text.strip():
        raise ValueError(text)
    return seconds


def _moment(day: date, clock: str, zone: str | None = None) -> float:
    """A time of a day, in `zone` or in the local time zone."""
    hour, minute, *rest = clock.split(":")
    second, _, fraction = (rest[0] if rest else "0").partition(".")
    moment = time(int(hour), int(minute), int(second), int(fraction.ljust(6, "0")))
    there = None
    if zone in {"UTC", "Z"}:
        there = timezone.utc  # noqa: UP017 - as fixed offsets below
    elif zone:
        sign = -1 if zone[0] == "-" else 1
        there = timezone(sign * timedelta(hours=int(zone[1:3]), minutes=int(zone[-2:])))
    return datetime.combine(day, moment, there).timestamp()
