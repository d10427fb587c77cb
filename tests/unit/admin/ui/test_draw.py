# SPDX-License-Identifier: MIT
"""Numbers as text and as bars."""

from __future__ import annotations

import io
import sys

import pytest

from postfix_rest_inetd.admin.ui import draw
from postfix_rest_inetd.admin.ui.draw import bar, chart, duration, length, share, size


@pytest.fixture(params=["utf-8", "ascii"])
def encoding(request, monkeypatch):
    """What standard output can show."""
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), request.param))
    draw._has_blocks.cache_clear()
    assert draw._has_blocks() == (request.param == "utf-8")  # which it remembers
    yield request.param
    draw._has_blocks.cache_clear()


@pytest.mark.parametrize(
    "usec, text",
    [
        (0, "0 us"),
        (999, "999 us"),
        (1000, "1.00 ms"),
        (9_994, "9.99 ms"),
        (9_996, "10.0 ms"),
        (99_960, "100 ms"),
        (999_400, "999 ms"),
        (999_600, "1.00 s"),
        (90_000_000, "90.0 s"),
        (10**9, "1000 s"),
    ],
)
def test_duration(usec, text):
    """A time is as short as it is exact enough."""
    assert duration(usec) == text


@pytest.mark.parametrize(
    "seconds, text",
    [(0, "0 s"), (1, "1 s"), (90, "1 min 30 s"), (3600, "1 h"), (90061, "1 d 1 h")],
)
def test_length(seconds, text):
    """A length of time has its two largest units."""
    assert length(seconds) == text


@pytest.mark.parametrize(
    "part, whole, text",
    [
        *((0, 10, "0.0 %"), (1, 1_000_000, "< 0.1 %"), (1, 8, "12.5 %"), (10, 10, "100.0 %")),
        *((999_999, 1_000_000, "> 99.9 %"), (0, 0, "")),
    ],
)
def test_share(part, whole, text):
    """Something is never shown as nothing, nor almost all as all."""
    assert share(part, whole) == text


SIZES = {
    0: "0 B",
    999: "999 B",
    1000: "1.0 KiB",
    4096: "4.0 KiB",
    12 * 1024: "12 KiB",
    999 * 1024: "999 KiB",
    64 * 1024 * 1024: "64 MiB",
    1024**3: "1.0 GiB",
    5 * 1024**5: "5120 TiB",
}


@pytest.mark.parametrize("count, text", SIZES.items())
def test_size(count, text):
    """A number of bytes has two or three digits that matter."""
    assert size(count) == text
    assert len(text) <= 8


def test_bar(encoding):
    """A bar is as long as its share of the room; whatever is more than nothing is seen."""
    full = "█" if encoding == "utf-8" else "#"
    assert bar(0, 10, 10) == ""
    assert bar(10, 10, 10) == full * 10
    assert bar(5, 10, 10) == full * 5
    assert len(bar(1, 10_000, 10)) == 1
    assert bar(1, 10_000, 10).strip() != ""
    bar(7, 11, 10).encode(encoding)


def test_chart(encoding):
    """A chart has a column for each value, the largest of which reaches the top."""
    full = "█" if encoding == "utf-8" else "#"
    lines = chart([0, 1, 4, 8], 2)
    assert [len(line) for line in lines] == [4, 4]
    assert lines[0][3] == lines[1][3] == lines[1][2] == full
    assert lines[0][0] == lines[1][0] == lines[0][2] == " "
    assert lines[1][1] != " "
    assert chart([], 2) == ["", ""]
    assert chart([0, 0], 1) == ["  "]
