# SPDX-License-Identifier: MIT
"""The addresses of a name, within a deadline.

getaddrinfo(3) has no timeout and cannot be interrupted. So it runs in a separate thread, which
continues when the deadline passes. The next request also waits for this thread. If the thread has
been running for STUCK_SEC, a second one is started, up to MAX_RESOLUTIONS. A result is only for
requests that began before it arrived. One that arrives while no request waits is dropped, because
the name may have another address by the time of the next request.

Raises DeadlineError and UnreachableError, whose texts have the name and the system's reason.
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

# resolv.conf(5): the time after which the resolver asks again, or asks another name server.
STUCK_SEC = 5
# The unit allows 16 tasks. Four threads, each started STUCK_SEC after the one before, cover the
# time that the usual resolver needs to give up on three name servers.
MAX_RESOLUTIONS = 4


class Resolver:
    """Resolves one name, as often as necessary."""

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
        # A resolution that is over now began before this request.
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
        """Start one more if possible; a failure is an error if none is running."""
        try:
            running.append(_Resolution(self._target.host, self._target.port, self._bell))
        except RuntimeError:
            if not running:
                raise UnreachableError("no thread can be started for name resolution") from None


class _Resolution:
    """One call of getaddrinfo(3) in a separate thread, which releases a lock at its end."""

    __slots__ = ("_bell", "_host", "_port", "addresses", "began", "error", "is_over")

    def __init__(self, host: str, port: int, bell: _thread.LockType) -> None:
        """Raises RuntimeError if no thread can be started; `bell` is a lock in the locked state."""
        self._host = host.encode("ascii")  # bytes keep Python from loading its IDNA codec
        self._port = port
        self._bell = bell
        self.addresses: list[Address] = []
        self.error: str | None = None
        self.is_over = False
        self.began = monotonic()
        _thread.start_new_thread(self._run, ())

    def _run(self) -> None:
        self.error = "the resolver failed"  # an unexpected exception is not an empty result
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
            except RuntimeError:  # released already, by another thread
                pass


def _reason(error: Exception) -> str:
    """The system's text of an error, without anything that a caller has added."""
    if isinstance(error, socket.gaierror):
        return error.strerror or "the resolver failed"
    if isinstance(error, OSError):
        return strerror(error.errno) if error.errno else ""
    return "it is not a valid host name"
