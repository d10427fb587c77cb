# SPDX-License-Identifier: MIT
"""Counters in Prometheus' text exposition format, version 0.0.4. A pure function.

https://prometheus.io/docs/instrumenting/exposition_formats/

There are no timestamps, because node_exporter's textfile collector refuses them. An endpoint that
is known, or that the journal names, has a series for each outcome of its mode from the beginning,
at 0, so that rate() sees the first failure as an increase. With a list of known endpoints, even an
empty one, so do errors that belong to no endpoint. An endpoint that is no longer known keeps the
series that have counted something.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.statistics.counters import BOUNDS_USEC, Buckets, Counters, Series
from postfix_rest_inetd.admin.statistics.journal_entry import OUTCOMES, SOURCES, STARTS
from postfix_rest_inetd.log_entry import BACKEND as ASKED
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    Labels = tuple[tuple[str, str], ...]

REQUESTS = "postfix_rest_requests_total"
OTHERS = "postfix_rest_other_errors_total"
RESPONSES = "postfix_rest_responses_total"
ANSWERS = "postfix_rest_answers_total"
TARGETS = "postfix_rest_target_requests_total"
ELAPSED = "postfix_rest_request_duration_seconds"
START = "postfix_rest_start_duration_seconds"
BACKEND = "postfix_rest_backend_duration_seconds"
LAST = "postfix_rest_last_entry_timestamp_seconds"

_HELP = {
    REQUESTS: ("counter", "Requests of Postfix that were answered, by outcome."),
    OTHERS: ("counter", "Requests without a usable configuration, broken ones, internal errors."),
    RESPONSES: ("counter", "Responses of the backend, by HTTP status."),
    ANSWERS: ("counter", "Answers by source: backend (failures included), stored, stale."),
    TARGETS: ("counter", "Requests of endpoints with several targets, by the one asked last."),
    ELAPSED: ("histogram", "From the request to the reply, the backend included."),
    BACKEND: ("histogram", "From asking the backend to its response, or to giving up."),
    START: ("histogram", "Until a handler was ready for its first request, on top of that."),
    LAST: ("gauge", "When the newest journal entry that is counted was written."),
}

_ANSWERS = {
    mode: {model.FOUND, model.NOT_FOUND} if is_lookup(mode) else {model.ACTION}
    for mode in model.MODES
}
_SOURCES = {mode: SOURCES if is_lookup(mode) else (ASKED,) for mode in model.MODES}
_NEVER = {model.FOUND, model.NOT_FOUND, model.ACTION, model.BROKEN_REQUEST, model.UNUSABLE_CONFIG}
_TROUBLES = (model.BROKEN_REQUEST, model.UNUSABLE_CONFIG, model.INTERNAL_ERROR)
_NO_ENDPOINT = [Series("", mode) for mode in ("", *model.MODES)]


def text_of(counters: Counters, known: Collection[Series] | None = None) -> str:
    """All metrics; empty if nothing was counted, which the format allows.

    `known` are the configured endpoints; None if they are not known.
    """
    lines: list[str] = []
    troubled = [] if known is None else [*_NO_ENDPOINT, *known]
    known = known or ()
    requests = dict.fromkeys(((s, outcome) for s in known for outcome in _outcomes(s.mode)), 0)
    requests.update(counters.requests)
    for series, outcome in list(requests):
        for other in _outcomes(series.mode) | {outcome}:
            requests.setdefault((series, other), 0)
    others = dict.fromkeys(((s, outcome) for s in troubled for outcome in _TROUBLES), 0)
    others.update(counters.others)
    order = {outcome: number for number, outcome in enumerate(OUTCOMES)}
    lines += _metric(
        REQUESTS,
        "outcome",
        dict(sorted(requests.items(), key=lambda item: (item[0][0], order[item[0][1]]))),
    )
    lines += _metric(OTHERS, "outcome", dict(sorted(others.items())))
    lines += _metric(RESPONSES, "status", dict(sorted(counters.responses.items())))
    lines += _metric(ANSWERS, "source", _answers(counters, requests))
    lines += _targets(counters)
    none = Buckets()
    for name, histograms in ((ELAPSED, counters.elapsed), (BACKEND, counters.backend)):
        whole = {**dict.fromkeys(known, none), **histograms}
        lines += _histogram(name, {(series, ()): whole[series] for series in sorted(whole)})
    starts = dict.fromkeys(((s, kind) for s in known for kind in STARTS), none)
    starts.update(counters.starts)
    lines += _histogram(START, {(s, (("start", k),)): starts[s, k] for s, k in sorted(starts)})
    if counters.last_usec:
        lines += [*_head(LAST), f"{LAST} {_seconds(counters.last_usec)}"]
    return "".join(f"{line}\n" for line in lines)


def _outcomes(mode: str) -> set[str]:
    """The outcomes that a request can have in a mode."""
    return (set(OUTCOMES) - _NEVER) | _ANSWERS.get(mode, set())


def _answers(
    counters: Counters, requests: Mapping[tuple[Series, str], int]
) -> dict[tuple[Series, str], int]:
    """The number of answers from each source that answers can have in the mode of a series."""
    found = dict(counters.sources)
    for series, _ in requests:
        for source in _SOURCES.get(series.mode, ()):
            found.setdefault((series, source), 0)
    return dict(sorted(found.items()))


def _targets(counters: Counters) -> Iterator[str]:
    if counters.targets:
        yield from _head(TARGETS)
    for (series, target, result), count in sorted(counters.targets.items()):
        yield f"{TARGETS}{_labels(series, ('target', target), ('result', result))} {count}"


def _metric(name: str, label: str, values: Mapping[tuple[Series, str], int]) -> Iterator[str]:
    if values:
        yield from _head(name)
    for (series, value), count in values.items():
        yield f"{name}{_labels(series, (label, value))} {count}"


def _histogram(name: str, histograms: Mapping[tuple[Series, Labels], Buckets]) -> Iterator[str]:
    if histograms:
        yield from _head(name)
    for (series, more), buckets in histograms.items():
        count = 0
        for bound, number in zip((*BOUNDS_USEC, None), buckets.counts, strict=True):
            count += number
            limit = "+Inf" if bound is None else _seconds(bound)
            yield f"{name}_bucket{_labels(series, *more, ('le', limit))} {count}"
        yield f"{name}_sum{_labels(series, *more)} {_seconds(buckets.sum_usec)}"
        yield f"{name}_count{_labels(series, *more)} {count}"


def _head(name: str) -> tuple[str, str]:
    kind, text = _HELP[name]
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _labels(series: Series, *more: tuple[str, str]) -> str:
    pairs = (("endpoint", series.endpoint), ("mode", series.mode), *more)
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _seconds(usec: int) -> str:
    """A number of seconds, exact and without an exponent."""
    whole, rest = divmod(usec, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")
