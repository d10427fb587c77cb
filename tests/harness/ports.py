# SPDX-License-Identifier: MIT
"""Free port numbers on loopback."""

import socket


def free_port(address: str = "127.0.0.1") -> int:
    """A port on ADDRESS that was free a moment ago, for a program that must be told its port."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.bind((address, 0))
        port: int = probe.getsockname()[1]
    return port
