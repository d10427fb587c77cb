# SPDX-License-Identifier: MIT
"""A deadline: the point in time by which a request must have been answered.

The timeout of a socket limits a single system call, and a backend that sends a byte now and then
never exceeds it. So code that waits asks the deadline for the remaining time just before each wait.
A computation cannot be interrupted. So its input is limited (max-response-bytes), and the deadline
is checked again when the reply is ready.

All code that waits has access to the deadline. A caller that wants to observe a request therefore
attaches a Trace to its deadline. Handlers do not.
"""

from __future__ import annotations

from time import monotonic

from .errors import DeadlineError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    class Trace(Protocol):
        """Observes how a request is answered. An exception in a method ends the request."""

        def stage(self, name: str) -> None:
            """A stage begins, such as `connecting to 127.0.0.1 port 80`."""

        def sent(self, data: bytes) -> None:
            """A request is sent to the backend, perhaps again; `data` is not encrypted."""

        def received(self, data: bytes) -> None:
            """At least one byte of a response has arrived; `data` is not encrypted."""

        def status(self, status: int) -> None:
            """A response is complete and has this HTTP status."""


class Deadline:
    """A point in time, `timeout_sec` seconds after its creation, on the monotonic clock.

    Attributes:
        stage: what the request is waiting for; the error names it.
        trace: the observer of the request, or None.
    """

    __slots__ = ("_at", "_is_part", "_timeout_sec", "stage", "trace")

    def __init__(self, timeout_sec: float, trace: Trace | None = None) -> None:
        """Start now."""
        self._timeout_sec = timeout_sec
        self._is_part = False
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

    def part(self, share: float) -> Deadline:
        """An earlier deadline, for an attempt that may use this share of the remaining time."""
        part = Deadline(max(0.0, self._at - monotonic()) * share, self.trace)
        part._is_part = True
        return part

    def error(self) -> DeadlineError:
        """The error with the stage in which the deadline passed."""
        milliseconds = round(self._timeout_sec * 1000)
        what = "this target's share" if self._is_part else "the request-timeout"
        return DeadlineError(
            f"{what} of {milliseconds} ms passed while {self.stage}; is the backend "
            "overloaded, or request-timeout too short?"
        )
