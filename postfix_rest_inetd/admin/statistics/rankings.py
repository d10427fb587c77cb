# SPDX-License-Identifier: MIT
"""Sections of the report that list the most frequent: causes of failures, subjects, groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.groups import ENDPOINT
from postfix_rest_inetd.admin.statistics.layout import NAME_WIDTH, name_width, notes
from postfix_rest_inetd.admin.statistics.tables import COLUMN, columns
from postfix_rest_inetd.admin.ui.terminal import BAD, DOUBTFUL, LABEL, TITLE, painted
from postfix_rest_inetd.admin.ui.wrap import cut, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.statistics.groups import Groups
    from postfix_rest_inetd.admin.statistics.totals import Totals

TOP = 10
TOP_GROUPS = 40


def causes(totals: Totals, width: int) -> Iterator[str]:
    """The most frequent causes of failures."""
    yield painted("failures, by cause", TITLE)
    for (endpoint, outcome, status, cause), count in totals.causes.top(TOP):
        what = f"{outcome} with status {status}" if status else outcome
        text = ": ".join(part for part in (endpoint, what, cause) if part)
        yield from _counted(count, text, BAD, width)
    yield from _caveat(totals.causes.missed, width, more=len(totals.causes) > TOP)


def stale(totals: Totals, width: int) -> Iterator[str]:
    """Why stale answers had to be used."""
    yield painted("stale answers, by the failure of the backend", TITLE)
    for (endpoint, cause), count in totals.stale.top(TOP):
        text = ": ".join(filter(None, (endpoint, cause)))
        yield from _counted(count, text, DOUBTFUL, width)
    yield from _caveat(totals.stale.missed, width, more=len(totals.stale) > TOP)


def busiest(totals: Totals, width: int, kind: str) -> Iterator[str]:
    """The most frequent keys, clients and so on."""
    subjects = totals.subjects[kind]
    yield painted(f"busiest {kind}s", TITLE)
    top = subjects.top(TOP)
    for (endpoint, text), count in [item for item in top if item[1] > 1] or top:
        name = cut(endpoint, NAME_WIDTH)
        yield f"{count:{COLUMN}}  {name}  {cut(text, width - COLUMN - 4 - len(name))}"
    yield from _caveat(subjects.missed, width, more=False)


def groups(groups: Groups, width: int) -> Iterator[str]:
    """A table of the senders, logins, clients or endpoints that were limited most."""
    is_of_endpoint = groups.kind == ENDPOINT
    rows = [
        (group.endpoint if is_of_endpoint else f"{group.endpoint}: {group.text}", group)
        for group in groups.top(TOP_GROUPS)
    ]
    first = name_width([name for name, _ in rows], width - 4 * COLUMN)
    names = columns("requests", "refused", "deferred", "failed")
    yield painted(f"{groups.kind + 's':{first}}{names}", LABEL)
    for name, group in rows:
        held_up = f"{group.refused:{COLUMN}}{group.deferred:{COLUMN}}"
        yield (
            f"{cut(name, first - 1):{first}}{group.requests:{COLUMN}}"
            + (painted(held_up, BAD) if group.refused or group.deferred else held_up)
            + f"{group.failed:{COLUMN}}"
        )
    if groups.without:
        yield from notes(f"Policy requests without a {groups.kind}: {groups.without}", width)
    yield from _caveat(groups.missed, width, more=len(groups) > TOP_GROUPS)


def _counted(count: int, text: str, style: str, width: int) -> Iterator[str]:
    first, *more = wrapped(text, width - COLUMN - 2)
    yield f"{painted(f'{count:{COLUMN}}', style)}  {first}"
    for line in more:
        yield f"{'':{COLUMN + 2}}{line}"


def _caveat(missed: int, width: int, *, more: bool) -> Iterator[str]:
    if missed:
        text = f"Each may be up to {missed} higher; rarer ones are missing."
        yield from notes(text, width, COLUMN + 2)
    elif more:
        yield from notes("There are more; --json lists them.", width, COLUMN + 2)
