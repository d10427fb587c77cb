# SPDX-License-Identifier: MIT
"""The output of `cache` for people: at most 80 columns, except for long keys."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.statistics.layout import NAME_WIDTH
from postfix_rest_inetd.admin.stored.entries import FOREIGN, FRESH, STALE, outcome_of
from postfix_rest_inetd.admin.ui.draw import length, moment, share, size
from postfix_rest_inetd.admin.ui.terminal import BAD, DOUBTFUL, LABEL, TITLE, painted
from postfix_rest_inetd.admin.ui.wrap import WIDTH, cut, wrapped
from postfix_rest_inetd.log_entry import STALE as STALE_ANSWER
from postfix_rest_inetd.log_entry import STORED, printable

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator

    from postfix_rest_inetd.admin.stored.down import Down
    from postfix_rest_inetd.admin.stored.entries import Entry
    from postfix_rest_inetd.admin.stored.summary import Summary
    from postfix_rest_inetd.config.endpoint import Endpoint

_ANSWERS = {model.FOUND: "found", model.NOT_FOUND: "not found"}
_COLUMNS = ("entries", "size", FRESH, STALE, "no use", "hit rate")
_LIST_COLUMNS = ("stored", "fresh", "outage", "size")
_NOTES = (
    "stale: may be used while the backend fails. no use: expired, damaged, or stored for another "
    "token, target or header field; removed when room is needed."
)


def overview(
    summaries: list[Summary], asked: dict[tuple[str, str], Counter[str]], since: float
) -> Iterator[str]:
    """The table of endpoints.

    `asked` are the requests since then by source, of each endpoint, according to the journal.
    """
    columns = "".join(f"{text:>9}" for text in _COLUMNS)
    yield painted(f"{'endpoint':{NAME_WIDTH}}{columns}", LABEL)
    for summary in summaries:
        sources = asked.get((summary.name, summary.mode))
        yield from _endpoint(summary, sources)
    yield from _labels(_NOTES)
    yield from _labels(f"hit rate: answers that were stored and fresh, since {moment(since)}.")


def backends(down: list[Down]) -> Iterator[str]:
    """The backends that are known to be down; nothing if none is."""
    if not down:
        return
    yield painted("backends that are known to be down", TITLE)
    for backend in down:
        lasts = length(max(0, int(time.time() - backend.since)))
        wait = f"in {backend.wait_sec:.0f} s" if backend.wait_sec >= 1 else "is due"
        text = (
            f"{backend.origin}: since {moment(backend.since)} ({lasts}); the next attempt {wait}; "
            f"{', '.join(backend.endpoints)}"
        )
        for line in wrapped(printable(text), WIDTH, "  ", "    "):
            yield painted(line, BAD)


def listing(entries: Iterable[Entry], endpoint: Endpoint) -> Iterator[str]:
    """A line for each stored answer; the key is last, because it may have any length."""
    columns = "".join(f"{text:>9}" for text in _LIST_COLUMNS)
    yield painted(f"{'answer':9}{columns}  key", LABEL)
    for entry in entries:
        answer = entry.use
        if entry.answer is not None and entry.use != FOREIGN:
            answer = outcome_of(endpoint, entry.answer)
        times = "".join(
            f"{_span(sec):>9}" for sec in (entry.age_sec, entry.fresh_sec, entry.outage_sec)
        )
        line = f"{_ANSWERS.get(answer, answer):9}{times}{size(entry.size):>9}  {shown(entry)}"
        yield painted(line, "" if entry.use in (FRESH, STALE) else LABEL)
    yield from _labels(
        "stored: how long ago. fresh: for how long it is used without asking the backend. outage: "
        "for how long it may be used while the backend fails. foreign: stored for another token, "
        "target or header field, and of no use."
    )


def shown(entry: Entry) -> str:
    """The key, with the name of the map before it; the name of a damaged file."""
    if entry.answer is None:
        return entry.digest
    key = printable(entry.answer.key.decode(errors="backslashreplace"))
    if entry.answer.map_name is None:
        return key
    return f"{printable(entry.answer.map_name.decode(errors='backslashreplace'))}: {key}"


def _endpoint(summary: Summary, sources: Counter[str] | None) -> Iterator[str]:
    uses = summary.uses
    rate = "-"
    if sources:
        rate = share(sources[STORED], sources.total())
    useless = uses.total() - uses[FRESH] - uses[STALE]
    yield (
        f"{cut(summary.name or summary.folder, NAME_WIDTH):{NAME_WIDTH}}{uses.total():9}"
        f"{size(summary.size):>9}{uses[FRESH]:9}{uses[STALE]:9}{useless:9}{rate:>9}"
    )
    yield from _labels(_about(summary), "  ")
    if sources and sources[STALE_ANSWER]:
        number = sources[STALE_ANSWER]
        text = f"{number} stale {'answer was' if number == 1 else 'answers were'} used"
        yield f"  {painted(text, DOUBTFUL)}"


def _about(summary: Summary) -> str:
    if not summary.mode:
        return f"of no endpoint in the configuration; cache purge {summary.folder} removes them"
    if summary.settings is None:
        return f"{summary.mode}; nothing is stored, because cache is false"
    return (
        f"{summary.mode}; up to {summary.settings.max_entries} entries, "
        f"{size(summary.settings.max_bytes)}"
    )


def _span(seconds: float) -> str:
    """A time in one unit, `-` for none: at most 8 characters."""
    if seconds <= 0:
        return "-"
    for unit, factor in (("s", 1), ("min", 60), ("h", 3600)):
        if seconds < 100 * factor:
            return f"{int(seconds / factor)} {unit}"
    return f"{int(seconds / 86400)} d"


def _labels(text: str, indent: str = "") -> Iterator[str]:
    for line in wrapped(text, WIDTH, indent, indent):
        yield painted(line, LABEL)
