# SPDX-License-Identifier: MIT
"""Free port numbers on loopback.

They lie below those that the kernel gives to outgoing connections and to port 0 (ip(7),
ip_local_port_range), so that no connection of another test takes one that is free at the moment.
A port is given away once: by the time somebody binds it, another thread has not been given it, and
each worker of pytest-xdist has ports of its own.
"""

import errno
import os
import random
import socket
import threading
import time
from collections.abc import Callable
from typing import TypeVar

_PORTS = range(12_000, 32_000)
_TRIES = 100
_BIND_SEC, _PAUSE_SEC = 5, 0.01
_Taken = TypeVar("_Taken")
_random = random.SystemRandom()  # hypothesis gives `random` the same seed in all workers


class _Supply:
    """The ports of this worker, in an order by chance; each comes again when all have been used."""

    def __init__(self) -> None:
        worker = os.environ.get("PYTEST_XDIST_WORKER", "gw0")
        count = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
        self._all = _PORTS[int(worker.removeprefix("gw")) % count :: count]
        self._rest: list[int] = []
        self._lock = threading.Lock()

    def next(self) -> int:
        """The next port, whether it is free or not."""
        with self._lock:
            if not self._rest:
                self._rest = _random.sample(self._all, len(self._all))
            return self._rest.pop()


_supply = _Supply()


def free_port(*addresses: str) -> int:
    """A port that is free on all ADDRESSES, by default on 127.0.0.1."""
    for _ in range(_TRIES):
        port = _supply.next()
        try:
            for address in addresses or ("127.0.0.1",):
                family = socket.AF_INET6 if ":" in address else socket.AF_INET
                with socket.socket(family, socket.SOCK_STREAM) as probe:
                    probe.bind((address, port))
        except OSError:
            continue
        return port
    message = f"none of {_TRIES} ports is free on {addresses}"
    raise OSError(message)


def patiently(take: Callable[[], _Taken]) -> _Taken:
    """What TAKE returns, once the address that it binds is not in use any more.

    A process that another thread starts has a copy of each socket of this one until it executes its
    program, which a busy machine may put off. So an address is in use for a while after its socket
    was closed, and nothing tells when that is over.
    """
    end = time.monotonic() + _BIND_SEC
    while True:
        try:
            return take()
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > end:
                raise
        time.sleep(_PAUSE_SEC)
