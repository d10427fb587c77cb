# SPDX-License-Identifier: MIT
"""Endpoints, local addresses, and which endpoint a connection belongs to.

An endpoint is a local address, a mode and a target. With Accept=yes a process learns nothing of the
socket unit that started it but the connection itself: so the connection's own local address
(getsockname(2)) says which endpoint it is for.
"""

from __future__ import annotations

import _socket  # the C module alone: `socket` imports enum and selectors

from . import model

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from socket import socket

    from .target import Target

_IPV4_MAPPED = b"\0" * 10 + b"\xff\xff"
_IPV4_BYTES = 4
_WILDCARDS = (b"\0" * 4, b"\0" * 16)


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
        """As systemd's ListenStream= takes it: `127.0.0.1:9000`, `[::1]:9000`, `/run/x`."""
        if self.ip is None:
            return self.path or "an unnamed unix socket"
        if len(self.ip) == _IPV4_BYTES:
            return f"{_socket.inet_ntop(_socket.AF_INET, self.ip)}:{self.port}"
        return f"[{_socket.inet_ntop(_socket.AF_INET6, self.ip)}]:{self.port}"

    def _parts(self) -> tuple[bytes | None, int, str | None]:
        return self.ip, self.port, self.path


class Endpoint:
    """One entry of `endpoints` in config.json, checked, with the defaults filled in.

    The attributes are the keys of the file with `_` for `-`; `request_timeout` is in milliseconds.
    """

    __slots__ = (
        "address",
        "allowed_actions",
        "auth_token",
        "auth_token_file",
        "failure_action",
        "headers",
        "json_path",
        "list_separator",
        "log_keys",
        "max_response_bytes",
        "method",
        "mode",
        "name",
        "request_timeout",
        "target",
        "temporary_statuses",
        "tls_ca_file",
        "tls_cert_file",
        "tls_key_file",
    )

    address: LocalAddress
    allowed_actions: list[str] | None
    auth_token: str | None
    auth_token_file: str | None
    failure_action: str | None
    headers: dict[str, str]
    json_path: str
    list_separator: str
    log_keys: bool
    max_response_bytes: int
    method: str
    mode: str
    name: str
    request_timeout: int
    target: Target
    temporary_statuses: frozenset[int]
    tls_ca_file: str | None
    tls_cert_file: str | None
    tls_key_file: str | None


def parse_ip(text: str) -> bytes | None:
    """The packed form of an IP literal (or of `localhost`, which is 127.0.0.1), or None."""
    if text == "localhost":
        text = "127.0.0.1"
    family = _socket.AF_INET6 if ":" in text else _socket.AF_INET
    try:
        return _socket.inet_pton(family, text)
    except (OSError, ValueError):
        return None


def local_address_of(connection: socket) -> LocalAddress | None:
    """The address at which a connection arrived, None when its family is unknown here."""
    name = connection.getsockname()
    if connection.family == _socket.AF_UNIX:
        return LocalAddress(None, path=name if isinstance(name, str) and name else None)
    if connection.family not in (_socket.AF_INET, _socket.AF_INET6):
        return None
    host, port = name[0], name[1]
    return LocalAddress(parse_ip(host.partition("%")[0]), port)  # fe80::1%eth0


def select(
    endpoints: Iterable[Endpoint],
    local: LocalAddress | None,
    mode: str | None = None,
    name: str | None = None,
) -> Endpoint | str:
    """The endpoint for a connection, or a sentence that says why there is none.

    `mode` and `name` restrict the choice. A name that only one endpoint bears decides; several
    endpoints of one name are told apart by the local address.
    """
    wanted = "endpoint" if mode is None else f"{mode} endpoint"
    candidates = [e for e in endpoints if mode in (None, e.mode) and name in (None, e.name)]
    if name is not None and not candidates:
        return f"there is no {wanted} with the name {name!r}"
    if name is not None and len(candidates) == 1:
        return candidates[0]
    if local is None and name is not None:
        return f"there are {len(candidates)} {wanted}s with the name {name!r}"
    if local is None:
        return "the connection has no local address that an endpoint could have"
    return _match(candidates, local) or f"no {wanted} listens on {local}"


def _match(candidates: Sequence[Endpoint], local: LocalAddress) -> Endpoint | None:
    """Exact addresses first, then the wildcard of the same family, then the other wildcard."""
    places = [local]
    if local.ip is not None:
        wildcards = sorted(_WILDCARDS, key=lambda ip: len(ip) != len(local.ip or b""))
        places += [LocalAddress(ip, local.port) for ip in wildcards]
    for place in places:
        for endpoint in candidates:
            if endpoint.address == place:
                return endpoint
    return None


def is_lookup(endpoint: Endpoint) -> bool:
    """Is this an endpoint for keys, not for policy requests?"""
    return endpoint.mode != model.POLICY
