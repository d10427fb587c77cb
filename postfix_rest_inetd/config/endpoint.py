# SPDX-License-Identifier: MIT
"""Endpoints, and which of them a connection belongs to.

An endpoint is a local address, a mode and one or more targets. With Accept=yes, a process gets the
connection, but no information about the socket unit that started it. So the local address of the
connection (getsockname(2)) selects the endpoint.
"""

from __future__ import annotations

from .. import protocols
from .address import WILDCARDS, LocalAddress

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from .cache_settings import CacheSettings
    from .targets import Targets


class Endpoint:
    """One entry of `endpoints` in config.json, checked, with the defaults filled in.

    The attributes are the fields of the file (fields.py), with `_` for `-`; `targets` is `target`,
    and `address` stands for the three that say where the endpoint listens. `json_path` is its place
    in the file. `problems` are what is wrong with it, as ConfigError has them: unless there are
    none, only `name`, `mode` and `address` can be relied on.
    """

    __slots__ = (
        "access_table",
        "address",
        "allowed_actions",
        "auth_token",
        "auth_token_file",
        "cache",
        "empty_body",
        "failure_action",
        "headers",
        "hibernate_after",
        "json_path",
        "list_separator",
        "log_keys",
        "max_response_bytes",
        "method",
        "mode",
        "name",
        "problems",
        "request_timeout",
        "targets",
        "temporary_statuses",
        "tls_ca_file",
        "tls_cert_file",
        "tls_key_file",
    )

    access_table: bool
    address: LocalAddress
    allowed_actions: list[str] | None
    auth_token: str | None
    auth_token_file: str | None
    cache: CacheSettings | None
    empty_body: str
    failure_action: str | None
    headers: dict[str, str]
    hibernate_after: int
    json_path: str
    list_separator: str
    log_keys: bool
    max_response_bytes: int
    method: str
    mode: str
    name: str
    problems: list[tuple[str, str]]
    request_timeout: int
    targets: Targets
    temporary_statuses: frozenset[int]
    tls_ca_file: str | None
    tls_cert_file: str | None
    tls_key_file: str | None

    @property
    def is_lookup(self) -> bool:
        """Does the backend look up keys? Otherwise it decides on policy requests."""
        return protocols.is_lookup(self.mode)

    @property
    def answers_actions(self) -> bool:
        """Are the backend's answers actions, which have to pass the action firewall (action.py)?"""
        return not self.is_lookup or self.access_table


def select(
    endpoints: Iterable[Endpoint],
    local: LocalAddress | None,
    mode: str | None = None,
    name: str | None = None,
) -> Endpoint | str:
    """The endpoint for a connection, or a sentence that says why there is none.

    `mode` and `name` restrict the choice. If a single endpoint has that name, it is chosen. Among
    several, the local address decides.
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
        wildcards = sorted(WILDCARDS, key=lambda ip: len(ip) != len(local.ip or b""))
        places += [LocalAddress(ip, local.port) for ip in wildcards]
    for place in places:
        for endpoint in candidates:
            if endpoint.address == place:
                return endpoint
    return None
