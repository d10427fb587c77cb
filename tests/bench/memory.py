# SPDX-License-Identifier: MIT
"""What handlers hold in memory, in the states that a Postfix process leaves them in.

Private dirty memory is what one more handler costs; PSS adds its share of what all of them have in
common, so that the PSS of all handlers is what they cost together. In neither is the kernel's own
part: 0.25 MB for each connection, two thirds of it for the mounts, cgroup and socket of its unit.
"""

from __future__ import annotations

import json
import statistics
from typing import Any

from bench.client import Client
from bench.machine import PROGRAMS
from bench.subjects import PRODUCT, SUBJECTS, configure_endpoints
from integration.product import USER, wait_for_no_handlers, wait_until

from harness.container import Container

Handler = dict[str, Any]

HIBERNATE_AFTER_SEC = 1
"""For the runs here."""

WAITING, ASKED, HIBERNATING = "waiting", "asked", "hibernating"

_AWAKE = """
ss --no-header --tcp --numeric state established '( dport = :8080 or dport = :8443 )'
"""


def measure(container: Container, count: int) -> list[Handler]:
    """COUNT handlers, as soon as all of them are asleep; sizes in kB."""
    command = ["/usr/bin/python3", "-I", f"{PROGRAMS}/memory.py", USER, str(count)]
    return json.loads(container.run(*command, timeout=180).stdout)


def measure_hibernating(container: Container, count: int) -> list[Handler]:
    """The same, when all of them hibernate: a handler that does has no connection to a backend."""
    wait_until(lambda: not container.shell(_AWAKE), "handlers that hibernate", timeout=60)
    return measure(container, count)


def of_states(
    container: Container, client: Client, name: str, *, count: int = 5
) -> dict[str, dict[str, float]]:
    """The median handler of one subject in each state: sizes in MB."""
    configure_endpoints(container, hibernate_after=0)
    client("hold", SUBJECTS[name], count)
    states = {WAITING: measure(container, count)}
    client("ask_held")
    states[ASKED] = measure(container, count)
    _release(container, client)
    if name in PRODUCT:
        configure_endpoints(container, hibernate_after=HIBERNATE_AFTER_SEC)
        client("burst", SUBJECTS[name], count)
        states[HIBERNATING] = measure_hibernating(container, count)
        _release(container, client)
    return {state: _median(handlers) for state, handlers in states.items()}


def _release(container: Container, client: Client) -> None:
    client("release")
    wait_for_no_handlers(container)


def _median(handlers: list[Handler]) -> dict[str, float]:
    return {
        size: statistics.median(handler[size] for handler in handlers) / 1024
        for size in ("private_dirty", "pss", "rss")
    }


def of_crowd(container: Container, client: Client, name: str, count: int) -> dict[str, Any]:
    """COUNT connections at once: how long that takes, what their handlers hold, and the awakening.

    Times are microseconds from the beginning to each answer; PSS is that of all handlers, in MB.
    """
    configure_endpoints(container, hibernate_after=0)
    result: dict[str, Any] = {"count": count}
    result["burst_usec"] = client("burst", SUBJECTS[name], count)
    result["pss"] = {ASKED: _total(measure(container, count))}
    _release(container, client)
    configure_endpoints(container, hibernate_after=HIBERNATE_AFTER_SEC)
    client("burst", SUBJECTS[name], count)
    result["pss"][HIBERNATING] = _total(measure_hibernating(container, count))
    result["wake_usec"] = client("ask_held")
    _release(container, client)
    return result


def _total(handlers: list[Handler]) -> float:
    return sum(handler["pss"] for handler in handlers) / 1024
