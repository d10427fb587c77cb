# SPDX-License-Identifier: MIT
"""Counters in Prometheus' text exposition format, version 0.0.4. A pure function.

https://prometheus.io/docs/instrumenting/exposition_formats/

There are no timestamps, which node_exporter's textfile collector would refuse. An endpoint that was
seen has a series for each outcome that its mode can have, from the beginning, at 0: so the first
failure is an increase, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.stats_counters import BOUNDS_USEC, Buckets, Counters, Series
from postfix_rest_inetd.admin.stats_entry import OUTCOMES

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

REQUESTS = "postfix_rest_requests_total"
OTHERS = "postfix_rest_other_errors_total"
RESPONSES = "postfix_rest_responses_total"
ELAPSED = "postfix_rest_request_duration_seconds"
BACKEND = "postfix_rest_backend_duration_seconds"
LAST = "postfix_rest_last_entry_timestamp_seconds"

_HELP = {
    REQUESTS: ("counter", "Requests of Postfix that were answered, by outcome."),
    OTHERS: ("counter", "Errors that were about no single request, by outcome."),
    RESPONSES: ("counter", "Responses of the backend, by HTTP status."),
    ELAPSED: ("histogram", "From the request to the reply, the backend included."),
    BACKEND: ("histogram", "From asking the backend to its response, or to giving up."),
    LAST: ("gauge", "When the newest journal entry that is counted was written."),
}

_ANSWERS = {
    model.TCP_LOOKUP: {model.FOUND, model.NOT_FOUND},
    model.SOCKETMAP_LOOKUP: {model.FOUND, model.NOT_FOUND},
    model.POLICY: {model.ACTION},
}
_NEVER = {model.FOUND, model.NOT_FOUND, model.ACTION, model.BROKEN_REQUEST, model.UNUSABLE_CONFIG}


def text_of(counters: Counters) -> str:
    """The whole text; an empty one has no metrics, which is allowed."""
    lines: list[str] = []
    requests = dict(counters.requests)
    for series, outcome in list(requests):
        for other in _outcomes(series.mode) | {outcome}:
            requests.setdefault((series, other), 0)
    order = {outcome: number for number, outcome in enumerate(OUTCOMES)}
    lines += _metric(
        REQUESTS,
        "outcome",
        dict(sorted(requests.items(), key=lambda item: (item[0][0], order[item[0][1]]))),
    )
    lines += _metric(OTHERS, "outcome", dict(sorted(counters.others.items())))
    lines += _metric(RESPONSES, "status", dict(sorted(counters.responses.items())))
    lines += _histogram(ELAPSED, counters.elapsed)
    lines += _histogram(BACKEND, counters.backend)
    if counters.last_usec:
        lines += [*_head(LAST), f"{LAST} {_seconds(counters.last_usec)}"]
    return "".join(f"{line}\n" for line in lines)


def _outcomes(mode: str) -> set[str]:
    """What may become of a request in a mode."""
    return (set(OUTCOMES) - _NEVER) | _ANSWERS.get(mode, set())


def _metric(name: str, label: str, values: Mapping[tuple[Series, str], int]) -> Iterator[str]:
    if values:
        yield from _head(name)
    for (series, value), count in values.items():
        yield f"{name}{_labels(series, (label, value))} {count}"


def _histogram(name: str, histograms: Mapping[Series, Buckets]) -> Iterator[str]:
    if histograms:
        yield from _head(name)
    for series in sorted(histograms):
        buckets, count = histograms[series], 0
        for bound, number in zip((*BOUNDS_USEC, None), buckets.counts, strict=True):
            count += number
            limit = "+Inf" if bound is None else _seconds(bound)
            yield f"{name}_bucket{_labels(series, ('le', limit))} {count}"
        yield f"{name}_sum{_labels(series)} {_seconds(buckets.sum_usec)}"
        yield f"{name}_count{_labels(series)} {count}"


def _head(name: str) -> tuple[str, str]:
    kind, text = _HELP[name]
    return f"# HELP {name} {text}", f"# TYPE {name} {kind}"


def _labels(series: Series, *more: tuple[str, str]) -> str:
    pairs = (("endpoint", series.endpoint), ("mode", series.mode), *more)
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in pairs) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _seconds(usec: int) -> str:
    """Exactly, without an exponent."""
    whole, rest = divmod(usec, 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")
