# SPDX-License-Identifier: MIT
"""What is asked in test_torture, and what happens when: a schedule, which comes from a seed.

The backend fails in one way after the other, the disk is full from time to time, and the wall clock
wrong, handlers are killed all the time. Everything else happens equally often, in random order.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from harness.granting_backend import FAILURES
from harness.permitted import Question

TIMEOUT_MS = 2000
PORTS = {"domains": 9001, "boxes": 9003}
MAPS = {"domains": [""], "boxes": ["one", "two"]}
PERMISSIONS = ("2-4", "3-0", "0-8", "6-30", "no-0")
"""max-age and stale-if-error of answers (granting_backend_program.py)."""

JUMPS = (-1e8, -60, 5, 60, 1e8)
TOKENS = ("alpha", "beta", "gamma")
QUESTIONS = [
    Question(name, map_name, f"{kind}-{permission}-0")
    for name, maps in MAPS.items()
    for map_name in maps
    for kind in ("found", "absent", "changing")
    for permission in PERMISSIONS
]
LASTING = [question for question in QUESTIONS if question.key.startswith("found-6-")]
"""Found each time, and stored for long."""


class Plan(NamedTuple):
    """How long it lasts, how many clients there are, and what each pauses for between requests."""

    seconds: float
    clients: int
    pause_sec: float
    kills: int
    """At a time, about twice a second."""


SHORT = Plan(26, 60, 0.6, 1)
LONG_CLIENTS, LONG_PAUSE_SEC, LONG_KILLS = 300, 2.5, 3


def long_plan(seconds: float) -> Plan:
    """A plan with hundreds of handlers."""
    return Plan(seconds, LONG_CLIENTS, LONG_PAUSE_SEC, LONG_KILLS)


Step = tuple[float, str, tuple[Any, ...]]

_TROUBLES: dict[str, Callable[[random.Random], tuple[Any, ...]]] = {
    "purge_all": lambda _: (),
    "purge_endpoint": lambda generator: (generator.choice(list(PORTS)),),
    "purge_question": lambda generator: (generator.choice(LASTING),),
    "delete": lambda _: (),
    "copy": lambda _: (),
    "restore": lambda _: (),
    "damage": lambda _: (),
    "exchange": lambda _: (),
    "change_token": lambda generator: (generator.choice(TOKENS),),
    "suspend": lambda generator: (generator.choice((1, 3, 10)),),
}
"""What happens once in a while: the name of a method, and its arguments."""


def schedule(seed: str, plan: Plan) -> list[Step]:
    """What happens when: seconds since the beginning, the name of a method, its arguments."""
    generator = random.Random(seed)
    steps: list[Step] = []
    failures = generator.sample(FAILURES, len(FAILURES))
    for number, (begin, end) in enumerate(_spells(generator, plan.seconds, (1.5, 3.5), (2, 3.5))):
        how = failures[number % len(failures)]
        # So that requests fail by it that are sent when it has begun.
        longer = 1.0 if how == "frozen" else 0
        steps += [(begin, "fail", (how,)), (end + longer, "mend", ())]
    for begin, end in _spells(generator, plan.seconds, (5, 9), (1, 3)):
        steps += [(begin, "fill_disk", ()), (end, "free_disk", ())]
    for begin, end in _spells(generator, plan.seconds, (3, 6), (0.3, 1.5)):
        steps += [(begin, "set_clock", (generator.choice(JUMPS),)), (end, "set_clock", (0,))]
    steps += [(at, "kill", (plan.kills,)) for at in _moments(generator, plan.seconds, 0.3, 0.7)]
    bag: list[str] = []
    for at in _moments(generator, plan.seconds, 1.0, 2.0):
        bag = bag or generator.sample(list(_TROUBLES), len(_TROUBLES))
        name = bag.pop()
        steps.append((at, name, _TROUBLES[name](generator)))
    return sorted(steps, key=lambda step: step[0])


def _moments(
    generator: random.Random, seconds: float, least: float, most: float
) -> Iterator[float]:
    """One moment after another, so many seconds apart."""
    at = 1.0
    while (at := at + generator.uniform(least, most)) < seconds:
        yield at


def _spells(
    generator: random.Random,
    seconds: float,
    pause: tuple[float, float],
    length: tuple[float, float],
) -> Iterator[tuple[float, float]]:
    """The begin and end of one spell after another, with pauses between them."""
    end = 0.0
    while (begin := end + generator.uniform(*pause)) < seconds:
        end = begin + generator.uniform(*length)
        yield begin, end
