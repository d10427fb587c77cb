# SPDX-License-Identifier: MIT
"""What happened on one connection, as far as its client, its files and its backends saw it."""

from __future__ import annotations

from dataclasses import dataclass, field

from blackbox.driven.acts import Said
from blackbox.driven.plan import Ask, Plan
from blackbox.driven.points import Passed
from blackbox.driven.timeline import Timeline
from blackbox.support import netstring

from harness.modes import POLICY, SOCKETMAP, TCP

NEVER = float("inf")


@dataclass
class Sent:
    """A request that the client has sent, or a part of it; times are monotonic.

    `left` is what was not sent yet. `began` and `ended` are moments before its first and its last
    byte were sent.
    """

    ask: Ask
    left: bytes
    began: float = NEVER
    ended: float = NEVER
    received: float = NEVER
    reply: bytes | None = None
    must_be_new: bool = False


@dataclass
class Record:
    """Everything that the model judges."""

    plan: Plan
    versions: Timeline
    tokens: Timeline
    sent: list[Sent] = field(default_factory=list)
    extra: list[bytes] = field(default_factory=list)
    """Replies beyond one for each request."""
    rest: bytes = b""
    """Bytes that are not a whole reply."""
    said: list[Said] = field(default_factory=list)
    passed: list[Passed] = field(default_factory=list)
    upgraded: tuple[float, float] | None = None
    terminated: float = NEVER
    left: float = NEVER
    """When the client closed its end, or the sending half of it, without waiting for replies."""
    aborted: bool = False
    ended_at: float = NEVER
    """When the client saw that the handler had closed the connection."""
    slowest_upgrade: float = 0.0
    """How long half of the package was old and half new."""
    status: int | None = None
    log: str = ""
    pieces: list[float] = field(default_factory=list)
    """When bytes were sent."""

    @property
    def has_ended(self) -> bool:
        """Has the handler closed the connection?"""
        return self.ended_at < NEVER


def next_frame(mode: str, data: bytes) -> bytes | None:
    """The first whole reply in DATA."""
    if mode == SOCKETMAP:
        digits, colon, _ = data.partition(b":")
        length = len(digits) + 1 + int(digits) + 1 if colon and digits.isdigit() else len(data) + 1
        return data[:length] if len(data) >= length else None
    end = {TCP: b"\n", POLICY: b"\n\n"}[mode]
    length = data.find(end) + len(end)
    return data[:length] if end in data else None


def request_of(mode: str, key: str) -> bytes:
    """The bytes of a request."""
    if mode == TCP:
        return f"get {key}\n".encode()
    if mode == SOCKETMAP:
        return netstring(f"map {key}".encode())
    return (
        f"request=smtpd_access_policy\nprotocol_state=RCPT\nsender={key}@example.org\n"
        f"instance={key}\n\n"
    ).encode()
