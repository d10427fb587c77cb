# SPDX-License-Identifier: MIT
"""Properties of the rules of the cache: whatever a backend sends."""

from __future__ import annotations

import email.utils
import time
import urllib.request
from types import SimpleNamespace

from hypothesis import assume, example, given
from hypothesis import strategies as st
from unit.backend.test_response import OK, Stream
from unit.cache.test_rules import NOW, use_of

from postfix_rest_inetd.backend.response import CACHING, ResponseReader
from postfix_rest_inetd.cache import http_date
from postfix_rest_inetd.cache.control import MAX_SEC, delta_seconds, directives, grant
from postfix_rest_inetd.cache.record import FRESH, STALE, UNUSABLE

RANK = {FRESH: 2, STALE: 1, UNUSABLE: 0}


def settings(max_age=0, not_found_max_age=0, stale_if_error=0):
    """What an operator permits."""
    return SimpleNamespace(
        max_age=max_age, not_found_max_age=not_found_max_age, stale_if_error=stale_if_error
    )


GENEROUS = settings(10**6, 10**6, 10**6)

seconds = st.one_of(st.integers(0, 100), st.integers(0, 2**40))
permissions = st.builds(settings, seconds, seconds, seconds)
texts = st.text('max-ge=0123"\\, \t;x', max_size=12).map(str.encode)
names = st.sampled_from(
    [
        *("max-age", "Max-Age", "stale-if-error", "must-revalidate", "private", "s-maxage"),
        *("public", "no-store", "no-cache", "x", "immutable"),
    ]
)
quoted = st.text('a,"\\= 0123', max_size=6).map(
    lambda text: '"{}"'.format(text.replace("\\", "\\\\").replace('"', '\\"'))
)
arguments = st.one_of(
    st.integers(0, 99).map(lambda n: f"={n}"),
    st.integers(0, 99).map(lambda n: f'="{n}"'),
    seconds.map(lambda n: f"={n}"),
    quoted.map(lambda text: f"={text}"),
    st.sampled_from(["", "=x", "=-1", "=1.5"]),
)
members = st.builds("{}{}".format, names, arguments).map(str.encode)
lists = st.lists(members, max_size=6)
raw = st.one_of(st.binary(max_size=30), texts, lists.map(b", ".join))
fields = st.dictionaries(st.sampled_from(sorted(CACHING)), raw)


def granted(given, permitted, *, is_found=True, delay=0.0):
    """The grant for a request that was sent at NOW."""
    return grant(given, is_found=is_found, settings=permitted, requested_wall=NOW, delay_sec=delay)


def date_of(second):
    """A date of HTTP."""
    return email.utils.formatdate(second, usegmt=True).encode()


@given(st.one_of(st.binary(), texts, members), st.integers(-(2**40), 2**40))
@example(b"9" * 5000, 0)
@example(b'a="' * 3000, 0)
def test_any_bytes(value, now):
    """No bytes are an error."""
    found = directives(value)
    assert found is None or all(name == name.lower() for name in found)
    number = delta_seconds(value)
    assert number is None or 0 <= number <= MAX_SEC
    date = http_date.seconds(value, now)
    assert date is None or isinstance(date, int)


@given(fields, permissions, st.booleans(), st.floats(0, 1000))
def test_any_fields(given, permitted, is_found, delay):
    """No header fields are an error; a grant permits something, but nothing beyond its bounds."""
    found = granted(given, permitted, is_found=is_found, delay=delay)
    if found is not None:
        assert (
            0 <= found.lifetime_sec <= max(MAX_SEC, permitted.max_age, permitted.not_found_max_age)
        )
        assert 0 <= found.stale_sec <= max(MAX_SEC, permitted.stale_if_error)
        assert delay <= found.age_sec < found.lifetime_sec + found.stale_sec
        assert use_of(found, 0) != UNUSABLE


@given(st.data(), lists)
def test_several_lines(data, said):
    """It does not matter in how many lines a list arrives, or what blanks and commas it has."""
    lines, line = [], []
    for member in said:
        line.append(member)
        if data.draw(st.booleans()):
            lines, line = [*lines, line], []
    blanks = data.draw(st.sampled_from([b",", b", ", b" ,\t", b",,", b", ,"]))
    raw = b"".join(b"Cache-Control:%b\r\n" % blanks.join(line) for line in [*lines, line])
    reader = ResponseReader(Stream(OK + raw + b"Content-Length: 0\r\n\r\n"))
    reader.begin()
    assert directives(reader.caching[b"cache-control"]) == directives(b", ".join(said))


@given(raw)
def test_as_urllib_splits(field):
    """What is a list has the members that urllib finds, which accepts more."""
    found = directives(field)
    assume(found is not None)
    reference = urllib.request.parse_http_list(field.decode("latin-1"))
    reference = {member.partition("=")[0].lower() for member in reference}
    assert {name.decode() for name in found} == reference - {""}


@given(lists, st.lists(st.integers(0, 10**6), min_size=1, max_size=3), st.data())
def test_never_longer_than_max_age(said, numbers, data):
    """However it is repeated and whatever else is said, max-age is not exceeded."""
    said = [member for member in said if not member.lower().startswith(b"max-age")]
    for number in numbers:
        form = data.draw(st.sampled_from([b"max-age=%d", b'MAX-AGE="%d"', b"max-age=000%d"]))
        said.insert(data.draw(st.integers(0, len(said))), form % number)
    expires = data.draw(st.sampled_from([{}, {b"expires": date_of(NOW + 10**8)}]))
    given = {b"cache-control": b",".join(said), b"date": date_of(NOW), **expires}
    found = granted(given, GENEROUS)
    if found is not None:
        assert found.lifetime_sec <= min(numbers)
        assert use_of(found, min(numbers)) != FRESH


eighths = st.integers(0, 800).map(lambda number: number / 8)
"""Numbers that floats can add without an error."""


@given(st.integers(0, 2**31), st.integers(-(10**6), 10**6), st.integers(0, 10**6), eighths)
def test_never_longer_than_expires(end, skew, age, delay):
    """Expires is not exceeded, neither by the backend's clock nor by ours; Age and delay count."""
    said = {b"date": NOW + skew, b"expires": NOW + skew + end}
    said = {name: date_of(second) for name, second in said.items()}
    found = granted({**said, b"age": b"%d" % age}, settings(), delay=delay)
    left = min(end - age - delay, end + skew - delay)
    if found is None:
        assert left <= 0
    else:
        assert (use_of(found, left - 1 / 8), use_of(found, left)) == (FRESH, UNUSABLE)


@given(lists, fields, st.booleans())
def test_never_longer_than_the_operator_says(said, given, is_found):
    """What the backend does not say comes from the operator: not more than permitted."""
    said = [member for member in said if not member.lower().startswith((b"max-age", b"stale"))]
    given = {**given, b"cache-control": b", ".join(said)}
    given.pop(b"expires", None)
    found = granted(given, settings(10, 20, 30), is_found=is_found)
    if found is not None:
        assert found.lifetime_sec == (10 if is_found else 20)
        assert found.stale_sec == (
            0 if b"must-revalidate" in directives(given[b"cache-control"]) else 30
        )


FORBIDDING = ("no-store", "no-cache", "NO-STORE", "No-Cache", "no-store=1", 'no-cache="a, b"')


@given(
    st.one_of(st.binary(max_size=30), texts, lists.map(b", ".join)),
    st.sampled_from(FORBIDDING).map(str.encode),
    st.binary(max_size=30).filter(lambda rest: b'"' not in rest),
    fields,
    permissions,
)
@example(b'a="', b"no-store", b"max-age=60", {}, GENEROUS)
@example(b'a="\\', b"no-store", b"max-age=60", {}, GENEROUS)
@example(b"max-age=60; a", b"no-store", b"max-age=60", {}, GENEROUS)
def test_no_store_always_wins(before, word, after, given, permitted):
    """A member that forbids it is not outweighed, nor hidden by something broken before it.

    The rest has no quote: between two quotes it would be a part of a string.
    """
    assume(before.count(b'"') % 2 == 0 or b'"' not in word)
    field = b"%b,%b,%b" % (before, word, after)
    assert granted({**given, b"cache-control": field}, permitted) is None


@given(lists, permissions, st.lists(st.floats(0, 2**33), min_size=2), st.booleans())
def test_monotone(said, permitted, times, is_exact):
    """With time, an answer becomes less useful and never more; an uncertain clock does not help."""
    found = granted({b"cache-control": b", ".join(said)}, permitted)
    assume(found is not None)
    ranks = [RANK[use_of(found, sec, is_exact=is_exact)] for sec in sorted(times)]
    assert ranks == sorted(ranks, reverse=True)
    assert all(
        RANK[use_of(found, sec)] >= RANK[use_of(found, sec, is_exact=False)] != RANK[FRESH]
        for sec in times
    )


@given(lists, st.integers(0, 10**6), st.integers(0, 10**6), seconds)
def test_older_is_not_better(said, age, more, elapsed):
    """A response that is older can be used no longer."""
    given = {b"cache-control": b", ".join(said)}
    young = granted({**given, b"age": b"%d" % age}, GENEROUS)
    old = granted({**given, b"age": b"%d" % (age + more)}, GENEROUS)
    if old is not None:
        assert RANK[use_of(young, elapsed)] >= RANK[use_of(old, elapsed)]


# The years 1000 to 9999, which strftime() writes with four digits.
FIRST, LAST = -30610224000, 253402300799
FORMS = ("%a, %d %b %Y %H:%M:%S GMT", "%A, %d-%b-%y %H:%M:%S GMT", "%a %b %e %H:%M:%S %Y")


@given(st.integers(FIRST, LAST), st.sampled_from(FORMS), st.integers(-49, 49), st.data())
def test_dates(second, form, years, data):
    """Each date is read in each form and letter case; 50 years decide on the century."""
    text = time.strftime(form, time.gmtime(second))
    change = data.draw(st.sampled_from([str, str.lower, str.upper, str.swapcase]))
    now = second + years * 365 * 86400
    assert http_date.seconds(change(text).encode(), now) == second


@given(st.integers(0, 2**33), st.sampled_from(FORMS), st.data())
def test_almost_dates(second, form, data):
    """What is read after a change is what the parser for mail reads, if it reads it at all."""
    text = time.strftime(form, time.gmtime(second))
    at = data.draw(st.integers(0, len(text)))
    piece = data.draw(st.text("0123456789 :,-GMTJanFebSunx+", max_size=3))
    text = text[:at] + piece + text[at + data.draw(st.integers(0, 3)) :]
    found = http_date.seconds(text.encode(), second)
    if found is not None and "%y" not in form and ":60" not in text:
        parsed = email.utils.parsedate_tz(text)
        assert parsed is not None
        assert found == email.utils.mktime_tz((*parsed[:9], 0))
