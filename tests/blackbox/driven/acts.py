# SPDX-License-Identifier: MIT
"""What a backend does about a request, by name, and what the reply to Postfix is then.

Where the backend has an answer, its text tells which request it is for, by which configuration and
token it was asked, and which of all answers it is (Said.text). So a reply tells the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import NamedTuple

from blackbox.support import (
    INVALID,
    NOT_FOUND,
    TIMED_OUT,
    UNREACHABLE,
    netstring,
    server_error,
    unspecified,
    user_error,
)

from harness.modes import POLICY, SOCKETMAP, TCP
from harness.scripted_backend import (
    Connection,
    chunked,
    drip,
    response,
    send,
    send_and_close,
    send_and_reset,
    send_then_silence,
)


class Said(NamedTuple):
    """A request as a backend got it, and what it said."""

    serial: int
    at: float
    key: str
    act: str
    target: int
    version: int
    token: int
    is_new_package: bool
    permission: str

    def text(self, mode: str) -> str:
        """The text of the answer; the replies to it have no character that is encoded.

        A big one is nearly as large as Postfix takes, or fits into no buffer.
        """
        facts = f"{self.key}.v{self.version}.t{self.token}.b{self.target}.s{self.serial}"
        pairs = 12_000 if mode == SOCKETMAP else 1800
        return facts + ".x" * (pairs if self.act == "big" else 0)

    def body(self, mode: str) -> bytes:
        """The body of the response."""
        text = self.text(mode)
        return f"REJECT {text}".encode() if mode == POLICY else json.dumps([text]).encode()

    def reply(self, mode: str) -> bytes:
        """The reply of a handler."""
        text = self.text(mode)
        if mode == TCP:
            return f"200 {text}\n".encode()
        if mode == POLICY:
            return f"action=REJECT {text}\n\n".encode()
        return netstring(f"OK {text}".encode())


def _permission(said: Said) -> list[bytes]:
    return [b"Cache-Control: " + said.permission.encode()] if said.permission else []


def _found(said: Said, mode: str) -> bytes:
    return response(200, said.body(mode), *_permission(said))


def _halves(said: Said, mode: str) -> bytes:
    return _found(said, mode)[:-3]


def _close_soon(said: Said, mode: str) -> Callable[[Connection], None]:
    """Answer, and close when the handler may be about to send its next request."""

    def step(connection: Connection) -> None:
        connection.send(_found(said, mode))
        connection.backend.stopping.wait(said.serial % 7 / 1000)
        connection.close()

    return step


def _unusable(_said: Said, mode: str) -> bytes:
    return response(200, b"451" if mode == POLICY else b'{"a": 1}')


def _chunks(said: Said, mode: str) -> tuple[bytes, ...]:
    body = said.body(mode)
    return body[:1], body[1:9], body[9:]


_Step = Callable[[Connection], None]

_STEPS: dict[str, Callable[[Said, str], _Step]] = {
    "found": lambda said, mode: send(_found(said, mode)),
    "big": lambda said, mode: send(_found(said, mode)),
    "held": lambda said, mode: send(_found(said, mode)),
    "chunked": lambda said, mode: send(chunked(*_chunks(said, mode))),
    "drip": lambda said, mode: drip(
        _found(said, mode)[20:], at_once=_found(said, mode)[:20], interval_sec=0.0003
    ),
    "close after": lambda said, mode: send_and_close(_found(said, mode)),
    "close soon": _close_soon,
    "404": lambda said, _: send(response(404, b"", *_permission(said))),
    "empty": lambda _, mode: send(response(200, b"" if mode == POLICY else b"[]")),
    "403": lambda *_: send(response(403)),
    "500": lambda *_: send(response(500)),
    "503": lambda *_: send_and_close(response(503, b"", b"Connection: close")),
    "302": lambda *_: send(response(302, b"", b"Location: /elsewhere")),
    "unusable": lambda said, mode: send(_unusable(said, mode)),
    "garbage": lambda *_: send_and_close(b"SSH-2.0-OpenSSH\r\n\r\n"),
    "hang up": lambda *_: send_and_close(b""),
    "reset": lambda *_: send_and_reset(b""),
    "half": lambda said, mode: send_and_close(_halves(said, mode)),
    "half a head": lambda said, mode: send_and_close(_found(said, mode)[:25]),
    "half reset": lambda said, mode: send_and_reset(_halves(said, mode)),
    "no last chunk": lambda said, mode: send_and_close(chunked(*_chunks(said, mode), end=b"")),
    "silent": lambda *_: send_then_silence(b""),
    "stalls": lambda said, mode: send_then_silence(_halves(said, mode)),
}

USUAL = ("found", "found", "found", "chunked", "404")
AFTER_ALL = ("drip", "close after", "close soon", "empty", "big")
"""Answers, one way or another."""

FOUND = frozenset({"found", "big", "held", "chunked", "drip", "close after", "close soon"})

_REPLIES = {
    "404": {**user_error(404), **NOT_FOUND},
    "empty": {**INVALID, **NOT_FOUND},
    "403": user_error(403),
    "500": server_error(500),
    "503": server_error(503),
    "302": unspecified(302),
    "unusable": INVALID,
    "garbage": INVALID,
    **dict.fromkeys(("hang up", "reset", "half", "half a head", "half reset"), UNREACHABLE),
    "no last chunk": UNREACHABLE,
    **dict.fromkeys(("silent", "stalls"), TIMED_OUT),
}
"""The reply of each mode to an act that is not in FOUND."""

FAILURES = tuple(act for act in _REPLIES if act not in ("404", "empty", "silent", "stalls"))
OUTAGES = frozenset(_REPLIES) - {"404", "empty", "403", "302"}
"""After these, a lookup goes to the next target, and a stale answer may be used."""

RACING = frozenset({"close after", "close soon"})
"""After these, a policy request may meet a connection that is just being closed."""


def step_of(said: Said, mode: str) -> _Step:
    """What the backend does."""
    return _STEPS[said.act](said, mode)


def reply_of(act: str, mode: str) -> bytes | None:
    """The reply to an act that has only one; None for those in FOUND."""
    return _REPLIES[act][mode] if act in _REPLIES else None
