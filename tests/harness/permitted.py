# SPDX-License-Identifier: MIT
"""A model of which answers a handler may give, from what the backend granted and what happened.

    facts = Facts(timeout_sec=1)
    facts.grants.append(Grant(...)) and so on, in any order
    assert facts.fault(reply) == ""

It knows nothing of how answers are stored. All times are seconds of CLOCK_MONOTONIC, which every
process of the machine shares, those of its containers included. An interval is the time in which
something took place, so before its beginning it had not happened, and after its end it had.

A reply is right if what it says is what the backend granted for this key and token

- while the request was waiting, or
- less than max-age before the request, or
- less than max-age + stale-if-error before it, and the backend was known to fail;

and in the latter two cases not before a purge that had ended when the request came. An older copy
of the store that somebody has put in its place knows nothing of the purges before. A backend that
fails is known to until a request to it succeeds, or for as long as the pauses between two attempts
may last. A temporary failure is right if the backend failed meanwhile.

The model is generous where it cannot know: a request may have been looked at as soon as it was
sent, and what took place in an interval, at any time in it.
"""

from __future__ import annotations

import bisect
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

PAUSE_SEC = 30.0
"""The longest time for which nobody asks a backend that is known to fail."""

SUCCESSES = 25
"""After so many answers, the backend is not known to fail: one may have been lost with a handler
that was killed as soon as it had it."""


class Interval(NamedTuple):
    """From a time to another."""

    begin: float
    end: float

    def overlaps(self, begin: float, end: float) -> bool:
        """Whether they have a moment in common."""
        return self.begin <= end and begin <= self.end


class Question(NamedTuple):
    """What is asked: the endpoint, the name of the map if there are maps, and the key."""

    endpoint: str
    map_name: str
    key: str


class Grant(NamedTuple):
    """What the backend answered, and for how long it permits to use that."""

    question: Question
    token: str
    value: str | None
    """None for "not found". No other grant has the same value."""
    time: float
    max_age: float
    stale_if_error: float


class Reply(NamedTuple):
    """What a client was answered."""

    question: Question
    sent: float
    received: float
    value: str | None
    is_failure: bool = False


class Purge(NamedTuple):
    """The answers of an endpoint, or only those to one question, were forgotten."""

    when: Interval
    endpoint: str
    question: Question | None = None

    def concerns(self, question: Question) -> bool:
        """Whether it is among what was purged."""
        return question == self.question or (
            self.question is None and self.endpoint in ("", question.endpoint)
        )


class Restoring(NamedTuple):
    """A copy of the store, made in an interval, was put in the place of it in another one."""

    copied: Interval
    when: Interval


@dataclass
class Facts:
    """Everything that happened. Lists are complete when the first reply is judged."""

    timeout_sec: float
    grants: list[Grant] = field(default_factory=list)
    failing: list[Interval] = field(default_factory=list)
    """When the backend of all endpoints failed."""
    purges: list[Purge] = field(default_factory=list)
    restorings: list[Restoring] = field(default_factory=list)
    forgetting: list[Interval] = field(default_factory=list)
    """When handlers could not share what they learnt."""
    tokens: list[tuple[Interval, str]] = field(default_factory=list)
    """When each token was put into force; the first one at the beginning."""
    suspended: list[tuple[Interval, float]] = field(default_factory=list)
    """When time went on by so many seconds more."""

    def __post_init__(self) -> None:
        self._by_value: dict[str, Grant] = {}
        self._not_found: dict[tuple[Question, str], list[Grant]] = defaultdict(list)
        self._times: dict[str, list[float]] = defaultdict(list)
        self._outages: list[Interval] = []
        self._has_learnt = False

    def fault(self, reply: Reply) -> str:
        """What is wrong with a reply; empty if nothing is."""
        self._learn()
        if reply.is_failure:
            noticed = map(self._noticed, self.failing)
            is_excused = any(each.overlaps(reply.sent, reply.received) for each in noticed)
            return "" if is_excused else "it failed, and the backend did not"
        tokens = self._tokens_of(reply)
        if reply.value is not None:
            grant = self._by_value.get(reply.value)
            return self._fault_of(grant, tokens, reply)
        grants = [each for token in tokens for each in self._not_found[reply.question, token]]
        # The latest is usually the one.
        if any(self._why_not(each, reply) == "" for each in reversed(grants)):
            return ""
        return f"not found was not permitted: {len(grants)} grants at any time"

    def _learn(self) -> None:
        if self._has_learnt:
            return
        self._has_learnt = True
        for grant in sorted(self.grants, key=lambda grant: grant.time):
            self._times[grant.question.endpoint].append(grant.time)
            if grant.value is None:
                self._not_found[grant.question, grant.token].append(grant)
            else:
                self._by_value[grant.value] = grant
        self._outages = list(self._all_outages())

    def _tokens_of(self, reply: Reply) -> set[str]:
        """The tokens that were in force at some time during the request."""
        before = [each for each in self.tokens if each[0].end < reply.sent]
        during = [token for when, token in self.tokens if when.overlaps(reply.sent, reply.received)]
        return {token for _, token in before[-1:]} | set(during)

    def _fault_of(self, grant: Grant | None, tokens: set[str], reply: Reply) -> str:
        if grant is None:
            return "the backend never said this"
        if grant.question != reply.question:
            return f"it is the answer to {grant.question}"
        if grant.token not in tokens:
            return f"it is for the token {grant.token}, not for {tokens}"
        return self._why_not(grant, reply)

    def _why_not(self, grant: Grant, reply: Reply) -> str:
        """Why a grant for the same question and token is not what may be replied; or nothing."""
        if grant.time > reply.received:
            return "it is from the future"
        if grant.time >= reply.sent:
            return ""
        if self._is_purged(grant, reply):
            return "it had been purged"
        age = reply.sent - grant.time + self._suspended(grant.time, reply.sent)
        what = f"it was {age:.3f} s old, of {grant.max_age} + {grant.stale_if_error} s"
        if age < grant.max_age:
            return ""
        if age >= grant.max_age + grant.stale_if_error:
            return f"{what}: too old"
        return "" if self._is_known_to_fail(reply) else f"{what}, and the backend was well"

    def _suspended(self, begin: float, end: float) -> float:
        """The least by which time went on between two moments without the monotonic clock."""
        return sum(s for when, s in self.suspended if begin <= when.begin and when.end <= end)

    def _is_purged(self, grant: Grant, reply: Reply) -> bool:
        """Whether a purge had ended that removed it, from all copies that may have been in use."""
        purges = [each for each in self.purges if each.concerns(grant.question)]

        def is_removed(since: float) -> bool:
            return any(since < each.when.begin and each.when.end < reply.sent for each in purges)

        if not is_removed(grant.time):
            return False
        return all(is_removed(since) for since in self._came_back(grant, reply))

    def _came_back(self, grant: Grant, reply: Reply) -> Iterator[float]:
        """When the store was replaced by a copy that may have had it."""
        for each in self.restorings:
            if grant.time < each.copied.end and each.when.begin < reply.received:
                yield each.when.begin

    def _noticed(self, failing: Interval) -> Interval:
        """When requests could fail that were sent while the backend failed."""
        return Interval(failing.begin, failing.end + self.timeout_sec)

    def _is_known_to_fail(self, reply: Reply) -> bool:
        """Whether a handler might have known so at some time during the request."""
        times = self._times[reply.question.endpoint]
        for begin, end in self._outages:
            if begin > reply.received or reply.sent > end + PAUSE_SEC:
                continue
            first = bisect.bisect_right(times, end)
            succeeded = bisect.bisect_left(times, reply.sent) - first
            is_shared = not any(each.overlaps(begin, reply.sent) for each in self.forgetting)
            if succeeded < SUCCESSES or not is_shared:
                return True
        return False

    def _all_outages(self) -> Iterator[Interval]:
        """When failures could be noticed, and when a copy of the store told of one again."""
        for failing in self.failing:
            noticed = self._noticed(failing)
            yield noticed
            for each in self.restorings:
                if noticed.overlaps(each.copied.begin - PAUSE_SEC, each.copied.end):
                    yield each.when
