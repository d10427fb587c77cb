# SPDX-License-Identifier: MIT
"""What handlers hold in memory, in the states that a Postfix process leaves them in.

Private dirty memory is what one more handler costs; PSS adds its share of what all of them have in
common, so that the PSS of all handlers is what they cost together. The kernel's own part (stacks,
page tables, sockets: some 0.2 MB) is in neither.
"""

from __future__ import annotations

import json
import statistics
import time
from typing import Any

from bench.client import Client
from bench.machine import PROGRAMS
from bench.subjects import SUBJECTS
from integration.product import USER, wait_for_no_handlers

from harness.container import Container

Handler = dict[str, Any]

HIBERNATE_AFTER_SEC = 2
"""For the runs here; nothing else is changed by it."""
HIBERNATE_WAIT_SEC = 60

WAITING, ASKED, HIBERNATING = "waiting", "asked", "hibernating"


def measure(container: Container, count: int) -> list[Handler]:
    """COUNT handlers, as soon as all of them are asleep; sizes in kB."""
    command = ["/usr/bin/python3", "-I", f"{PROGRAMS}/memory.py", USER, str(count)]
    return json.loads(container.run(*command, timeout=180).stdout)


def after_hibernation(container: Container, before: list[Handler]) -> list[Handler]:
    """The same handlers when all of them hibernate, which is a program of its own."""
    images = {handler["pid"]: handler["image"] for handler in before}
    deadline = time.monotonic() + HIBERNATE_WAIT_SEC
    while True:
        now = measure(container, len(before))
        if all(images.get(handler["pid"]) != handler["image"] for handler in now):
            return now
        assert time.monotonic() < deadline, "the handlers do not hibernate"


def of_states(
    container: Container, client: Client, name: str, *, count: int = 5, hibernation: bool
) -> dict[str, dict[str, float]]:
    """The median handler of one subject in each state: sizes in MB."""
    client("hold", SUBJECTS[name], count)
    states = {WAITING: measure(container, count)}
    client("ask_held")
    states[ASKED] = measure(container, count)
    if hibernation:
        states[HIBERNATING] = after_hibernation(container, states[ASKED])
        # That they are awake again is told by the answers.
        client("ask_held")
    client("release")
    wait_for_no_handlers(container)
    return {state: _median(handlers) for state, handlers in states.items()}


def _median(handlers: list[Handler]) -> dict[str, float]:
    return {
        size: statistics.median(handler[size] for handler in handlers) / 1024
        for size in ("private_dirty", "pss", "rss")
    }


def of_crowd(
    container: Container, client: Client, name: str, count: int, *, hibernation: bool
) -> dict[str, Any]:
    """COUNT connections at once: how long that takes, what their handlers hold, and the awakening.

    Times are microseconds from the beginning to each answer; PSS is that of all handlers, in MB.
    """
    result: dict[str, Any] = {"count": count}
    result["burst_usec"] = client("burst", SUBJECTS[name], count)
    awake = measure(container, count)
    result["pss"] = {ASKED: _total(awake)}
    if hibernation:
        result["pss"][HIBERNATING] = _total(after_hibernation(container, awake))
        result["wake_usec"] = client("ask_held")
    client("release")
    wait_for_no_handlers(container)
    return result


def _total(handlers: list[Handler]) -> float:
    return sum(handler["pss"] for handler in handlers) / 1024
