# SPDX-License-Identifier: MIT
"""What `stats` promises of its numbers: error bounds that hold, and memory that does not grow."""

from __future__ import annotations

import json
import math
import random
import tracemalloc
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client.parser import text_string_to_metric_families

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.statistics import prometheus
from postfix_rest_inetd.admin.statistics.counters import BOUNDS_USEC, Counters, Series
from postfix_rest_inetd.admin.statistics.groups import Groups
from postfix_rest_inetd.admin.statistics.heavy import Heavy
from postfix_rest_inetd.admin.statistics.histogram import ERROR, MAX_BUCKETS, MAX_VALUE, Histogram
from postfix_rest_inetd.admin.statistics.journal_entry import OUTCOMES, SOURCES, JournalEntry
from postfix_rest_inetd.admin.statistics.timeline import MAX_SLOTS, Timeline
from postfix_rest_inetd.admin.statistics.totals import MAX_ENDPOINTS, Totals

VALUES = st.one_of(st.integers(0, 200), st.integers(0, 10**6), st.integers(0, MAX_VALUE))


def filled(values: list[int]) -> Histogram:
    """A histogram of these values."""
    histogram = Histogram()
    for value in values:
        histogram.add(value)
    return histogram


# -- histograms


@given(st.lists(VALUES, min_size=1, max_size=200), st.floats(0, 1))
def test_percentiles(values, part):
    """A percentile is off by at most ERROR of the true one; 0 and 1 included."""
    true = sorted(values)[max(1, math.ceil(part * len(values))) - 1]
    assert abs(filled(values).percentile(part) - true) <= true * ERROR


@given(st.lists(VALUES, min_size=1, max_size=200))
def test_exact_numbers(values):
    """Count, sum and maximum are exact, and so is the number of values in each bucket."""
    histogram = filled(values)
    assert (histogram.count, histogram.total) == (len(values), sum(values))
    assert histogram.percentile(1) == histogram.largest == max(values)
    for low, high, count in histogram.ranges():
        assert count == sum(low <= value <= high for value in values)
    assert sum(count for _, _, count in histogram.ranges()) == len(values)


@given(st.lists(VALUES, max_size=100), st.lists(VALUES, max_size=100))
def test_merged_histograms(one, other):
    """Two histograms put together are the histogram of all their values."""
    merged = filled(one)
    merged.merge(filled(other))
    whole = filled(one + other)
    assert list(merged.ranges()) == list(whole.ranges())
    assert (merged.count, merged.total, merged.largest) == (
        whole.count,
        whole.total,
        whole.largest,
    )


def test_a_histogram_has_room():
    """No values whatever take more buckets than the bound; too large and negative ones are cut."""
    histogram = filled([-5, MAX_VALUE * 4])
    assert histogram.largest == MAX_VALUE
    for shift in range(MAX_VALUE.bit_length()):
        for value in range(64):
            histogram.add(value << shift)
    assert len(list(histogram.ranges())) <= MAX_BUCKETS


# -- the most frequent


@given(st.lists(st.integers(0, 30), max_size=400), st.integers(1, 12))
def test_heavy(things, capacity):
    """A counter is never too high, and too low by at most `missed`, which has its bound."""
    heavy: Heavy[tuple[str, ...]] = Heavy(capacity)
    for thing in things:
        heavy.add((str(thing),))
    true = Counter((str(thing),) for thing in things)
    known = dict(heavy.top(capacity))
    assert len(heavy) <= capacity
    assert heavy.missed <= len(things) / (capacity + 1)
    for thing, count in true.items():
        assert known.get(thing, 0) <= count <= known.get(thing, 0) + heavy.missed
    if len(true) <= capacity:
        assert (heavy.missed, known) == (0, dict(true))


@given(
    st.lists(st.tuples(st.integers(0, 30), st.integers(1, 50)), max_size=400), st.integers(1, 12)
)
def test_heavy_in_numbers(things, capacity):
    """The same holds where things are counted many at a time."""
    heavy: Heavy[tuple[str, ...]] = Heavy(capacity)
    true: Counter[tuple[str, ...]] = Counter()
    for thing, number in things:
        heavy.add((str(thing),), number)
        true[str(thing),] += number
    assert len(heavy) <= capacity
    assert heavy.missed <= true.total() / (capacity + 1)
    for thing, count in true.items():
        assert heavy[thing] <= count <= heavy[thing] + heavy.missed
    assert set(heavy) == {thing for thing, _ in heavy.top(capacity)}
    if len(true) <= capacity:
        assert heavy.missed == 0


# -- who was limited


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(["", "refused", "deferred"]))))
def test_groups(requests):
    """While they have room, the numbers of each group are exact, and a request is in one group."""
    groups = Groups("login")
    for number, effect in requests:
        subjects = (("login", str(number)),) if number else ()
        entry = JournalEntry(1, "e", model.POLICY, model.ACTION, *[True, 1, 1, 200, "", subjects])
        groups.add(entry._replace(effect=effect))
    true = Counter(requests)
    assert groups.without == sum(count for (number, _), count in true.items() if not number)
    found = groups.top(10)
    assert {group.text for group in found} == {str(number) for number, _ in true if number}
    for group in found:
        number = int(group.text)
        assert (group.refused, group.deferred) == (
            true[number, "refused"],
            true[number, "deferred"],
        )
        assert group.requests == group.refused + group.deferred + true[number, ""]


# -- the course of time


@given(
    st.lists(
        st.tuples(st.one_of(st.integers(0, 10**4), st.integers(0, 2 * 10**9)), st.booleans()),
        min_size=1,
        max_size=100,
    ),
    st.integers(1, 100),
)
def test_timeline(requests, number):
    """No request is lost, and each column has those of its time; slots and columns are bounded."""
    timeline = Timeline()
    for second, failed in requests:
        timeline.add(second * 1_000_000, failed=failed, stale=not failed)
    assert len(timeline.slots) <= MAX_SLOTS
    begin, seconds, columns = timeline.columns(number)
    assert len(columns) <= number
    assert columns[0][0] > 0
    assert columns[-1][0] > 0
    for index, (count, failures, stale) in enumerate(columns):
        first = begin + index * seconds
        there = [failed for second, failed in requests if first <= second < first + seconds]
        assert (count, failures, stale) == (len(there), sum(there), len(there) - sum(there))
    assert sum(count for count, *_ in columns) == len(requests)


# -- all together


def entries(number: int, seed: int = 1):
    """Entries as different as they can be."""
    source = random.Random(seed)
    for index in range(number):
        outcome = source.choice(OUTCOMES)
        yield JournalEntry(
            index * 10_000_000,
            f"endpoint{source.randrange(1000)}",
            source.choice(model.MODES),
            outcome,
            True,  # noqa: FBT003 - is_request
            int(source.lognormvariate(9, 3)),
            source.randrange(90_000_000),
            source.randrange(1000),
            f"cause {index}",
            tuple((kind, f"{index} {'x' * 90}") for kind in ("key", "client", "sender")),
        )


def test_memory():
    """Twice as many entries, all of them different, take hardly more memory.

    Histograms fill up, by 10 bytes an entry with so many endpoints (13 % here on Python 3.13; 17 %
    in a full run). To remember the keys would take 400 bytes an entry, 12 MB beside the 2.3.
    """
    totals = Totals("sender")
    source = entries(60_000)
    tracemalloc.start()
    try:
        for _ in range(30_000):
            totals.add(next(source))
        half, _ = tracemalloc.get_traced_memory()
        for entry in source:
            totals.add(entry)
        whole, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert totals.requests == 60_000
    assert whole < half * 1.3
    assert peak < 30_000_000


# -- Prometheus

ENTRIES = st.builds(
    JournalEntry,
    st.integers(1, 2**50),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=20),
    st.sampled_from(["", *model.MODES]),
    st.sampled_from(OUTCOMES),
    st.booleans(),
    st.integers(0, 10**8),
    st.integers(0, 10**8),
    st.integers(0, 2000),
    st.just(""),
    st.just(()),
    st.integers(0, 1000),
    st.just(""),
    st.sampled_from(["", "cold", "woken"]),
    st.integers(0, 10**8),
    st.sampled_from(SOURCES),
    st.integers(0, 10**8),
)


def parsed(text: str) -> dict[str, object]:
    """The metric families in a text, as Prometheus' own client reads them."""
    return {family.name: family for family in text_string_to_metric_families(text)}


@given(st.lists(ENTRIES, max_size=30))
def test_exposition(some):
    """Prometheus reads from the text what was counted, with the right types."""
    counters = Counters()
    for entry in some:
        counters.add(entry)
    families = parsed(prometheus.text_of(counters))
    known = {
        "postfix_rest_requests": "counter",
        "postfix_rest_other_errors": "counter",
        "postfix_rest_responses": "counter",
        "postfix_rest_answers": "counter",
        "postfix_rest_target_requests": "counter",
        "postfix_rest_request_duration_seconds": "histogram",
        "postfix_rest_backend_duration_seconds": "histogram",
        "postfix_rest_start_duration_seconds": "histogram",
        "postfix_rest_last_entry_timestamp_seconds": "gauge",
    }
    assert {name: family.type for name, family in families.items()}.items() <= known.items()
    true = Counter((e.endpoint, e.mode, e.outcome) for e in some if e.is_request)
    samples = families["postfix_rest_requests"].samples if true else []
    read = {(s.labels["endpoint"], s.labels["mode"], s.labels["outcome"]): s.value for s in samples}
    assert {key: value for key, value in read.items() if value} == true


@given(st.lists(ENTRIES, min_size=1, max_size=30))
def test_histograms(some):
    """The buckets of a histogram add up, each holding what its bound says, the bound included."""
    counters = Counters()
    some = [entry._replace(endpoint="e", mode=model.POLICY, is_request=True) for entry in some]
    for entry in some:
        counters.add(entry)
    family = parsed(prometheus.text_of(counters))["postfix_rest_request_duration_seconds"]
    found = {(s.name.rpartition("_")[2], s.labels.get("le")): s.value for s in family.samples}
    for bound in BOUNDS_USEC:
        limit = f"{bound / 1e6:.6f}".rstrip("0").rstrip(".")
        assert found["bucket", limit] == sum(e.elapsed_usec <= bound for e in some)
    assert found["bucket", "+Inf"] == found["count", None] == len(some)
    assert found["sum", None] == pytest.approx(sum(e.elapsed_usec for e in some) / 1e6)


KNOWN = [Series("a", model.TCP_LOOKUP), Series("b", model.POLICY)]


@given(st.lists(ENTRIES, max_size=20))
def test_known_endpoints(some):
    """What an endpoint that is known can count is there from the beginning, and not counted twice.

    To know one changes no number, and takes away nothing.
    """
    counters = Counters()
    for entry in some:
        counters.add(entry)
    without = samples(prometheus.text_of(counters))
    found = samples(prometheus.text_of(counters, KNOWN))
    assert found.items() >= without.items()
    assert {number for sample, number in found.items() if sample not in without} <= {0}
    requests = {(s[1:]) for s in found if s[0] == "postfix_rest_requests_total"}
    answers = {"a": ("found", "not-found"), "b": ("action",)}
    for endpoint, mode in KNOWN:
        for outcome in (*answers[endpoint], "user-error", "timeout", "internal-error"):
            assert (endpoint, mode, outcome) in requests
    others = {(s[1:]) for s in found if s[0] == "postfix_rest_other_errors_total"}
    for series in (*KNOWN, *(("", mode) for mode in ("", *model.MODES))):
        for outcome in ("broken-request", "unusable-config", "internal-error"):
            assert (*series, outcome) in others
    durations = {s for s in found if s[0] == "postfix_rest_request_duration_seconds_count"}
    assert {s[1:] for s in durations} >= set(KNOWN)


def samples(text: str) -> dict[tuple[str, ...], float]:
    """The samples of a text by name and labels; each is there once."""
    found = [
        ((sample.name, *sample.labels.values()), sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    ]
    assert len(dict(found)) == len(found)
    return dict(found)


def test_known_endpoints_have_room():
    """Names that somebody makes up do not push a known endpoint among the others."""
    counters = Counters()
    counters.reserve(["real"])
    for number in range(MAX_ENDPOINTS * 2):
        counters.add(BASE._replace(endpoint=f"forged{number}"))
    counters.add(BASE._replace(endpoint="real"))
    assert counters.requests[Series("real", BASE.mode), BASE.outcome] == 1
    assert len({series for series, _ in counters.requests}) == MAX_ENDPOINTS + 1


BASE = JournalEntry(1, "e", model.TCP_LOOKUP, model.FOUND, *[True, 1, 1, 200, "", ()])


def test_requests_without_a_configuration():
    """Each of the requests that an entry stands for is counted."""
    counters = Counters()
    for number in (0, 1, 49_999):
        entry = BASE._replace(outcome=model.UNUSABLE_CONFIG, is_request=False, number=number)
        counters.add(entry)
    found = samples(prometheus.text_of(counters))
    assert found["postfix_rest_other_errors_total", "e", "tcp-lookup", "unusable-config"] == 50_000


@pytest.mark.parametrize("start", ["cold", "woken"])
def test_starts(start):
    """How long starts took is a histogram, for each kind of start."""
    counters = Counters()
    counters.add(BASE._replace(start=start, start_usec=30_000))
    found = samples(prometheus.text_of(Counters.from_state(counters.to_state())))
    name = "postfix_rest_start_duration_seconds"
    labels = ("e", "tcp-lookup", start)
    assert found[f"{name}_count", *labels] == 1
    assert found[f"{name}_sum", *labels] == 0.03
    assert found[f"{name}_bucket", *labels, "0.02"] == 0
    assert found[f"{name}_bucket", *labels, "0.05"] == 1


def test_a_state_of_the_first_version():
    """A state without starts and targets goes on."""
    counters = Counters()
    counters.add(BASE)
    state = counters.to_state()
    del state["starts"], state["targets"]
    assert Counters.from_state(state).to_state() == counters.to_state()


@given(st.lists(ENTRIES, max_size=20), st.lists(ENTRIES, max_size=20))
def test_state(before, after):
    """Counters that went through a state file go on as if nothing had happened."""
    whole, half = Counters(), Counters()
    for entry in before:
        whole.add(entry)
        half.add(entry)
    half = Counters.from_state(json.loads(json.dumps(half.to_state())))
    for entry in after:
        whole.add(entry)
        half.add(entry)
    assert prometheus.text_of(half) == prometheus.text_of(whole)
