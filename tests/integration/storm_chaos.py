# SPDX-License-Identifier: MIT
"""What is done to the machine in test_mail_storm: each public method of `Chaos` is an action.

`run` does what the plan says as the senders get on, and at the end puts everything right.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from integration.mail import restart_postfix
from integration.product import POLICY, SLICE, SOCKETMAP, SOCKETS, TCP, USER, handlers, show
from integration.storm_plan import ROUTES, Step, broken
from integration.storm_senders import Senders

from harness.container import Container
from harness.container_backend import Backend

STALL_SEC = 10
"""If nobody attempts anything for so long, the next step is due: it may be what ends the stall.

Postfix waits 100 s for a handler that is stopped.
"""

SYSTEMCTL_SEC = 150
"""More than systemd waits for a handler that it stops (TimeoutStopSec=)."""

_UNITS = {"tcp": TCP, "socketmap": SOCKETMAP, "policy": POLICY}
_SIGNAL = """
for pid in $(pgrep -u "$2" | shuf -n "$3"); do
    ! kill -s "$1" "$pid" 2>/dev/null || echo "$pid"
done
"""
_ALL = 10_000


class Interval(NamedTuple):
    """From before to after; by CLOCK_MONOTONIC."""

    begin: float
    end: float


class Chaos:
    """What is done to CONTAINER and its BACKEND."""

    def __init__(self, container: Container, backend: Backend) -> None:
        self.done: Counter[str] = Counter()
        self.stalls = 0
        self.killed = 0
        """How many handlers, at most, were killed."""
        self.frozen = 0
        self.restarts: list[Interval] = []
        """When Postfix was restarted."""
        self._container = container
        self._backend = backend
        self._how = ""

    def run(self, steps: Sequence[Step], senders: Senders) -> None:
        """Take the STEPS, each when its attempts have been made; then mend everything."""
        try:
            for step in steps:
                if not senders.wait_for_attempts(step.attempts, STALL_SEC):
                    self.stalls += 1
                if senders.is_at_end:
                    break
                getattr(self, step.action)(*step.arguments)
                what = step.arguments[0] if step.action == "fail" else step.action
                self.done[what] += 1
        finally:
            self.thaw()
            self.mend()

    # -- the backend

    def fail(self, how: str, paths: Sequence[str]) -> None:
        """Let the backend fail; if it does not go down as a whole, where PATHS are concerned."""
        self.mend()
        self._how = how
        if how == "killed":
            self._backend.stop()
        elif how == "frozen":
            self._backend.freeze()
        else:
            self._backend.set_routes(broken(how, paths))

    def mend(self) -> None:
        """Let the backend be well."""
        how, self._how = self._how, ""
        if how == "killed":
            self._backend.start()
        elif how == "frozen":
            self._backend.thaw()
        self._backend.set_routes(ROUTES)

    # -- handlers

    def kill(self, count: int) -> None:
        """Kill so many handlers, wherever they are."""
        self.killed += self._signal("KILL", count)

    def freeze(self, count: int) -> None:
        """Stop so many handlers, until `thaw`."""
        self.frozen += self._signal("STOP", count)

    def thaw(self) -> None:
        """Let all handlers go on."""
        self._signal("CONT", _ALL)

    def _signal(self, name: str, count: int) -> int:
        return len(self._container.shell(_SIGNAL, name, USER, str(count)).split())

    def stop_handlers(self, kind: str) -> None:
        """Stop all handlers of a kind, as an administrator does."""
        units = [
            unit for unit in handlers(self._container) if unit.startswith(f"postfix-rest-{kind}@")
        ]
        if units:
            self._systemctl("stop", *units, check=False)

    # -- units

    def _systemctl(self, *arguments: str, check: bool = True) -> None:
        self._container.run("systemctl", *arguments, check=check, timeout=SYSTEMCTL_SEC)

    def reload(self) -> None:
        """Let systemd read everything anew."""
        self._systemctl("daemon-reload")

    def reexec(self) -> None:
        """Let systemd execute itself anew."""
        self._systemctl("daemon-reexec")

    def restart_socket(self, kind: str) -> None:
        """Restart a socket."""
        self._systemctl("restart", _UNITS[kind])

    def restart_sockets(self) -> None:
        """Restart all sockets."""
        self._systemctl("restart", *SOCKETS)

    def restart_slice(self, kind: str) -> None:
        """Restart the slice in which all handlers are, and the one of a kind of sockets."""
        slice_of = show(self._container, _UNITS[kind], "Slice")["Slice"]
        self._systemctl("restart", SLICE, slice_of)

    def restart_postfix(self) -> None:
        """Restart Postfix."""
        began = time.monotonic()
        restart_postfix(self._container)
        self.restarts.append(Interval(began, time.monotonic()))

    def reload_postfix(self) -> None:
        """Let Postfix read everything anew."""
        self._systemctl("reload", "postfix.service")
