# SPDX-License-Identifier: MIT
"""The dates of HTTP: all three forms, and what is not one."""

from __future__ import annotations

import calendar
import time

import pytest

from harness.wire import table
from postfix_rest_inetd.cache import http_date

NOW = 1_800_000_000  # 15 January 2027

DATES = {
    "IMF-fixdate": (b"Sun, 06 Nov 1994 08:49:37 GMT", 784111777),
    "RFC 850": (b"Sunday, 06-Nov-94 08:49:37 GMT", 784111777),
    "asctime": (b"Sun Nov  6 08:49:37 1994", 784111777),
    "asctime with two digits": (b"Wed Nov 16 08:49:37 1994", 784975777),
    "letter case": (b"sUN, 06 nOV 1994 08:49:37 gmt", 784111777),
    "letter case of RFC 850": (b"SUNDAY, 06-NOV-94 08:49:37 GMT", 784111777),
    "another day of the week": (b"Mon, 06 Nov 1994 08:49:37 GMT", 784111777),
    "1970": (b"Thu, 01 Jan 1970 00:00:00 GMT", 0),
    "before 1970": (b"Wed, 31 Dec 1969 23:59:59 GMT", -1),
    "a leap second": (b"Sat, 31 Dec 2016 23:59:60 GMT", 1483228800),
    "a leap day": (b"Tue, 29 Feb 2028 00:00:00 GMT", 1835395200),
    "2000 was a leap year": (b"Tue, 29 Feb 2000 00:00:00 GMT", 951782400),
    "after 32 bits": (b"Tue, 19 Jan 2038 14:14:08 GMT", 2147523248),
    "the last year": (b"Fri, 31 Dec 9999 23:59:59 GMT", 253402300799),
    "fifty years ahead": (b"Thursday, 14-Jan-77 00:00:00 GMT", 3377808000),
    "more than fifty years ahead": (b"Sunday, 16-Jan-77 00:00:00 GMT", 222220800),
}

NO_DATES = {
    "nothing": b"",
    "zero": b"0",
    "minus one": b"-1",
    "seconds": b"784111777",
    "a word": b"never",
    "another zone": b"Sun, 06 Nov 1994 08:49:37 UTC",
    "a distant zone": b"Sun, 06 Nov 1994 08:49:37 AEST",
    "an offset": b"Sun, 06 Nov 1994 08:49:37 +0000",
    "no zone": b"Sun, 06 Nov 1994 08:49:37",
    "a zone in asctime": b"Sun Nov  6 08:49:37 1994 GMT",
    "two digits": b"Sun, 06 Nov 94 08:49:37 GMT",
    "four digits in RFC 850": b"Sunday, 06-Nov-1994 08:49:37 GMT",
    "dashes": b"Sun, 06-Nov-1994 08:49:37 GMT",
    "a short day in RFC 850": b"Sun, 06-Nov-94 08:49:37 GMT",
    "a semicolon": b"Sun; 06 Nov 1994 08:49:37 GMT",
    "a semicolon in RFC 850": b"Sunday; 06-Nov-94 08:49:37 GMT",
    "another zone in RFC 850": b"Sunday, 06-Nov-94 08:49:37 UTC",
    "a day of one digit in RFC 850": b"Sunday, 6-Nov-94 08:49:37 GMT",
    "a year of three digits in RFC 850": b"Sunday, 06-Nov-994 08:49:37 GMT",
    "no such day of the week in RFC 850": b"Abcday, 06-Nov-94 08:49:37 GMT",
    "no such day of the week in asctime": b"Abc Nov  6 08:49:37 1994",
    "a year of two digits in asctime": b"Sun Nov  6 08:49:37 94",
    "a day of three digits in asctime": b"Sun Nov 006 08:49:37 1994",
    "no comma": b"Sun 06 Nov 1994 08:49:37 GMT",
    "only a comma": b", 06 Nov 1994 08:49:37 GMT",
    "no day of the week": b"06 Nov 1994 08:49:37 GMT",
    "no such day of the week": b"Abc, 06 Nov 1994 08:49:37 GMT",
    "no such month": b"Sun, 06 Abc 1994 08:49:37 GMT",
    "blanks": b"Sun, 06  Nov  1994 08:49:37 GMT",
    "a blank in front": b" Sun, 06 Nov 1994 08:49:37 GMT",
    "a blank behind": b"Sun, 06 Nov 1994 08:49:37 GMT ",
    "a tab": b"Sun,\t06 Nov 1994 08:49:37 GMT",
    "a day of one digit": b"Sun, 6 Nov 1994 08:49:37 GMT",
    "a day of one digit in asctime": b"Sun Nov 6 08:49:37 1994",
    "two digits behind two blanks": b"Sun Nov  06 08:49:37 1994",
    "an hour of one digit": b"Sun, 06 Nov 1994 8:49:37 GMT",
    "periods": b"Sun, 06 Nov 1994 08.49.37 GMT",
    "one period": b"Sun, 06 Nov 1994 08.49:37 GMT",
    "another period": b"Sun, 06 Nov 1994 08:49.37 GMT",
    "three digits": b"Sun, 06 Nov 1994 08:49:370 GMT",
    "a second of one digit": b"Sun, 06 Nov 1994 08:49:7 GMT",
    "no seconds": b"Sun, 06 Nov 1994 08:49 GMT",
    "a fraction": b"Sun, 06 Nov 1994 08:49:37.5 GMT",
    "a sign": b"Sun, 06 Nov 1994 +8:49:37 GMT",
    "an underscore": b"Sun, 06 Nov 1_94 08:49:37 GMT",
    "the day 0": b"Sun, 00 Nov 1994 08:49:37 GMT",
    "31 November": b"Sun, 31 Nov 1994 08:49:37 GMT",
    "29 February of another year": b"Mon, 29 Feb 2027 00:00:00 GMT",
    "29 February 2100": b"Mon, 29 Feb 2100 00:00:00 GMT",
    "the hour 24": b"Sun, 06 Nov 1994 24:00:00 GMT",
    "the minute 60": b"Sun, 06 Nov 1994 08:60:37 GMT",
    "the second 61": b"Sun, 06 Nov 1994 08:49:61 GMT",
    "two dates": b"Sun, 06 Nov 1994 08:49:37 GMT,Sun, 06 Nov 1994 08:49:37 GMT",
    "a year of five digits": b"Sun, 06 Nov 19940 08:49:37 GMT",
    "other digits": "Sun, ٠٦ Nov 1994 08:49:37 GMT".encode(),
    "three dashes": b"Sunday, 06-Nov-9-4 08:49:37 GMT",
    "ISO 8601": b"1994-11-06T08:49:37Z",
}


@pytest.mark.parametrize("value, expected", table(DATES))
def test_dates(value, expected):
    """RFC 9110, 5.6.7: a recipient accepts all three forms; RFC 9111, 4.2: in any letter case."""
    assert http_date.seconds(value, NOW) == expected


@pytest.mark.parametrize("value", NO_DATES.values(), ids=NO_DATES)
def test_no_dates(value):
    """What has none of the three forms is not guessed."""
    assert http_date.seconds(value, NOW) is None


FORMATS = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y")


@pytest.mark.parametrize("form", FORMATS)
def test_each_day(form):
    """Of 120 years, each day is the one of the C library; the century follows from `now`."""
    day = calendar.timegm((1969, 12, 27, 0, 0, 0))
    end = calendar.timegm((2090, 1, 5, 0, 0, 0))
    while day < end:
        second = day + day // 86400 * 86413 % 86400
        value = time.strftime(form, time.gmtime(second)).encode()
        assert http_date.seconds(value, day - 10 * 86400) == second
        day += 86400
