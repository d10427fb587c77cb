# SPDX-License-Identifier: MIT
"""The requests of `check --probe`, which a backend can distinguish from those of real mail.

A lookup of a key that cannot exist, because its domain is in `.invalid` (RFC 2606), or a policy
request for such a sender and recipient, from an address for documentation (RFC 5737). A backend may
log and count them.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask import question
from postfix_rest_inetd.admin.protocols import has_maps
from postfix_rest_inetd.config import loading

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postfix_rest_inetd.config.endpoint import Endpoint

DOMAIN = "postfix-rest-inetd.invalid"
ADDRESS = f"check@{DOMAIN}"
MAP_NAME = "check"  # used if Postfix does not ask for any map
_CLIENT = "192.0.2.1"  # RFC 5737

# Everything that Postfix sends, because a backend may rely on each attribute.
_POLICY = {
    **question.DEFAULTS,
    "helo_name": DOMAIN,
    "sender": ADDRESS,
    "recipient": ADDRESS,
    "client_address": _CLIENT,
    "client_name": "unknown",
    "reverse_client_name": "unknown",
    "instance": "postfix-rest-inetd-check",
}


def request(endpoint: Endpoint, map_name: str) -> model.Request:
    """The request for an endpoint; `map_name` matters for a socketmap."""
    if not endpoint.is_lookup:
        return model.PolicyRequest([(k.encode(), v.encode()) for k, v in _POLICY.items()])
    name = map_name.encode() if has_maps(endpoint.mode) else None
    return model.LookupRequest(key(endpoint).encode(), name)


def key(endpoint: Endpoint) -> str:
    """A key that could be a domain or an address, but is not in use as either."""
    return ADDRESS if has_maps(endpoint.mode) else DOMAIN


def shown(endpoint: Endpoint, map_name: str) -> str:
    """What was asked, in words."""
    if not endpoint.is_lookup:
        return "a policy request"
    in_map = f" in the map {map_name}" if has_maps(endpoint.mode) else ""
    return f"the key {key(endpoint)}{in_map}"


def map_names(endpoint: Endpoint, in_use: dict[Endpoint, list[str]]) -> list[str]:
    """The maps to ask for: those that Postfix uses, or else MAP_NAME; "" without maps."""
    if not has_maps(endpoint.mode):
        return [""]
    return in_use.get(endpoint) or [MAP_NAME]


def command(
    endpoint: Endpoint, known: Iterable[Endpoint], path: str, map_name: str, *options: str
) -> str:
    """A shell command that asks the same question and shows each step.

    Args:
        endpoint: which one.
        known: all endpoints of the configuration, among them those of the same name.
        path: of the configuration.
        map_name: for a socketmap.
        options: of `query`.
    """
    words = ["postfix-rest-inetd", "query", named(endpoint, known)]
    if endpoint.is_lookup:
        words.append(key(endpoint))
    words += [*options, "-v"]
    if not endpoint.is_lookup:
        words += ["--attribute", f"sender={ADDRESS}", "--attribute", f"recipient={ADDRESS}"]
    if map_name:
        words += ["--map", map_name]
    return shlex.join([*words, *config_option(path)])


def config_option(path: str) -> list[str]:
    """The option that a command needs for this configuration."""
    return [] if os.path.abspath(path) == loading.DEFAULT_PATH else ["--config", path]


def named(endpoint: Endpoint, known: Iterable[Endpoint]) -> str:
    """The name if it is unique and can be typed, or else the address."""
    name = endpoint.name
    is_unique = sum(other.name == name for other in known) == 1
    can_be_typed = name.isascii() and name.isprintable() and not name.startswith("-")
    return name if is_unique and can_be_typed else str(endpoint.address)
