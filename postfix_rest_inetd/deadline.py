# SPDX-License-Identifier: MIT
"""A deadline: the point in time by which a request must have been answered.

A timeout bounds a single system call, and a backend that sends a byte now and then never exceeds
it. So everything that waits asks the deadline for the time that is left just before it waits. What
computes cannot be interrupted: how much it gets to do is bounded (max-response-bytes), and it is
looked at once more when the reply is there.
"""

from __future__ import annotations

from time import monotonic

from .errors import DeadlineError


class Deadline:
    """A point in time, `timeout_sec` seconds after its creation, on the monotonic clock.

    Attributes:
        stage: what is being waited for; it is named in the error.
    """

    __slots__ = ("_at", "_timeout_sec", "stage")

    def __init__(self, timeout_sec: float) -> None:
        """Start now."""
        self._timeout_sec = timeout_sec
        self._at = monotonic() + timeout_sec
        self.stage = "starting"

    def expired(self) -> bool:
        """Has the point in time passed?"""
        return monotonic() >= self._at

    def remaining_sec(self) -> float:
        """The seconds that are left: always positive.

        Raises:
            DeadlineError: nothing is left.
        """
        remaining = self._at - monotonic()
        if remaining <= 0:
            raise self.error()
        return remaining

    def error(self) -> DeadlineError:
        """The error that tells in which stage the time ran out."""
        milliseconds = round(self._timeout_sec * 1000)
        return DeadlineError(
            f"the request-timeout of {milliseconds} ms passed while {self.stage}; is the backend "
            "overloaded, or request-timeout too short?"
        )
