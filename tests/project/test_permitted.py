# SPDX-License-Identifier: MIT
"""The model that judges replies under torture: it notices each kind of wrong one, no right one."""

import pytest

from harness.permitted import (
    PAUSE_SEC,
    SUCCESSES,
    Facts,
    Grant,
    Interval,
    Purge,
    Question,
    Reply,
    Restoring,
)

KEY = Question("boxes", "one", "key")
OTHER = Question("boxes", "two", "key")


def facts(**given: object) -> Facts:
    """At 100, KEY was granted a value for 2 s and 10 s more, OTHER was not found."""
    grants = [
        Grant(KEY, "token", "value", 100, 2, 10),
        Grant(OTHER, "token", None, 100, 2, 10),
        Grant(KEY, "token", "brief", 100, 0, 0),
        Grant(OTHER, "old", "of old", 101, 2, 10),
    ]
    tokens = [(Interval(0, 1), "old"), (Interval(50, 51), "token")]
    return Facts(timeout_sec=1, **{"grants": grants, "tokens": tokens, **given})


def reply(at: float, value: str | None = "value", question: Question = KEY) -> Reply:
    """A reply to a request that was sent AT, a tenth of a second later."""
    return Reply(question, at, at + 0.1, value)


def failed(at: float) -> Reply:
    """A temporary failure."""
    return Reply(KEY, at, at + 0.1, "400 down", is_failure=True)


FAILING = {"failing": [Interval(103, 104)]}
COPIED = Interval(100.1, 100.2)
PURGED = Purge(Interval(100.5, 100.6), "")

RIGHT = {
    "from the backend": (reply(99.95), {}),
    "from the backend, not to be kept": (reply(99.95, "brief"), {}),
    "fresh": (reply(101.9), {}),
    "fresh not found": (reply(101.9, None, OTHER), {}),
    "stale in an outage": (reply(103.5), FAILING),
    "stale not found in an outage": (reply(103.5, None, OTHER), FAILING),
    "stale while nobody has asked again": (reply(111.9), FAILING),
    "a failure": (failed(103.5), FAILING),
    "a failure of a request that waited": (failed(104.9), FAILING),
    "in the middle of a purge": (reply(100.55), {"purges": [PURGED]}),
    "after a purge of another endpoint": (
        reply(101),
        {"purges": [Purge(PURGED.when, "domains"), Purge(PURGED.when, "boxes", OTHER)]},
    ),
    "asked during the purge": (
        reply(101),
        {"purges": [Purge(Interval(99.9, 100.6), "boxes")]},
    ),
    "purged, and back with a copy": (
        reply(101),
        {"purges": [PURGED], "restorings": [Restoring(COPIED, Interval(100.7, 100.8))]},
    ),
    "an outage that came back with a copy": (
        reply(109, "value"),
        {
            "failing": [Interval(100, 100.05)],
            "grants": [
                Grant(KEY, "token", "value", 100, 2, 10),
                *(Grant(KEY, "token", f"{n}", 102, 0, 0) for n in range(SUCCESSES)),
            ],
            "restorings": [Restoring(COPIED, Interval(108, 108.1))],
        },
    ),
    "the token changes": (reply(101.05, "of old", OTHER), {"tokens": [
        (Interval(0, 1), "old"), (Interval(101.1, 101.2), "token"),
    ]}),
}  # fmt: skip

SUCCEEDED = [Grant(KEY, "token", f"{number}", 105.5, 0, 0) for number in range(SUCCESSES)]
VALUE = Grant(KEY, "token", "value", 100, 2, 10)

WRONG = {
    "never said": (reply(101, "another"), {}, "never said"),
    "never said not found": (reply(101, None), {}, "not found was not permitted"),
    "not found too old": (reply(103, None, OTHER), {}, "not found was not permitted"),
    "of another key": (reply(101, "value", OTHER), {}, "answer to"),
    "of another token": (reply(102, "of old", OTHER), {}, "for the token old"),
    "not to be kept": (reply(100.01, "brief"), {}, "too old"),
    "stale without an outage": (reply(102.1), {}, "the backend was well"),
    "stale before the outage": (reply(102.1), FAILING, "the backend was well"),
    "too old in an outage": (reply(112.1), {"failing": [Interval(112, 113)]}, "too old"),
    "stale, long after an outage": (
        reply(110),
        {"failing": [Interval(109 - PAUSE_SEC, 108.9 - PAUSE_SEC)]},
        "the backend was well",
    ),
    "stale after the backend has answered": (
        reply(106),
        {**FAILING, "grants": [VALUE, *SUCCEEDED]},
        "the backend was well",
    ),
    "too old, as the machine was suspended": (
        reply(101),
        {"suspended": [(Interval(100.5, 100.6), 12)]},
        "too old",
    ),
    "a failure for no reason": (failed(102), FAILING, "the backend did not"),
    "a failure for no reason any more": (failed(105.1), FAILING, "the backend did not"),
    "purged": (reply(101), {"purges": [PURGED]}, "purged"),
    "its question purged": (
        reply(101),
        {"purges": [Purge(PURGED.when, "boxes", KEY)]},
        "purged",
    ),
    "purged after a copy came back": (
        reply(101.5),
        {
            "purges": [Purge(Interval(101, 101.1), "boxes")],
            "restorings": [Restoring(COPIED, Interval(100.7, 100.8))],
        },
        "purged",
    ),
    "purged, and not in the copy": (
        reply(101.5),
        {
            "purges": [PURGED],
            "restorings": [Restoring(Interval(99, 99.5), Interval(100.7, 100.8))],
        },
        "purged",
    ),
    "from the future": (reply(98, "value"), {}, "future"),
}


@pytest.mark.parametrize("case", RIGHT)
def test_right(case: str) -> None:
    """What is permitted has no fault."""
    given, happened = RIGHT[case]
    assert facts(**happened).fault(given) == ""


@pytest.mark.parametrize("case", WRONG)
def test_wrong(case: str) -> None:
    """What is not permitted has a fault, which is told."""
    given, happened, words = WRONG[case]
    assert words in facts(**happened).fault(given)


def test_nothing_is_known_of_successes_that_are_not_shared() -> None:
    """While handlers could not write down what they learnt, successes of others do not count."""
    happened = {**FAILING, "grants": [VALUE, *SUCCEEDED], "forgetting": [Interval(104, 105)]}
    assert facts(**happened).fault(reply(106)) == ""
