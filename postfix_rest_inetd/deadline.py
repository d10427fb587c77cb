# SPDX-License-Identifier: MIT
"""A deadline: the point in time by which a request must have been answered.

A timeout limits a single system call, and a backend that sends a byte now and then never exceeds
it. So all code that waits asks the deadline for the remaining time just before it waits. A
computation cannot be interrupted. Its input is limited (max-response-bytes), and the deadline is
checked again when the reply is ready.

All code that waits has the deadline at hand. So a caller that wants to see what happens meanwhile
gives it a Trace. A handler does not.
"""

from __future__ import annotations

from time import monotonic

from .errors import DeadlineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Trace(Protocol):
        """Sees how a request is answered. What a method raises ends the request."""

        def stage(self, name: str) -> None:
            """Something begins that takes time, such as `connecting to 127.0.0.1 port 80`."""

        def sent(self, data: bytes) -> None:
            """A request goes to the backend, as it is without TLS; it may come to be sent again."""

        def received(self, data: bytes) -> None:
            """A piece of a response has come, as it is without TLS; at least one byte."""

        def status(self, status: int) -> None:
            """A response is complete, and this is its HTTP status."""


class Deadline:
    """A point in time, `timeout_sec` seconds after its creation, on the monotonic clock.

    Attributes:
        stage: what is being waited for; it is named in the error.
        trace: what sees the stages, and what is sent and received; None for nothing.
    """

    __slots__ = ("_at", "_timeout_sec", "stage", "trace")

    def __init__(self, timeout_sec: float, trace: Trace | None = None) -> None:
        """Start now."""
        self._timeout_sec = timeout_sec
        self.trace = trace
        self._at = monotonic() + timeout_sec
        self.stage = "starting"

    def enter(self, stage: str) -> None:
        """Begin a stage, which ends the one before."""
        self.stage = stage
        if self.trace is not None:
            self.trace.stage(stage)

    def expired(self) -> bool:
        """Has the point in time passed?"""
        return monotonic() >= self._at

    def remaining_sec(self) -> float:
        """The remaining seconds, a positive number.

        Raises:
            DeadlineError: no time is left.
        """
        remaining = self._at - monotonic()
        if remaining <= 0:
            raise self.error()
        return remaining

    def error(self) -> DeadlineError:
        """The error with the stage in which the deadline passed."""
        milliseconds = round(self._timeout_sec * 1000)
        return DeadlineError(
            f"the request-timeout of {milliseconds} ms passed while {self.stage}; is the backend "
            "overloaded, or request-timeout too short?"
        )
