# SPDX-License-Identifier: MIT
"""What is right in the handler's log: one line for each request, which tells its outcome."""

from __future__ import annotations

import re
from collections import Counter

from blackbox.driven.record import Record
from blackbox.support import (
    INVALID,
    NOT_FOUND,
    TIMED_OUT,
    UNREACHABLE,
    UNUSABLE_CONFIG,
    server_error,
    temporary_user_error,
    unspecified,
    user_error,
)

from harness.modes import MODES, POLICY

_UNUSABLE = "the configuration cannot be used, every request gets a temporary error"
_SECRET = "secret-"  # the tokens begin with it

_WORDS = {
    replies[mode]: words
    for words, many in {
        "invalid data": [INVALID],
        "timed out": [TIMED_OUT],
        "backend unreachable": [UNREACHABLE],
        "backend failed": [server_error(500), server_error(503)],
        "unexpected status from the backend": [unspecified(302)],
        "refused by the backend": [
            *(user_error(403), user_error(404)),
            *(temporary_user_error(403), temporary_user_error(404)),
        ],
    }.items()
    for replies in many
    for mode in MODES
} | dict.fromkeys(NOT_FOUND.values(), "not found")


def faults_of_log(record: Record) -> list[str]:
    """Everything that is wrong in the log."""
    found = [f"in the log: {text!r}" for text in (_SECRET, ".py:") if text in record.log]
    lines = record.log.splitlines()
    expected: Counter[str] = Counter()
    most: Counter[str] = Counter()
    unusable = UNUSABLE_CONFIG[record.plan.mode]
    for sent in record.sent:
        is_excused = sent.reply == unusable
        expected[sent.ask.key] += sent.reply is not None and not is_excused
        most[sent.ask.key] += not is_excused
        if sent.reply is not None and not is_excused:
            words = _words_of(record.plan.mode, sent.reply)
            if not any(words in line for line in _lines_of(sent.ask.key, lines)):
                found.append(f"no line of the log says of {sent.ask.key}: {words}")
    for key in most:
        count = len(_lines_of(key, lines))
        if not expected[key] <= count <= most[key]:
            found.append(f"{count} lines in the log about {key}")
    excused = sum(sent.reply == unusable for sent in record.sent)
    unread = sum(sent.reply is None for sent in record.sent)
    counted = _counted(lines)
    if not excused <= counted <= excused + unread:
        found.append(f"{counted} requests without a configuration, by the log; {excused} replies")
    return [*found, record.log] if found else []


def _lines_of(key: str, lines: list[str]) -> list[str]:
    return [line for line in lines if re.search(rf"\b{key}\b", line) and " ms)" in line]


def _words_of(mode: str, reply: bytes) -> str:
    return f": {_WORDS.get(reply, 'action REJECT' if mode == POLICY else 'found')}"


def _counted(lines: list[str]) -> int:
    """How many requests the lines about an unusable configuration are about."""
    total = 0
    for line in lines:
        if _UNUSABLE in line:
            count = re.search(r" \((\d+) requests\): ", line)
            total += int(count[1]) if count else 1
    return total
