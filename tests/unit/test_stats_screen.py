# SPDX-License-Identifier: MIT
"""The report: what it says, in 80 columns, and in JSON."""

from __future__ import annotations

import json

import pytest

from postfix_rest_inetd import model
from postfix_rest_inetd.admin import stats_json, stats_screen
from postfix_rest_inetd.admin.stats_entry import OUTCOMES, Entry
from postfix_rest_inetd.admin.stats_totals import MAX_ENDPOINTS, OTHERS, Totals

SECOND = 1_000_000
BEGIN = 1_795_600_000


def entry(number: int = 0, **changes: object) -> Entry:
    """An entry of a request, with changes."""
    base = Entry(
        (BEGIN + number) * SECOND,
        "domains",
        model.TCP_LOOKUP,
        model.FOUND,
        True,  # noqa: FBT003 - see the names in Entry
        1500,
        1200,
        200,
        "",
        (("key", "example.org"),),
    )
    return base._replace(**changes)


def filled() -> Totals:
    """Totals of something of everything."""
    totals = Totals()
    for number in range(1000):
        totals.add(entry(number, elapsed_usec=1000 + number, subjects=(("key", f"k{number % 7}"),)))
    for number, outcome in enumerate(OUTCOMES):
        cause = "it is " + "really " * 30 + "broken"
        totals.add(entry(number, endpoint="m" * 50, outcome=outcome, cause=cause, status=503))
    totals.add(entry(5, is_request=False, outcome=model.BROKEN_REQUEST, cause="strange"))
    for kind in ("client", "sender", "recipient"):
        totals.add(entry(6, mode=model.POLICY, subjects=((kind, "x" * 100),)))
    return totals


@pytest.mark.parametrize("totals", [Totals(), filled()], ids=["nothing", "something"])
def test_width(totals):
    """No line is wider than 80 columns, and none ends in blanks."""
    lines = stats_screen.report(totals, None, None).splitlines()
    assert [line for line in lines if len(line) > 80] == []
    assert lines[1:] == ["No requests."] if not totals.requests else lines[1].endswith("%)")


def test_what_is_told():
    """Each part is there, and the numbers are right."""
    text = stats_screen.report(filled(), BEGIN - 1, BEGIN + 2000)
    assert "1015 requests" in text
    assert "9 failed (0.9 %)" in text
    assert "\ndomains" in text
    for part in ("outcomes", "latency", "timeline, ", "failures, by cause", "busiest keys"):
        assert f"\n{part}" in text
    assert "      143  domains  k0\n" in text
    assert "broken-request with status 200: strange" in text


def test_json():
    """The document has the same numbers, and is one line."""
    text = stats_json.report(filled(), BEGIN - 1, BEGIN + 2000)
    assert text.count("\n") == 1
    document = json.loads(text)
    assert document["requests"] == 1015
    assert document["failures"] == 9
    assert document["other_errors"] == {"broken-request": 1}
    _, first, *_ = document["endpoints"]
    assert (first["name"], first["mode"]) == ("domains", "tcp-lookup")
    assert first["requests"] == 1000
    assert first["elapsed"]["max"] == 1999
    assert first["elapsed"]["p50"] == pytest.approx(1499, rel=1 / 64)
    assert {cause["cause"] for cause in document["causes"]} > {"strange"}
    assert document["busiest"]["key"][0] == {"endpoint": "domains", "key": "k0", "count": 143}
    assert sum(slot["requests"] for slot in document["timeline"]["slots"]) == 1015
    assert document["error"]["percentiles"] == 1 / 64


def test_many_endpoints():
    """Names that somebody makes up cannot fill the memory; they are counted together."""
    totals = Totals()
    for number in range(MAX_ENDPOINTS + 50):
        totals.add(entry(endpoint=f"e{number}"))
    assert len(totals.endpoints) == MAX_ENDPOINTS + 1
    assert totals.endpoints[OTHERS, ""].requests == 50
    assert totals.requests == MAX_ENDPOINTS + 50
