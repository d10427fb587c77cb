# SPDX-License-Identifier: MIT
"""What the configuration allows, although its administrator may not want that.

The findings are about clients that can connect, requests that others can read, and actions. None of
them stops mail, and on a private network each may be harmless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks.finding import NOTE, WARNING, Finding
from postfix_rest_inetd.admin.protocols import SIDES
from postfix_rest_inetd.config.address import WILDCARDS, parse_ip
from postfix_rest_inetd.units.advice import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.config.endpoint import Endpoint

_SECRETS = ("authorization", "cookie", "proxy-authorization", "x-api-key")


def findings(endpoints: list[Endpoint]) -> Iterator[Finding]:
    """The risks of all endpoints."""
    for endpoint in endpoints:
        if endpoint.address.ip in WILDCARDS:
            what = f"{endpoint.address} accepts connections at every address of this machine, and "
            what += "clients are not authenticated"
            path = " or to a bind-path" if SIDES[endpoint.mode].HAS_UNIX_SOCKETS else ""
            advice = f"Bind to 127.0.0.1{path}, or let a firewall admit only Postfix."
            yield Finding(WARNING, endpoint.name, what, advice)
        yield from _clear_text(endpoint)
    free = [endpoint.name for endpoint in endpoints if _may_answer_anything(endpoint)]
    if free:
        what = (
            "without allowed-actions, the backend can answer every action of access(5), including "
        )
        what += "OK and REDIRECT"
        advice = 'List the actions that it may answer: "allowed-actions": ["DUNNO", "REJECT"]'
        yield Finding(NOTE, listed(free), what, advice)


def _may_answer_anything(endpoint: Endpoint) -> bool:
    return endpoint.answers_actions and endpoint.allowed_actions is None


def _clear_text(endpoint: Endpoint) -> Iterator[Finding]:
    exposed = [t for t in endpoint.targets.all() if not t.tls and not _is_loopback(t.host)]
    if not exposed:
        return
    origins = list(dict.fromkeys(target.origin for target in exposed))
    what = f"requests go to {listed(origins)} unencrypted: "
    has_token = _has_token(endpoint) or any(target.basic_auth for target in exposed)
    what += "the token and " if has_token else ""
    what += "all addresses can be read on the way"
    yield Finding(WARNING, endpoint.name, what, "Use https for a backend on another machine.")


def _has_token(endpoint: Endpoint) -> bool:
    names = {name.lower() for name in endpoint.headers}
    return bool(endpoint.auth_token or endpoint.auth_token_file or not names.isdisjoint(_SECRETS))


def _is_loopback(host: str) -> bool:
    """Is it this machine itself, by its address or the name of RFC 6761?"""
    if host.rstrip(".").lower() == "localhost" or host.lower().endswith(".localhost"):
        return True
    packed = parse_ip(host)
    return packed is not None and (packed[:1] == b"\x7f" if len(packed) == 4 else packed == _IPV6)


_IPV6 = bytes(15) + b"\1"
