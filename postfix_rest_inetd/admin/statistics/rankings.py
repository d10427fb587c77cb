# SPDX-License-Identifier: MIT
"""Sections of the report that list the most frequent: causes of failures, subjects, groups."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.statistics.layout import NAME_WIDTH, cut
from postfix_rest_inetd.admin.ui.terminal import BAD, DOUBTFUL, LABEL, TITLE, painted
from postfix_rest_inetd.admin.ui.wrap import WIDTH, wrapped

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.statistics.groups import Groups
    from postfix_rest_inetd.admin.statistics.totals import Totals

TOP = 10
TOP_GROUPS = 40


def causes(totals: Totals) -> Iterator[str]:
    """The most frequent causes of failures."""
    yield painted("failures, by cause", TITLE)
    for (endpoint, outcome, status, cause), count in totals.causes.top(TOP):
        what = f"{outcome} with status {status}" if status else outcome
        text = ": ".join(part for part in (endpoint, what, cause) if part)
        yield from _counted(count, text, BAD)
    yield from _caveat(totals.causes.missed, len(totals.causes) > TOP)


def stale(totals: Totals) -> Iterator[str]:
    """Why stale answers had to be used."""
    yield painted("stale answers, by the failure of the backend", TITLE)
    for (endpoint, cause), count in totals.stale.top(TOP):
        yield from _counted(count, ": ".join(filter(None, (endpoint, cause))), DOUBTFUL)
    yield from _caveat(totals.stale.missed, len(totals.stale) > TOP)


def busiest(totals: Totals, kind: str) -> Iterator[str]:
    """The most frequent keys, clients and so on; nothing if none were logged."""
    subjects = totals.subjects[kind]
    if not len(subjects):
        return
    yield ""
    yield painted(f"busiest {kind}s", TITLE)
    top = subjects.top(TOP)
    for (endpoint, text), count in [item for item in top if item[1] > 1] or top:
        yield f"{count:9}  {cut(endpoint, NAME_WIDTH)}  {cut(text, WIDTH - 13 - len(endpoint))}"
    yield from _caveat(subjects.missed, more=False)


def groups(groups: Groups) -> Iterator[str]:
    """A table of the senders, logins or clients that were limited most."""
    columns = "".join(f"{text:>9}" for text in ("requests", "refused", "deferred", "failed"))
    yield painted(f"{groups.kind + 's':{WIDTH - 36}}{columns}", LABEL)
    for group in groups.top(TOP_GROUPS):
        name = cut(f"{group.endpoint}: {group.text}", WIDTH - 37)
        held_up = f"{group.refused:9}{group.deferred:9}"
        yield (
            f"{name:{WIDTH - 36}}{group.requests:9}"
            + (painted(held_up, BAD) if group.refused or group.deferred else held_up)
            + f"{group.failed:9}"
        )
    if groups.without:
        yield painted(f"Policy requests without a {groups.kind}: {groups.without}", LABEL)
    yield from _caveat(groups.missed, len(groups) > TOP_GROUPS)


def _counted(count: int, text: str, style: str) -> Iterator[str]:
    first, *more = wrapped(text, WIDTH - 11)
    yield f"{painted(f'{count:9}', style)}  {first}"
    for line in more:
        yield f"{'':11}{line}"


def _caveat(missed: int, more: bool) -> Iterator[str]:  # noqa: FBT001 - two facts
    if missed:
        yield painted(f"{'':11}Each may be up to {missed} higher; rarer ones are missing.", LABEL)
    elif more:
        yield painted(f"{'':11}There are more; --json lists them.", LABEL)
