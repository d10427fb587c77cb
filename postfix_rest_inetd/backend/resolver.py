# SPDX-License-Identifier: MIT
"""The addresses of a name, within a deadline.

getaddrinfo(3) has no timeout and cannot be interrupted. So it runs in a thread of its own, which is
left behind when the deadline passes. The next request waits for it as well, and for a second one
too if that has gone on for STUCK_SEC; there are never more than MAX_RESOLUTIONS. A result is for
the requests that were there before it: what comes when nobody waits is dropped, because the name
may have moved by the time that somebody does.

Raises DeadlineError and UnreachableError, whose texts hold the name and the system's reason.
"""

from __future__ import annotations

import _thread
import socket
from os import strerror
from time import monotonic

from ..config.address import parse_ip
from ..errors import UnreachableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..config.target import Target
    from ..deadline import Deadline

    Address = tuple[int, tuple[Any, ...]]

# resolv.conf(5): as long as a name server is waited for, before it is asked again or another one.
STUCK_SEC = 5
# The unit allows 16 tasks. Four of them, each begun STUCK_SEC after the one before, are as long as
# the usual resolver needs to give up on three name servers.
MAX_RESOLUTIONS = 4


class Resolver:
    """Resolves one name, as often as needed."""

    __slots__ = ("_bell", "_running", "_target")

    def __init__(self, target: Target) -> None:
        """Resolve nothing yet."""
        self._target = target
        self._running: list[_Resolution] = []
        self._bell = _thread.allocate_lock()
        self._bell.acquire()

    def addresses(self, deadline: Deadline) -> list[Address]:
        """Pairs of address family and socket address, in the resolver's order.

        Raises:
            DeadlineError: the resolver did not answer in time.
            UnreachableError: the name has no address.
        """
        host = self._target.host
        if host != "localhost" and parse_ip(host) is not None:
            family = socket.AF_INET6 if ":" in host else socket.AF_INET
            return [(family, (host, self._target.port))]
        deadline.enter(f"resolving the name {host}")
        # What is over by now is older than this request.
        running = self._running = [each for each in self._running if not each.is_over]
        if not running or (
            len(running) < MAX_RESOLUTIONS and monotonic() - running[-1].began >= STUCK_SEC
        ):
            self._start(running)
        while True:
            over = [each for each in running if each.is_over]
            for each in over:
                if each.error is None:
                    return each.addresses
            if len(over) == len(running):
                error = over[-1].error
                raise UnreachableError(f"the name {host} cannot be resolved: {error}")
            if not self._bell.acquire(timeout=deadline.remaining_sec()):
                raise deadline.error()

    def _start(self, running: list[_Resolution]) -> None:
        """Start one more, if that is possible; it must be if there is none."""
        try:
            running.append(_Resolution(self._target.host, self._target.port, self._bell))
        except RuntimeError:
            if not running:
                raise UnreachableError("no thread can be started for name resolution") from None


class _Resolution:
    """One call of getaddrinfo(3) in a thread of its own, which rings a bell when it is over."""

    __slots__ = ("_bell", "_host", "_port", "addresses", "began", "error", "is_over")

    def __init__(self, host: str, port: int, bell: _thread.LockType) -> None:
        """Raises RuntimeError if no thread can be started; `bell` is a lock that is held."""
        self._host = host.encode("ascii")  # bytes keep Python from loading its IDNA codec
        self._port = port
        self._bell = bell
        self.addresses: list[Address] = []
        self.error: str | None = None
        self.is_over = False
        self.began = monotonic()
        _thread.start_new_thread(self._run, ())

    def _run(self) -> None:
        self.error = "the resolver failed"  # whatever happens, it is never an empty answer
        try:
            found = socket.getaddrinfo(self._host, self._port, type=socket.SOCK_STREAM)
            self.addresses = [(family, address) for family, _, _, _, address in found]
            self.error = None
        except (OSError, UnicodeError) as error:
            self.error = _reason(error)
        finally:
            self.is_over = True
            try:  # noqa: SIM105 - contextlib is one more module to load
                self._bell.release()
            except RuntimeError:  # another one has rung, and nobody has heard it yet
                pass


def _reason(error: Exception) -> str:
    """The system's words for an error, without whatever a caller put into it."""
    if isinstance(error, socket.gaierror):
        return error.strerror or "the resolver failed"
    if isinstance(error, OSError):
        return strerror(error.errno) if error.errno else ""
    return "it is no valid host name"
