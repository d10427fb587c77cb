# SPDX-License-Identifier: MIT
"""Takes the measurements on a machine, in the order of the report, and says how it gets on.

Results are dicts as they go into the JSON: instructions of a start in millions, of a lookup on an
open connection in thousands, memory in MB, times in milliseconds, rates per second.
"""

from __future__ import annotations

import statistics
import sys
import time
from typing import Any, NamedTuple

from bench import memory
from bench.client import Client, chosen
from bench.counts import CASES, MORE_CASES, count_all, count_warm
from bench.statistic import ratio, summary, tail
from bench.subjects import (
    BARE,
    HIT,
    NAIVE,
    NGINX,
    PEER,
    PLAIN,
    POLICY_MODE,
    PRODUCT,
    SOCKETMAP,
    STALE,
    SUBJECTS,
    TCP,
    C,
    configure_endpoints,
    outage,
    start_floors,
    start_peer,
)

from harness.container import Container

Results = dict[str, Any]
Measured = dict[str, dict[str, list[float]]]
"""Of each subject what in_turn() of inside/client.py returns."""


class Effort(NamedTuple):
    """How much is measured."""

    cases: tuple[str, ...] = (*CASES, *MORE_CASES)
    cold_rounds: int = 80
    warm_rounds: int = 20
    warm_batch: int = 500
    clients: tuple[int, ...] = (1, 8, 32)
    crowd_rounds: int = 2
    cold_count: int = 32
    warm_count: int = 2000
    held: int = 300
    stale_rounds: int = 12
    stale_count: int = 4000


FULL = Effort()
QUICK = Effort(CASES, 15, 10, 100, (), 0, 0, 0, 60, 6, 2000)
STALE_CLIENTS = 32


def everything(container: Container, effort: Effort) -> Results:
    """All there is to be measured."""
    results: Results = {}
    results["instructions"] = instructions(container, effort)
    start_floors(container)
    start_peer(container)
    configure_endpoints(container, hibernate_after=0)
    with Client(container) as client, outage(container):
        results["memory"] = states(container, client, *PRODUCT, HIT, C, BARE, NAIVE)
        results["crowd"] = crowd(container, client, effort)
        configure_endpoints(container, hibernate_after=0)
        results |= times(client, effort)
    return results


def times(client: Client, effort: Effort) -> Results:
    """What takes its time, while the second backend is down."""
    results: Results = {"ratios": {}}
    measured = cold(client, effort)
    results["cold"] = _summaries(measured)
    floor = measured[BARE]["usec"]
    for name, subject in (("cold", TCP), ("cold_hit", HIT)):
        results["ratios"][name] = ratio(measured[subject]["usec"], floor, len(floor))
    measured = warm(client, effort)
    results["warm"] = _summaries(measured)
    ours, theirs = measured[TCP]["usec"], measured[PLAIN]["usec"]
    results["ratios"]["warm"] = ratio(ours, theirs, effort.warm_batch)
    results["ratios"]["warm_tail"] = tail(ours, effort.warm_batch)
    results["ratios"]["stale"] = stale(client, effort)
    results["crowds"] = {clients: crowds(client, clients, effort) for clients in effort.clients}
    return results


def _say(text: str) -> None:
    sys.stderr.write(f"{time.strftime('%T')} {text}\n")


def _summaries(measured: Measured) -> Results:
    return {
        name: {
            **summary([usec / 1000 for usec in each["usec"]]),
            "cpu": statistics.median(each["cpu_usec"]) / 1000,
            "rate": statistics.median(each["rates"]),
        }
        for name, each in measured.items()
    }


# -- what is exact


def instructions(container: Container, effort: Effort) -> Results:
    """Millions of instructions to the first reply, for each case; and to the end of the handler.

    And thousands for a lookup on an open connection.
    """
    _say("instructions of the first reply")
    counts = count_all(container, effort.cases)
    _say("instructions of a lookup on an open connection")
    warm_counts = count_warm(container)
    return {
        **{case: count.to_reply / 1e6 for case, count in counts.items()},
        "in_all": {case: count.in_all / 1e6 for case, count in counts.items()},
        "lookup": {case: cost / 1e3 for case, cost in warm_counts.items()},
    }


def states(container: Container, client: Client, *subjects: str) -> Results:
    """Memory of a handler in each of its states."""
    _say("memory of a handler")
    return {name: memory.of_states(container, client, name) for name in subjects}


# -- what takes its time


def crowd(container: Container, client: Client, effort: Effort) -> Results:
    """A burst of connections that are held then."""
    _say(f"{effort.held} connections at once, held")
    result = memory.of_crowd(container, client, TCP, effort.held)
    for name in ("burst", "wake"):
        usec = result.pop(f"{name}_usec")
        result[name] = {
            "first": usec[0] / 1000,
            "half": statistics.median(usec) / 1000,
            "last": usec[-1] / 1000,
        }
    return result


def cold(client: Client, effort: Effort) -> Measured:
    """From connect to the first reply, one connection after the other."""
    _say("from connect to the first reply")
    subjects = chosen(*PRODUCT, HIT, STALE, C, BARE, NAIVE)
    client("cold", subjects, 1)
    return client("cold", subjects, effort.cold_rounds)


def warm(client: Client, effort: Effort) -> Measured:
    """Lookups on a kept connection."""
    _say("lookups on a kept connection")
    return client("warm", SUBJECTS, effort.warm_rounds, effort.warm_batch)


def stale(client: Client, effort: Effort) -> float:
    """How many times as long a stale answer in an outage takes as a fresh one, with 32 clients."""
    _say("stale and fresh answers")
    subjects = chosen(HIT, STALE)
    rounds, count = effort.stale_rounds, effort.stale_count
    measured = client("warm_crowd", subjects, STALE_CLIENTS, rounds, count)
    needed = {name: [1 / rate for rate in each["rates"]] for name, each in measured.items()}
    return ratio(needed[STALE], needed[HIT], 1)


def crowds(client: Client, clients: int, effort: Effort) -> Results:
    """So many clients at once: new connections, kept connections."""
    _say(f"{clients} clients at once")
    rounds = effort.crowd_rounds
    new = chosen(TCP, SOCKETMAP, POLICY_MODE, HIT, STALE, C, BARE)
    kept = chosen(TCP, SOCKETMAP, POLICY_MODE, HIT, STALE, BARE, NGINX, PEER)
    return {
        "cold": _summaries(client("cold_crowd", new, clients, rounds, effort.cold_count)),
        "warm": _summaries(client("warm_crowd", kept, clients, rounds, effort.warm_count)),
    }
