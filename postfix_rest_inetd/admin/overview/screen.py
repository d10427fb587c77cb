# SPDX-License-Identifier: MIT
"""The overview for people: sections whose lines fit a width, what is wrong first."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks.finding import ERROR
from postfix_rest_inetd.admin.overview.last_hour import as_read
from postfix_rest_inetd.admin.overview.remedies import EXPLAIN, EXPLAIN_REQUEST, REMEDIES
from postfix_rest_inetd.admin.ui.draw import duration, length, moment
from postfix_rest_inetd.admin.ui.sections import Section
from postfix_rest_inetd.admin.ui.table import Column, table
from postfix_rest_inetd.admin.ui.terminal import BAD, DOUBTFUL, GOOD, LABEL, TITLE, painted
from postfix_rest_inetd.admin.ui.wrap import wrapped
from postfix_rest_inetd.log_entry import advice, printable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.overview.last_hour import Answers
    from postfix_rest_inetd.admin.overview.looking import Overview
    from postfix_rest_inetd.admin.stored.down import Down

_LISTENS, _SILENT = "listening", "not listening"
_DAY_SEC = 86400
_AHEAD_SEC = 60  # entries arrive while others are read; later ones, only by a wrong clock
_PRODUCT = "postfix-rest-inetd"
_KEPT = "\xa0"  # a blank at which no line breaks
_SOCKETS = (
    Column("endpoint", is_flexible=True),
    Column("address", is_flexible=True, is_path=True),
    Column("state", is_left=True),
    Column("open"),
    Column("hibernating"),
)
_REQUESTS = (
    Column("requests since {}", is_flexible=True),
    Column("number"),
    Column("failed"),
    Column("p50"),
    Column("p99"),
)
_BACKENDS = (Column("backend", is_flexible=True), Column("state", is_left=True))


def sections(overview: Overview, width: int) -> list[Section]:
    """The whole screen."""
    found = [
        Section("summary", list(_heading(overview, width))),
        Section("endpoints", list(_endpoints(overview, width))),
        Section("requests", list(_requests(overview, width))),
        Section("backends", list(_backends(overview, width))),
        Section("last failure", [*_last_failure(overview, width), *_end(overview, width)]),
    ]
    return [section for section in found if section.lines]


def _heading(overview: Overview, width: int) -> Iterator[str]:
    version = overview.versions.get(_PRODUCT, "")
    yield painted(f"{_PRODUCT} {version} on {_host()}, {moment(overview.when)}", TITLE)
    if overview.is_wrong:
        state, style = ", ".join(_reasons(overview)), BAD
    elif overview.is_complete and overview.endpoints:
        state, style = "all endpoints listen, and nothing failed", GOOD
    elif overview.is_complete:
        state, style = "no endpoints are configured", DOUBTFUL
    elif overview.hour is not None and not overview.hour.is_sure:
        state, style = "nothing is wrong, as far as the journal tells", DOUBTFUL
    else:
        state, style = "nothing is wrong, as far as this user may see", DOUBTFUL
    for line in wrapped(state, width):
        yield painted(line, style)
    for finding in overview.findings:
        style = BAD if finding.severity == ERROR else DOUBTFUL
        text = printable(f"{finding.severity}: {finding.where}: {finding.what}")
        for line in wrapped(text, width, "  ", "    "):
            yield painted(line, style)
    if overview.findings:
        yield "  -> postfix-rest-inetd check says what to do"


def _reasons(overview: Overview) -> Iterator[str]:
    """What is wrong, in numbers."""
    if overview.errors:
        yield _number(overview.errors, "error", "errors")
    if overview.silent:
        yield _number(overview.silent, "endpoint does not listen", "endpoints do not listen")
    if overview.hour is not None and overview.hour.failures:
        yield _number(overview.hour.failures, "request failed", "requests failed")
    elif overview.hour is not None and overview.hour.failed_before:
        yield f"a request failed at {_clock(overview.hour.failed_before, overview.when)}"
    if overview.failing:
        yield _number(len(overview.failing), "backend fails", "backends fail")


def _number(number: int, one: str, many: str) -> str:
    return f"{number} {one if number == 1 else many}"


def _host() -> str:
    return printable(os.uname().nodename.partition(".")[0])


def _endpoints(overview: Overview, width: int) -> Iterator[str]:
    rows = [
        (
            printable(each.endpoint.name),
            printable(str(each.endpoint.address)),
            _LISTENS if each.listens else _SILENT,
            str(each.connections.open),
            "?" if each.connections.hibernating is None else str(each.connections.hibernating),
        )
        for each in overview.endpoints
    ]

    def paint(row: int, column: int, text: str) -> str:
        if row < 0:
            return painted(text, LABEL)
        if column == 2:
            return painted(text, GOOD if overview.endpoints[row].listens else BAD)
        return text

    if rows:
        yield from table(_SOCKETS, rows, width, paint)


def _requests(overview: Overview, width: int) -> Iterator[str]:
    hour = overview.hour
    if hour is None:
        return
    rows = []
    known = [each.key for each in overview.endpoints]
    others = sorted(hour.totals.endpoints.keys() - set(known))
    for name in dict.fromkeys([*known, *others]):
        endpoint = hour.totals.endpoints.get(name)
        if endpoint is None:
            rows.append((printable(name[0]), "0", "0", "-", "-"))
            continue
        p50, p99 = (duration(endpoint.elapsed.percentile(part)) for part in (0.5, 0.99))
        numbers = (str(endpoint.requests), str(endpoint.failures))
        rows.append((printable(name[0]), *numbers, p50, p99))
    rows += [
        (f"({outcome})", str(n), str(n), "-", "-") for outcome, n in hour.totals.others.items()
    ]

    def paint(row: int, column: int, text: str) -> str:
        if row < 0:
            return painted(text, LABEL)
        return painted(text, BAD) if column == 2 and rows[row][2] != "0" else text

    if not rows:
        return
    title = f"requests since {_clock(hour.since, overview.when)}"
    columns = (_REQUESTS[0]._replace(name=title), *_REQUESTS[1:])
    yield from table(columns, rows, width, paint)
    if not hour.is_whole:
        number = f"{hour.totals.requests + sum(hour.totals.others.values()):,}".replace(",", " ")
        text = f"Only the last {number} requests are counted; postfix-rest-inetd stats counts all."
        yield from _labels(text, width)


def _backends(overview: Overview, width: int) -> Iterator[str]:
    rows, styles = [], []
    is_down = {each.origin: each for each in overview.down}
    answers = overview.hour.answers if overview.hour else {}
    origins = [
        target.origin
        for each in overview.endpoints
        if not each.endpoint.problems and not each.endpoint.targets.problems()
        for target in each.endpoint.targets.all()
    ]
    for origin in dict.fromkeys(origins):
        known = answers.get(as_read(origin))
        state, style = _state(is_down.get(origin), known, overview)
        rows.append((printable(origin), state))
        styles.append(style)

    def paint(row: int, column: int, text: str) -> str:
        return painted(text, LABEL if row < 0 else styles[row] if column == 1 else "")

    if rows:
        yield from table(_BACKENDS, rows, width, paint)


def _state(down: Down | None, answers: Answers | None, overview: Overview) -> tuple[str, str]:
    """The state of a backend, and its style."""
    now = overview.when
    if down is not None:
        return f"down since {_since(down.since, now)}", BAD
    if answers is None:
        return ("not asked" if overview.hour else "not known"), ""
    if answers.failures == 0:
        return f"up, answered at {_clock(answers.last, now)}", GOOD
    if answers.failures == 1:
        return f"failed at {_clock(answers.last, now)}", BAD
    return f"failing since {_since(answers.failing_since, now)}", BAD


def _last_failure(overview: Overview, width: int) -> Iterator[str]:
    hour = overview.hour
    entry = None if hour is None else hour.last_failure
    if hour is None or entry is None:
        return
    when = _clock(entry.when_usec / 1_000_000, overview.when)
    where = f"{entry.endpoint}: " if entry.endpoint else ""
    text = f"last failure: {when} {where}{entry.outcome}"
    if entry.cause:
        # The causes of requests that fail alike are the same, so they do not have the id.
        is_general = entry.cause == advice(entry.outcome, entry.status, "...")
        specific = advice(entry.outcome, entry.status, hour.failed_id or "...")
        text += f": {specific if is_general else entry.cause}"
    yield from wrapped(text, width, "", "  ")
    yield from wrapped(REMEDIES[entry.outcome], width, "  -> ", "     ", breaks_words=False)
    command = f"     {EXPLAIN_REQUEST.format(hour.failed_id)}"
    yield command if hour.failed_id and len(command) <= width else f"     {EXPLAIN}"


def _end(overview: Overview, width: int) -> Iterator[str]:
    for note in overview.notes:
        yield from wrapped(printable(note), width, "note: ", "      ")
    others = {name: text for name, text in overview.versions.items() if name != _PRODUCT}
    versions = ", ".join(f"{name}{_KEPT}{text}" for name, text in others.items())
    for line in wrapped(versions, width):
        yield painted(printable(line.replace(_KEPT, " ")), LABEL)


def _since(when: float, now: float) -> str:
    return f"{_clock(when, now)} ({length(max(0, int(now - when)))})"


def _clock(when: float, now: float) -> str:
    """A time, with the date if it is not within the last day."""
    if not -_AHEAD_SEC < now - when < _DAY_SEC:
        return moment(when)
    return time.strftime("%H:%M:%S", time.localtime(when))


def _labels(text: str, width: int) -> Iterator[str]:
    for line in wrapped(text, width):
        yield painted(line, LABEL)
