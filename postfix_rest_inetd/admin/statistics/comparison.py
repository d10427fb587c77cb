# SPDX-License-Identifier: MIT
"""The section of the report that compares a period with the one before, which is equally long.

Requests and percentiles differ by a part of what they were before, the share of failures by
percentage points. Requests that no endpoint answered have a row of their own, and have all failed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.statistics.histogram import Histogram
from postfix_rest_inetd.admin.statistics.layout import name_width, notes
from postfix_rest_inetd.admin.ui.draw import duration, moment, share
from postfix_rest_inetd.admin.ui.terminal import BAD, LABEL, TITLE, painted
from postfix_rest_inetd.admin.ui.wrap import cut

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.statistics.totals import Totals

COLUMN = 10
_HEADINGS = ("requests", "failed", "p50", "p99")
# A mode tells them from endpoints that have these names.
_NOBODY, _ALL = ("no endpoint", "-"), ("all", "-")
_MOST = 10  # from this factor on, a percentage is hard to read


class Row(NamedTuple):
    """The numbers of an endpoint in one period."""

    requests: int
    failures: int
    elapsed: Histogram


class Before(NamedTuple):
    """The period before."""

    totals: Totals
    begin: float
    first: float
    """The time of the first entry in the journal; 0 without one."""


def section(totals: Totals, before: Before, width: int) -> Iterator[str]:
    """Three lines for each endpoint, and for all of them: now, before, and the difference."""
    now, then = _rows(totals), _rows(before.totals)
    names = sorted({*now, *then} - {_NOBODY, _ALL})
    names += [key for key in (_NOBODY,) if now[key].requests or then[key].requests]
    first = name_width([name for name, _ in names], width - COLUMN * len(_HEADINGS))
    yield painted(f"compared with the period before, from {moment(before.begin)}", TITLE)
    yield painted(f"{'endpoint':{first}}" + _columns(*_HEADINGS), LABEL)
    nothing = Row(0, 0, Histogram())
    for key in [*names, _ALL]:
        yield from _compared(key[0], now.get(key, nothing), then.get(key, nothing), first)
    text = "The difference of failures is in percentage points."
    if before.first > before.begin:
        text += f" The journal begins at {moment(before.first)}: the period before is incomplete."
    yield from notes(text, width)


def _rows(totals: Totals) -> dict[tuple[str, str], Row]:
    """The numbers of each endpoint by name and mode, of _NOBODY and of _ALL."""
    others = sum(totals.others.values())
    rows = {
        key: Row(endpoint.requests, endpoint.failures, endpoint.elapsed)
        for key, endpoint in totals.endpoints.items()
    }
    rows[_NOBODY] = Row(others, others, Histogram())
    rows[_ALL] = Row(totals.requests + others, totals.failures + others, totals.elapsed())
    return rows


def _compared(name: str, now: Row, then: Row, first: int) -> Iterator[str]:
    yield f"{cut(name, first - 1):{first}}{_columns(*_numbers(now))}"
    yield painted(f"{'  before':{first}}{_columns(*_numbers(then))}", LABEL)
    requests, failed, *times = "-", "-", "-", "-"
    if then.requests:
        requests = _change(now.requests, then.requests)
    if now.requests and then.requests:
        points = 100 * (now.failures / now.requests - then.failures / then.requests)
        failed = f"{points:+.1f}"
    if now.elapsed.count and then.elapsed.count:
        times = [_change(*(row.elapsed.percentile(p) for row in (now, then))) for p in (0.5, 0.99)]
    is_worse = failed.startswith("+") and failed != "+0.0"
    yield (
        f"{'  difference':{first}}{requests:>{COLUMN}}"
        + painted(f"{failed:>{COLUMN}}", BAD if is_worse else "")
        + _columns(*times)
    )


def _numbers(row: Row) -> tuple[str, ...]:
    times = ["-", "-"]
    if row.elapsed.count:
        times = [duration(row.elapsed.percentile(part)) for part in (0.5, 0.99)]
    return str(row.requests), share(row.failures, row.requests) or "-", *times


def _change(now: int, then: int) -> str:
    if not then:
        return "-"
    if now >= _MOST * then:
        return f"x {now / then:.0f}"
    return f"{(now / then - 1) * 100:+.1f} %"


def _columns(*texts: str) -> str:
    return "".join(f"{text:>{COLUMN}}" for text in texts)
