# SPDX-License-Identifier: MIT
"""The targets of one connection: each does about a request what the plan says, and notes it."""

from __future__ import annotations

import contextlib
import itertools
import os
import threading
import time
from typing import Self
from urllib.parse import parse_qs

from blackbox.driven.acts import Said, step_of
from blackbox.driven.files import NEW
from blackbox.driven.plan import Ask, Plan

from harness.modes import POLICY
from harness.scripted_backend import Connection, RecordedRequest, ScriptedBackend

PATIENCE_SEC = 60.0
"""How long something is awaited that must happen; ten times as long as it takes anywhere."""


class Backends:
    """The targets; use it as a context manager."""

    def __init__(self, plan: Plan) -> None:
        self._mode = plan.mode
        self._serials = itertools.count(1)
        self._asks: dict[str, Ask] = {}
        self._changed = threading.Condition()
        self.said: list[Said] = []
        self._free: set[str] = set()
        self._is_over = False
        self._bell, self._ringer = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self._stack = contextlib.ExitStack()
        self._stack.callback(os.close, self._bell)
        self._stack.callback(os.close, self._ringer)
        self._all = [
            self._stack.enter_context(
                ScriptedBackend(
                    default=lambda connection, target=target: self._act(connection, target)
                )
            )
            for target in range(plan.targets)
        ]
        self.authorities = [backend.authority for backend in self._all]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        with self._changed:
            self._is_over = True
            self._changed.notify_all()
        self._stack.close()

    def expect(self, ask: Ask) -> None:
        """Know what to do about a request that will come."""
        self._asks[ask.key] = ask
        self._free.discard(ask.key)

    def fileno(self) -> int:
        """It is readable when a request has come that is held."""
        return self._bell

    def release(self, key: str) -> None:
        """Let the request with this key go on, which is held or will be."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._bell, 100)
        with self._changed:
            self._free.add(key)
            self._changed.notify_all()

    def _act(self, connection: Connection, target: int) -> None:
        backend = connection.backend
        with backend.changed:
            request = next(
                r for r in reversed(backend.requests) if r.connection == connection.number
            )
        said = self._note(request, target)
        if said.act == "held":
            os.write(self._ringer, b"!")
            with self._changed:
                self._changed.wait_for(lambda: self._is_over or said.key in self._free)
        step_of(said, self._mode)(connection)

    def _note(self, request: RecordedRequest, target: int) -> Said:
        if self._mode == POLICY:
            key = parse_qs(request.body.decode())["instance"][0]
        else:
            key = request.target.partition(b"key=")[2].decode()
        ask = self._asks[key]
        path = request.target.partition(b"?")[0].decode()
        token = (request.header(b"x-auth-token") or b"").decode()
        with self._changed:
            said = Said(
                next(self._serials),
                time.monotonic(),
                key,
                ask.acts[target],
                target,
                int(path.removeprefix("/v")),
                int(token.removeprefix("secret-")),
                (request.header(b"x-request-id") or b"").startswith(NEW.encode()),
                ask.permission,
            )
            self.said.append(said)
        return said
