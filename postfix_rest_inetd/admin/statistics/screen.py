# SPDX-License-Identifier: MIT
"""The report of `stats` for people: at most 80 columns, with colour on a terminal only."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.histogram import ERROR
from postfix_rest_inetd.admin.statistics.journal_entry import COLD, GOOD_OUTCOMES, OUTCOMES, WOKEN
from postfix_rest_inetd.admin.statistics.totals import KINDS
from postfix_rest_inetd.admin.ui.draw import bar, chart, duration, length, share
from postfix_rest_inetd.admin.ui.terminal import BAD, GOOD, LABEL, TITLE, WIRE, painted
from postfix_rest_inetd.model import BROKEN_REQUEST, INTERNAL_ERROR, UNUSABLE_CONFIG

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.statistics.groups import Groups
    from postfix_rest_inetd.admin.statistics.histogram import Histogram
    from postfix_rest_inetd.admin.statistics.totals import EndpointTotals, Totals

WIDTH = 80
NAME_WIDTH = 20
TOP = 10
TOP_GROUPS = 40
CHART_HEIGHT = 4

PERCENTILES = (("p50", 0.5), ("p90", 0.9), ("p99", 0.99))

_OTHERS = {
    BROKEN_REQUEST: "Broken requests, answered without a backend",
    UNUSABLE_CONFIG: "Temporary errors because the configuration could not be used",
    INTERNAL_ERROR: "Internal errors of handlers",
}

# 1, 2, 5, 10, ... in microseconds, from a tenth of a millisecond on.
_STEPS_USEC = [step * 10**power for power in range(2, 8) for step in (1, 2, 5)]


def report(totals: Totals, since: float | None, until: float | None) -> str:
    """The whole report."""
    lines = list(_heading(totals, since, until))
    if totals.groups is not None:
        return "".join(f"{line}\n" for line in [*lines, "", *_groups(totals.groups)])
    if totals.requests:
        for section in (_endpoints, _outcomes, _latency):
            lines += ["", *section(totals)]
    if any(histogram.count for histogram in totals.starts.values()):
        lines += ["", *_starts(totals)]
    if totals.timeline.slots:
        lines += ["", *_timeline(totals)]
    if totals.failures or totals.others:
        lines += ["", *_causes(totals)]
    lines += [line for kind in KINDS for line in _busiest(totals, kind)]
    return "".join(f"{line}\n" for line in lines)


def _heading(totals: Totals, since: float | None, until: float | None) -> Iterator[str]:
    begin = moment(totals.first_usec / 1_000_000 if since is None else since)
    end = "now" if until is None else moment(until)
    yield painted(f"postfix-rest-inetd, from {begin} to {end}", TITLE)
    if not totals.requests:
        yield "No backend was asked." if totals.others else "No requests."
    else:
        yield _summary(totals)
    for outcome, count in sorted(totals.others.items()):
        yield painted(f"{_OTHERS.get(outcome, outcome)}: {count}", BAD)


def _summary(totals: Totals) -> str:
    text = "1 request; " if totals.requests == 1 else f"{totals.requests} requests{_pace(totals)}; "
    failed = f"{totals.failures} failed"
    if totals.failures:
        failed += f" ({share(totals.failures, totals.requests)})"
    return text + painted(failed, BAD if totals.failures else GOOD)


def _pace(totals: Totals) -> str:
    took = max(1.0, (totals.last_usec - totals.first_usec) / 1_000_000)
    rate = totals.requests / took
    pace = f"{rate:.1f} a second" if rate >= 1 else f"{rate * 60:.1f} a minute"
    return f", {pace} from the first to the last"


def moment(seconds: float) -> str:
    """A point in time, as the operator's clock has it."""
    return datetime.fromtimestamp(seconds).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _endpoints(totals: Totals) -> Iterator[str]:
    columns = "".join(f"{text:>9}" for text in ("requests", "failed"))
    yield painted(f"{'endpoint':{NAME_WIDTH}}{columns}{_names()}", LABEL)
    for (name, mode), endpoint in sorted(totals.endpoints.items()):
        yield from _endpoint(name, mode, endpoint)
    yield painted(f"Percentiles are off by at most {ERROR:.1%}; the maximum is exact.", LABEL)


def _endpoint(name: str, mode: str, endpoint: EndpointTotals) -> Iterator[str]:
    failed = f"{endpoint.failures:9}"
    yield (
        f"{_cut(name, NAME_WIDTH):{NAME_WIDTH}}{endpoint.requests:9}"
        + (painted(failed, BAD) if endpoint.failures else failed)
        + _times(endpoint.elapsed)
    )
    label = f"  {mode or 'mixed'}"
    yield painted(f"{label:{NAME_WIDTH}}{'the backend':>18}{_times(endpoint.backend)}", LABEL)


def _names() -> str:
    """The heading of what `_times` shows."""
    return "".join(f"{name:>9}" for name in (*(name for name, _ in PERCENTILES), "max"))


def _times(histogram: Histogram) -> str:
    times = [histogram.percentile(part) for _, part in PERCENTILES] + [histogram.largest]
    return "".join(f"{duration(usec):>9}" for usec in times)


def _outcomes(totals: Totals) -> Iterator[str]:
    counts = totals.outcomes()
    yield painted("outcomes", TITLE)
    for outcome in OUTCOMES:
        if counts[outcome]:
            style = GOOD if outcome in GOOD_OUTCOMES else BAD
            yield _bar_line(outcome, counts[outcome], totals.requests, style)


def _bar_line(label: str, count: int, whole: int, style: str, largest: int = 0) -> str:
    width = WIDTH - NAME_WIDTH - 9 - 11
    drawn = painted(bar(count, largest or whole, width), style)
    return f"  {label:{NAME_WIDTH - 2}}{count:9}{share(count, whole):>10} {drawn}".rstrip()


def _latency(totals: Totals) -> Iterator[str]:
    """Bars for 1, 2, 5, 10, ... ms; a bucket counts where its middle is."""
    histogram = totals.elapsed()
    counts = [0] * (len(_STEPS_USEC) + 1)
    for low, high, count in histogram.ranges():
        middle = (low + high) // 2
        counts[sum(step < middle for step in _STEPS_USEC)] += count
    used = [index for index, count in enumerate(counts) if count]
    yield painted("latency, from the request to the reply", TITLE)
    for index in range(used[0], used[-1] + 1):
        if index == len(_STEPS_USEC):
            label = f"more than {_round(_STEPS_USEC[-1])}"
        else:
            label = f"up to {_round(_STEPS_USEC[index])}"
        yield _bar_line(label, counts[index], histogram.count, WIRE, max(counts))


def _starts(totals: Totals) -> Iterator[str]:
    yield painted(f"{'handlers':{NAME_WIDTH}}{'requests':>9}{'':9}{_names()}", LABEL)
    for kind, label in ((COLD, "started for one"), (WOKEN, "woken for one")):
        histogram = totals.starts[kind]
        if histogram.count:
            part = share(histogram.count, totals.requests)
            yield f"  {label:{NAME_WIDTH - 2}}{histogram.count:9}{part:>9}{_times(histogram)}"
    yield painted("These times come before the latency: Postfix waits for both.", LABEL)


def _groups(groups: Groups) -> Iterator[str]:
    columns = "".join(f"{text:>9}" for text in ("requests", "refused", "deferred", "failed"))
    yield painted(f"{groups.kind + 's':{WIDTH - 36}}{columns}", LABEL)
    for group in groups.top(TOP_GROUPS):
        name = _cut(f"{group.endpoint}: {group.text}", WIDTH - 37)
        held_up = f"{group.refused:9}{group.deferred:9}"
        yield (
            f"{name:{WIDTH - 36}}{group.requests:9}"
            + (painted(held_up, BAD) if group.refused or group.deferred else held_up)
            + f"{group.failed:9}"
        )
    if groups.without:
        yield painted(f"Policy requests without a {groups.kind}: {groups.without}", LABEL)
    yield from _caveat(groups.missed, len(groups) > TOP_GROUPS)


def _round(usec: int) -> str:
    for unit, size in (("s", 1_000_000), ("ms", 1000)):
        if usec >= size:
            return f"{usec // size} {unit}"
    return f"{usec} us"


def _timeline(totals: Totals) -> Iterator[str]:
    begin, seconds, columns = totals.timeline.columns(WIDTH - 12)
    requests = [count for count, _ in columns]
    failures = [count for _, count in columns]
    yield painted(f"timeline, {length(seconds)} a column", TITLE)
    for number, line in enumerate(chart(requests, CHART_HEIGHT)):
        label = f"{max(requests):10} " if number == 0 else " " * 11
        yield painted(label, LABEL) + painted(line, WIRE)
    if any(failures):
        worst = f"{max(failures)} failed"
        yield painted(f"{worst:>10} ", LABEL) + painted(chart(failures, 1)[0], BAD)
    first, last = moment(begin), moment(begin + seconds * len(columns))
    gap = max(2, len(columns) - len(first) - len(last))
    yield painted(f"{'':11}{first}{'':{gap}}{last}", LABEL)


def _causes(totals: Totals) -> Iterator[str]:
    yield painted("failures, by cause", TITLE)
    for (endpoint, outcome, status, cause), count in totals.causes.top(TOP):
        what = f"{outcome} with status {status}" if status else outcome
        text = ": ".join(part for part in (endpoint, what, cause) if part)
        first, *more = _folded(text, WIDTH - 11)
        yield f"{painted(f'{count:9}', BAD)}  {first}"
        for line in more:
            yield f"{'':11}{line}"
    yield from _caveat(totals.causes.missed, len(totals.causes) > TOP)


def _busiest(totals: Totals, kind: str) -> Iterator[str]:
    subjects = totals.subjects[kind]
    if not len(subjects):
        return
    yield ""
    yield painted(f"busiest {kind}s", TITLE)
    top = subjects.top(TOP)
    for (endpoint, text), count in [item for item in top if item[1] > 1] or top:
        yield f"{count:9}  {_cut(endpoint, NAME_WIDTH)}  {_cut(text, WIDTH - 13 - len(endpoint))}"
    yield from _caveat(subjects.missed, more=False)


def _caveat(missed: int, more: bool) -> Iterator[str]:  # noqa: FBT001 - two facts
    if missed:
        yield painted(f"{'':11}Each may be up to {missed} more; rarer ones are not known.", LABEL)
    elif more:
        yield painted(f"{'':11}There are more; --json lists them.", LABEL)


def _folded(text: str, width: int) -> list[str]:
    import textwrap

    return textwrap.wrap(text, width, break_on_hyphens=False) or [""]


def _cut(text: str, width: int) -> str:
    width = max(width, 10)
    return text if len(text) <= width else text[: width - 3] + "..."
