# SPDX-License-Identifier: MIT
"""The table of rules: from the bytes of a response to what becomes of its answer.

The response is read and judged as in a handler, and its answer written as to a file. Only a good
answer to a lookup can be stored.
"""

from __future__ import annotations

import re
import time
from types import SimpleNamespace

import pytest
from unit.backend.test_response import Stream
from unit.cache.rules_table import (
    CASES,
    FRESH,
    OMITTED,
    OMITTED_GROUPS,
    OURS,
    REJECTED,
    STALE,
    SUITE,
    UNUSED,
)

from harness.endpoints import endpoint
from harness.modes import POLICY, TCP
from postfix_rest_inetd import answering, model, verdict
from postfix_rest_inetd.backend.response import ResponseReader
from postfix_rest_inetd.cache import control, record
from postfix_rest_inetd.cache.clock import Moment
from postfix_rest_inetd.errors import InvalidDataError

NOW = 1_800_000_000
MAC_KEY = b"secret"

LENGTH = b"Content-Length: %d\r\n\r\n%b"
RESPONSES = {
    "200 found": (TCP, {}, b'["a"]'),
    "200 []": (TCP, {}, b"[]"),
    "200 empty": (TCP, {}, b""),
    "200 empty, temporary": (TCP, {"empty_body": "temporary"}, b""),
    "200 broken": (TCP, {}, b'["a"'),
    "200 closed": (TCP, {}, None),
    "404 temporary": (TCP, {"temporary_statuses": [404]}, b""),
    "200 action": (POLICY, {}, b"DUNNO"),
    "404 policy": (POLICY, {}, b""),
}
"""By what a row says of its response: mode and fields of the endpoint, and the body."""


def lines(fields, now):
    """Header fields as they are sent."""

    def date_of(match):
        return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(now + int(match[1])))

    text = re.sub(r"<(-?\d+)>", date_of, fields)
    return b"".join(b"%b\r\n" % line.encode() for line in text.split(" / ") if line)


def circumstances(row):
    """Mode and fields of the endpoint of a row, and the body of its response."""
    return RESPONSES.get(row.response, (TCP, {}, b""))


def raw_of(row, now=NOW):
    """The response of a row, with any interim response before it."""
    _, _, body = circumstances(row)
    raw = b"HTTP/1.1 103 x\r\n%b\r\n" % lines(row.interim, now) if row.interim else b""
    raw += b"HTTP/1.1 %b x\r\n%b" % (row.response[:3].encode(), lines(row.fields, now))
    return raw + (b"\r\n" if body is None else LENGTH % (len(body), body))


def answered(row):
    """The response of a row, and the outcome."""
    mode, fields, _ = circumstances(row)
    reader = ResponseReader(Stream(raw_of(row)))
    reader.begin()
    response = model.Response(
        reader.status,
        reader.read(1000),
        ended_by_close=reader.ended_by_close,
        caching=reader.caching,
    )
    if reader.status != 200:
        response.body = b""
    try:
        return response, verdict.of_response(endpoint(mode, **fields), response).outcome
    except InvalidDataError:
        return response, model.INVALID_DATA


def settings_of(text):
    """The operator's values."""
    given = [part.split("=") for part in text.split(", ") if part]
    given = {name.replace("-", "_"): int(value) for name, value in given}
    return SimpleNamespace(**{"max_age": 0, "not_found_max_age": 0, "stale_if_error": 0, **given})


def use_of(granted, elapsed, *, is_exact=True):
    """How an answer may be used, so many seconds after it was stored; it is written and read."""
    times = {name: getattr(granted, name) for name in control.Grant.__slots__}
    answer = record.StoredAnswer(b"key", None, 200, b"", stored=Moment(NOW, 1000, b"boot"), **times)
    stored = record.from_bytes(record.to_bytes(answer, MAC_KEY), MAC_KEY)
    boot_id = b"boot" if is_exact else b"other"
    use, _ = stored.use_at(Moment(NOW + elapsed, 1000 + elapsed, boot_id))
    return use


def becomes(row):
    """What becomes of the answer of a row."""
    response, outcome = answered(row)
    if outcome not in answering._GOOD:
        return REJECTED
    granted = control.grant(
        response.caching,
        is_found=outcome == model.FOUND,
        settings=settings_of(row.operator),
        requested_wall=NOW,
        delay_sec=row.delay,
    )
    if granted is None:
        return REJECTED
    use = use_of(granted, row.at, is_exact=row.exact)
    if use == record.STALE and row.outage:
        return STALE
    return FRESH if use == record.FRESH else UNUSED


ROWS = {
    f"{group}: {name}": row
    for part in (SUITE, OURS)
    for group, rows in part.items()
    for name, row in rows.items()
}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_rule(row):
    """What a backend says, and the operator, decides what becomes of an answer."""
    assert becomes(row) == row.expected


def test_the_table():
    """The table is as large as it was meant to be; each row says where it comes from."""
    assert len(ROWS) == sum(len(rows) for part in (SUITE, OURS) for rows in part.values())
    assert len(ROWS) >= 120
    assert {row.expected for row in ROWS.values()} == {FRESH, STALE, UNUSED, REJECTED}
    where = re.compile(r"RFC (9110|9111|5861), \d+(\.\d+)*|operator")
    assert [name for name, row in ROWS.items() if not where.fullmatch(row.section)] == []


@pytest.mark.parametrize("group", CASES)
def test_the_suite(group):
    """Each case of the suite is in the table or is omitted for a reason, and none is both."""
    omitted = [name for names in OMITTED.get(group, {}).values() for name in names.split()]
    assert set(omitted).isdisjoint(SUITE[group])
    assert len(omitted) == len(set(omitted))
    assert len(omitted) + len(SUITE[group]) == CASES[group]


def test_the_groups_of_the_suite():
    """A group is omitted as a whole, or its cases are listed."""
    assert SUITE.keys() == CASES.keys()
    assert OMITTED.keys() <= SUITE.keys()
    assert OMITTED_GROUPS.keys().isdisjoint(SUITE)
    assert OURS.keys().isdisjoint(SUITE.keys() | OMITTED_GROUPS.keys())
