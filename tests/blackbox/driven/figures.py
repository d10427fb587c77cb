# SPDX-License-Identifier: MIT
"""What happened on a connection, in numbers: so that it is seen what was tried."""

from __future__ import annotations

from collections import Counter

from blackbox.driven.acts import FOUND
from blackbox.driven.points import LETTERS
from blackbox.driven.record import NEVER, Record
from blackbox.support import INVALID, NOT_FOUND, TIMED_OUT, UNREACHABLE, UNUSABLE_CONFIG

_WHERE = {
    LETTERS["idle"]: "bytes before exec",
    LETTERS["held"]: "bytes during exec",
    LETTERS["fresh"]: "bytes after exec",
}
"""By the last point that the handler had passed when bytes were sent."""


def figures_of(record: Record) -> Counter[str]:
    """How often what has happened."""
    found = Counter(_outcome(record.plan.mode, each.reply) for each in record.sent)
    found["connections"] = 1
    found[f"connections about {record.plan.theme}"] = 1
    found["requests"] = len(record.sent)
    found["replies"] = sum(each.reply is not None for each in record.sent)
    found["asked"] = len(record.said)
    found["answers"] = sum(each.act in FOUND for each in record.said)
    found["SIGTERM"] = record.terminated < NEVER
    found["aborted"] = record.aborted
    found["broken"] = bool(record.extra)
    found["changes"] = record.versions.count + record.tokens.count - 2
    found["package replaced"] = record.upgraded is not None
    found["hibernations"] = sum(each.letter == LETTERS["held"] for each in record.passed)
    found["hibernations with bytes around the exec"] = _met(record, found)
    return found


def _met(record: Record, found: Counter[str]) -> int:
    """Count the bytes that met a hibernation by where they did; returns how many were met."""
    met = set()
    for piece in record.pieces:
        before = [n for n, each in enumerate(record.passed) if each.at and each.at <= piece]
        last = before[-1] if before else 0
        has_slept = any(record.passed[n].letter == LETTERS["held"] for n in before)
        where = _WHERE.get(record.passed[last].letter) if before else None
        if where is not None and (has_slept or record.passed[last].letter == LETTERS["idle"]):
            found[where] += 1
            met.add(sum(record.passed[n].letter == LETTERS["ready"] for n in before))
    return len(met)


def _outcome(mode: str, reply: bytes | None) -> str:
    if reply is None:
        return "outcome none"
    named = {
        "invalid": INVALID,
        "timed out": TIMED_OUT,
        "unreachable": UNREACHABLE,
        "unusable configuration": UNUSABLE_CONFIG,
        "not found": NOT_FOUND,
    }
    for name, replies in named.items():
        if reply == replies.get(mode):
            return f"outcome {name}"
    is_found = reply.startswith((b"200 ", b"action=REJECT ")) or b":OK " in reply
    return "outcome found" if is_found else "outcome other"
