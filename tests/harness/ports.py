# SPDX-License-Identifier: MIT
"""Free port numbers on loopback.

They lie below those that the kernel gives to outgoing connections and to port 0 (ip(7),
ip_local_port_range), so that no connection of another test takes one that is free at the moment.
"""

import random
import socket

_PORTS = range(12_000, 32_000)
_TRIES = 100
_random = random.SystemRandom()  # hypothesis gives `random` the same seed in all workers


def free_port(*addresses: str) -> int:
    """A port that is free on all ADDRESSES, by default on 127.0.0.1."""
    for port in _random.sample(_PORTS, _TRIES):
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
