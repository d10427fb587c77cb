# SPDX-License-Identifier: MIT
"""Local addresses: where an endpoint listens, and where a connection has arrived.

An IPv4-mapped IPv6 address equals the IPv4 address in it: a socket that listens at [::] has local
addresses of this form for IPv4 connections. A path below /var/run equals the one below /run,
because systemd replaces it in ListenStream= (patch_var_run() of core/load-fragment.c).
"""

from __future__ import annotations

import _socket  # the C module: `socket` also imports enum and selectors

WILDCARDS = (b"\0" * 4, b"\0" * 16)

_IPV4_MAPPED = b"\0" * 10 + b"\xff\xff"
_IPV4_BYTES = 4
_LEGACY_RUN = "/var/run/"


class LocalAddress:
    """Where an endpoint listens, or where a connection arrived.

    Attributes:
        ip: the packed IP address, an IPv4-mapped one as IPv4; None for a unix socket.
        port: the TCP port, 0 for a unix socket.
        path: the path of the unix socket, None for TCP.
    """

    __slots__ = ("ip", "path", "port")

    def __init__(self, ip: bytes | None, port: int = 0, path: str | None = None) -> None:
        """Either `ip` and `port`, or `path`."""
        if ip is not None and ip.startswith(_IPV4_MAPPED):
            ip = ip[len(_IPV4_MAPPED) :]
        if path is not None and path.startswith(_LEGACY_RUN):
            path = path[len("/var") :]
        self.ip = ip
        self.port = port
        self.path = path

    def __eq__(self, other: object) -> bool:
        """Addresses are equal when their parts are."""
        return isinstance(other, LocalAddress) and self._parts() == other._parts()

    def __hash__(self) -> int:
        """Equal addresses have equal hashes."""
        return hash(self._parts())

    def __str__(self) -> str:
        """The form for ListenStream= of systemd: `127.0.0.1:9000`, `[::1]:9000`, `/run/x`."""
        if self.ip is None:
            return self.path or "an unnamed unix socket"
        if len(self.ip) == _IPV4_BYTES:
            return f"{_socket.inet_ntop(_socket.AF_INET, self.ip)}:{self.port}"
        return f"[{_socket.inet_ntop(_socket.AF_INET6, self.ip)}]:{self.port}"

    def _parts(self) -> tuple[bytes | None, int, str | None]:
        return self.ip, self.port, self.path


def parse_ip(text: str) -> bytes | None:
    """The packed form of an IP literal, or of `localhost` (127.0.0.1); None for other texts."""
    if text == "localhost":
        text = "127.0.0.1"
    family = _socket.AF_INET6 if ":" in text else _socket.AF_INET
    try:
        return _socket.inet_pton(family, text)
    except (OSError, ValueError):
        return None


def local_address_of(descriptor: int) -> LocalAddress | None:
    """The address at which a connection arrived; None if its family is neither IP nor unix.

    Raises:
        OSError: the descriptor is not a socket.
    """
    connection = _socket.socket(fileno=descriptor)
    try:
        name = connection.getsockname()
    finally:
        connection.detach()
    if connection.family == _socket.AF_UNIX:
        return LocalAddress(None, path=name if isinstance(name, str) and name else None)
    if connection.family not in (_socket.AF_INET, _socket.AF_INET6):
        return None
    host, port = name[0], name[1]
    return LocalAddress(parse_ip(host.partition("%")[0]), port)  # fe80::1%eth0
