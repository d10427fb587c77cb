# SPDX-License-Identifier: MIT
"""The record of one question: the steps with their times, and the bytes.

A step lasts until the next one begins. mask() hides the secrets in the recorded bytes: the values
of the header fields that may hold one, and the token wherever else it appears. It is called when
the record is complete, because a secret may be split between two pieces.
"""

from __future__ import annotations

from time import monotonic_ns
from typing import NamedTuple

MASK = b"********"
SHORTEST_SECRET = 6
"""A shorter token could be a part of ordinary words; in its own header it is always masked."""

_HEAD_END = b"\r\n\r\n"


class Step(NamedTuple):
    """A step, and how long it took."""

    name: str
    usec: int


class Bytes(NamedTuple):
    """Bytes that were sent or, if `sent` is false, received; `name` says what they are."""

    name: str
    sent: bool
    data: bytes


class Record:
    """The course of one question.

    Attributes:
        outcome: one of model.py; empty if only the reply is known.
    """

    def __init__(self) -> None:
        """Nothing has happened yet."""
        self.steps: list[Step] = []
        self.traffic: list[Bytes] = []
        self.notes: list[tuple[str, str]] = []
        self.outcome = ""
        self._name = ""
        self._began = self._step_began = monotonic_ns()

    def begin(self, name: str) -> None:
        """A step begins, and the one before is over."""
        now = monotonic_ns()
        if self._name:
            self.steps.append(Step(self._name, (now - self._step_began) // 1000))
        self._name, self._step_began = name, now

    def end(self) -> None:
        """The last step is over."""
        self.begin("")

    @property
    def total_usec(self) -> int:
        """How long all steps took."""
        return sum(step.usec for step in self.steps)

    def saw(self, name: str, data: bytes, *, sent: bool) -> None:
        """Bytes were sent or received; pieces that are received one after the other are joined.

        What is sent is complete, perhaps for another time or to another target. It stays apart,
        because mask() looks for secrets in one head.
        """
        if not sent and self.traffic and self.traffic[-1][:2] == (name, sent):
            data = self.traffic.pop().data + data
        self.traffic.append(Bytes(name, sent, data))

    def mask(self, names: set[bytes], secret: bytes) -> None:
        """Hide the values of the header fields `names` (lower case), and the secret."""
        self.traffic = [
            piece._replace(data=masked(piece.data, names, secret)) for piece in self.traffic
        ]

    def note(self, label: str, text: str) -> None:
        """Add something else that the operator may need to know."""
        self.notes.append((label, text))


def masked(data: bytes, names: set[bytes], secret: bytes) -> bytes:
    """HTTP bytes without the values of the header fields `names` (lower case) and the secret."""
    head, end, body = data.partition(_HEAD_END)
    if end:
        lines = head.split(b"\r\n")
        for index, line in enumerate(lines[1:], 1):
            name, colon, _ = line.partition(b":")
            if colon and name.strip().lower() in names:
                lines[index] = name + b": " + MASK
        head = b"\r\n".join(lines)
    whole = head + end + body
    return whole.replace(secret, MASK) if len(secret) >= SHORTEST_SECRET else whole
