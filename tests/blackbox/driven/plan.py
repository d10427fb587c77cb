# SPDX-License-Identifier: MIT
"""What happens on one connection: a plan, which comes from its seed alone.

A plan is a list of rounds and an end. In each round, the client sends some requests; what else
happens before, meanwhile and afterwards is in the round. Nothing here depends on time, on the
machine, or on what the handler does.
"""

from __future__ import annotations

import random
from typing import NamedTuple

from blackbox.driven.acts import AFTER_ALL, FAILURES, OUTAGES, USUAL

from harness.modes import LOOKUPS, MODES, POLICY

AWAKE, DEEP, SWEEP = "awake", "deep", "sweep"
IDLE, HELD, FRESH, READY = "idle", "held", "fresh", "ready"
POINTS = (IDLE, HELD, FRESH, READY)
"""The points around an exec at which a handler can be stopped (points.py)."""

BREAKS = ("cut", "emptied", "missing", "misspelt")
PERMISSIONS = (
    *("", "no-store", "max-age=600", "max-age=600, stale-if-error=600"),
    "max-age=0, stale-if-error=600",
)
TERMS = ("before", "between", "after", "in flight", "idle")
"""When SIGTERM comes: before or after all bytes of the last round, after its first ones, while the
backend has a request, after the replies. On a connection that is stuffed: when nothing fits in."""

READINGS = ("at once", "at once", "at once", "bytewise", "late")
ENDS = ("close", "half-close", "abort", "abort in flight", "part", "broken")


class Ask(NamedTuple):
    """One request: its key, what each target does about it, and what it permits to store."""

    key: str
    acts: tuple[str, ...]
    permission: str


class Change(NamedTuple):
    """A change of "config", "token" or "package": how it is written, and how it is broken if it is.

    The package is replaced at once, or (`broken` is "half") with what comes next in the middle.
    """

    what: str
    writer: int
    broken: str = ""


class Round(NamedTuple):
    """Some requests, and what happens around them.

    Attributes:
        moment: where the handler is when the bytes begin to arrive: AWAKE, at one of POINTS, DEEP
            in hibernation, or wherever it is after `offset` parts of its idle time (SWEEP).
        early: the part of the pieces that arrive while the handler is stopped at a point.
        changes: before the bytes, but after the handler has arrived at the moment.
        cuts: where the bytes are cut into pieces, as parts of the whole.
        gap_ms: between pieces.
        during: changes while the backend has the first request, whose act is "held" then.
        stop: "" or when SIGSTOP comes; SIGCONT follows: "sending" all bytes, "in flight".
        reading: "at once", "bytewise" or "late": not before the bytes of the next round are sent.
        term: "", one of TERMS, or "stuffed".
    """

    asks: tuple[Ask, ...]
    moment: str = AWAKE
    offset: float = 0.0
    early: float = 1.0
    changes: tuple[Change, ...] = ()
    cuts: tuple[float, ...] = ()
    gap_ms: float = 0.0
    during: tuple[Change, ...] = ()
    stop: str = ""
    reading: str = "at once"
    term: str = ""


class Plan(NamedTuple):
    """The circumstances of a connection, its rounds and its end.

    Attributes:
        ends: what the connection consists of: "sockets", "tcp" or "pipes".
        is_stuffed: the client's end takes one large reply only, and nobody reads for long.
        is_plain: the handler has no points; it hibernates after a second.
        timeout_ms: request-timeout.
        end: one of ENDS, if the last round has no `term`.
    """

    seed: int
    theme: str
    mode: str
    ends: str
    targets: int
    timeout_ms: int
    is_stuffed: bool
    is_plain: bool
    shares: bool
    failure_action: str
    rounds: tuple[Round, ...]
    end: str


THEMES = {
    "plain": 20,
    "changes": 30,
    "cache": 14,
    "targets": 12,
    "package": 6,
    "silent": 5,
    "stuffed": 6,
    "unaltered": 7,
}
"""So many of a hundred connections are about this."""

LONG_MS, SHORT_MS = 30_000, 400
"""A request-timeout that no machine reaches, and one that a test can wait for."""


def plan_of(seed: int) -> Plan:
    """The plan that a seed stands for."""
    return _Planner(seed).plan()


class _Planner:
    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        self.theme = self.random.choices(list(THEMES), list(THEMES.values()))[0]
        self.mode = self.random.choice(LOOKUPS if self.theme == "cache" else MODES)
        self.targets = 1
        if self.theme == "targets" or (self.theme == "cache" and self.chance(0.3)):
            self.targets = 2
        self.is_plain = self.theme == "unaltered"
        self.numbers = 0

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def plan(self) -> Plan:
        stuffed = self.theme == "stuffed"
        rounds = [self.first()] if stuffed else [self.round(0)]
        count = 1 if stuffed else self.random.choice((1, 2, 2, 3, 3, 4))
        rounds += [self.round(number) for number in range(1, count)]
        end = self.random.choice(("abort", "abort", "close") if stuffed else ENDS)
        if self.chance(0.4):
            rounds[-1] = self.last(rounds[-1], "", is_first=len(rounds) == 1)
        else:
            rounds[-1] = self.last(rounds[-1], end, is_first=len(rounds) == 1)
        return Plan(
            self.seed,
            self.theme,
            self.mode,
            self.random.choice(("sockets", "tcp", "tcp", "pipes")),
            self.targets,
            SHORT_MS if self.theme == "silent" else LONG_MS,
            stuffed,
            self.is_plain,
            self.theme == "cache" or (self.targets > 1 and self.chance(0.5)),
            "close" if self.mode == POLICY and self.chance(0.1) else "",
            tuple(rounds),
            end,
        )

    def first(self) -> Round:
        """More large replies than the client's end takes."""
        return Round(tuple(self.ask("big") for _ in range(self.random.randint(8, 12))))

    def round(self, number: int) -> Round:
        moment = self.moment(number)
        count = self.random.choice((1, 1, 1, 2, 3, 5))
        asks = [self.ask() for _ in range(count)]
        if self.theme == "cache":  # the same keys again, but each once in a round
            asks = list({ask.key: ask for ask in asks}.values())
        return Round(
            tuple(asks),
            moment,
            self.random.uniform(0.3, 4) if not self.is_plain else self.random.uniform(0.94, 1.15),
            self.random.choice((0.0, 0.5, 1.0, 1.0)),
            self.changes(before=True),
            tuple(sorted(self.random.random() for _ in range(self.random.choice((0, 0, 1, 2, 6))))),
            self.random.choice((0.0, 0.0, 1.0, 4.0)),
            (),
            "sending" if self.chance(0.08) else "",
            self.random.choice(READINGS[: 4 if self.theme == "cache" else 5]),
        )._replace(**self.flight(asks))

    def flight(self, asks: list[Ask]) -> dict[str, object]:
        """Something may happen while the backend has a request."""
        if self.theme not in ("plain", "changes", "package") or not self.chance(0.35):
            return {}
        held = asks[0]._replace(acts=("held",))
        fields: dict[str, object] = {"asks": (held, *asks[1:])}
        fields["during"] = self.changes(before=False)
        if self.chance(0.3):
            fields["stop"] = "in flight"
        return fields

    def moment(self, number: int) -> str:
        if self.is_plain:
            return SWEEP if number else AWAKE
        if self.theme == "package":
            return self.random.choice((AWAKE, DEEP, IDLE)) if number else READY
        if not number:
            return self.random.choice((AWAKE, AWAKE, FRESH, READY))
        return self.random.choice((AWAKE, AWAKE, AWAKE, SWEEP, SWEEP, DEEP, *POINTS))

    def ask(self, act: str = "") -> Ask:
        self.numbers += 1
        number = self.random.randint(1, 3) if self.theme == "cache" else self.numbers
        acts = [act] if act else [self.act(target) for target in range(self.targets)]
        permission = self.random.choice(PERMISSIONS) if self.theme == "cache" else ""
        return Ask(f"k{self.seed}n{number}", tuple(acts), permission)

    def act(self, target: int) -> str:
        if self.targets > 1 and target == 0 and self.chance(0.6):
            return self.random.choice(sorted(OUTAGES - {"silent", "stalls"}))
        if self.theme == "silent" and self.chance(0.5):
            return self.random.choice(("silent", "stalls"))
        if self.theme == "cache" and self.chance(0.5):
            return "found"
        if self.chance(0.3):
            return self.random.choice(FAILURES)
        return self.random.choice(AFTER_ALL if self.chance(0.3) else USUAL)

    def changes(self, *, before: bool) -> tuple[Change, ...]:
        """What changes before the bytes of a round, or while the backend has its first request."""
        if self.theme == "package":
            return (self.upgrade(),) if self.chance(0.6) else ()
        share = {"changes": 0.75, "cache": 0.25, "targets": 0.15, "unaltered": 0.5}.get(self.theme)
        if share is None or not self.chance(share if before else 0.8):
            return ()
        return tuple(self.change() for _ in range(self.random.choice((1, 1, 2, 3))))

    def upgrade(self) -> Change:
        return Change("package", 0, self.random.choice(("", "half")))

    def change(self) -> Change:
        what = self.random.choice(("config", "token", "token"))
        broken = self.random.choice(BREAKS) if self.chance(0.25) else ""
        return Change(what, self.random.randrange(3), broken)

    def last(self, final: Round, end: str, *, is_first: bool) -> Round:
        """The last round: with SIGTERM, or one that fits to the end."""
        final = final._replace(reading="at once")
        if end == "abort in flight":
            acts = ("held",) * self.targets
            return final._replace(asks=(final.asks[0]._replace(acts=acts), *final.asks[1:]))
        if end:
            return final
        term = "stuffed" if self.theme == "stuffed" else self.random.choice(TERMS)
        if is_first and self.is_plain:
            term = "idle"  # its start is not seen, and Python itself ends at a SIGTERM then
        if is_first and final.moment == FRESH:
            final = final._replace(moment=READY)
        if term == "in flight":
            acts = ("held",) * self.targets
            final = final._replace(asks=(final.asks[0]._replace(acts=acts), *final.asks[1:]))
        if term == "between" and not final.cuts:
            final = final._replace(cuts=(self.random.random(),), gap_ms=2.0)
        return final._replace(term=term)
