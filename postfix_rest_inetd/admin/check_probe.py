# SPDX-License-Identifier: MIT
"""`check --probe`: does the backend of each endpoint answer, and as it should?

Each step that a handler takes is taken one after the other and timed: resolving the name,
connecting, TLS, and one request, within the request-timeout of the endpoint. The request is one
that changes nothing: a lookup of a key that cannot exist, because its domain is in `.invalid`
(RFC 2606), or a policy request for such a sender and recipient. A backend for policies may log it.

It is this process that asks, not a handler in its sandbox.
"""

from __future__ import annotations

import datetime as dt
import os
import shlex
import ssl
from binascii import hexlify
from time import monotonic
from typing import TYPE_CHECKING

from postfix_rest_inetd import config, credentials, entry, model, rest, tls, transport, verdict
from postfix_rest_inetd.admin.check_finding import ERROR, GOOD, WARNING, Finding, commands
from postfix_rest_inetd.deadline import Deadline
from postfix_rest_inetd.errors import BackendError, ConfigError
from postfix_rest_inetd.resolver import Resolver

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.endpoint import Endpoint

DOMAIN = "postfix-rest-inetd.invalid"
ADDRESS = f"check@{DOMAIN}"
_CLIENT = "192.0.2.1"  # RFC 5737: an address of nobody's
MAP_NAME = "check"
RENEWAL_DAYS = 14
_SLOW_PART = 0.5  # of the request-timeout

_POLICY = {
    "request": "smtpd_access_policy",
    "protocol_state": "RCPT",
    "protocol_name": "ESMTP",
    "helo_name": DOMAIN,
    "queue_id": "",
    "sender": ADDRESS,
    "recipient": ADDRESS,
    "client_address": _CLIENT,
    "client_name": "unknown",
    "instance": "postfix-rest-inetd-check",
}


def findings(loaded: config.Config, map_names: dict[Endpoint, str]) -> Iterator[Finding]:
    """What each backend did; `map_names` are those that Postfix asks for, by endpoint."""
    for endpoint in loaded.endpoints:
        try:
            token = credentials.auth_token_of(endpoint)
            client = rest.Client(endpoint, loaded.user_agent, token)
        except ConfigError:
            continue  # the files have been reported
        steps: list[str] = []
        try:
            yield from _connect(endpoint, steps)
            yield from _ask(endpoint, client, map_names.get(endpoint, MAP_NAME), steps)
        except BackendError as error:
            what = f"{'; '.join(steps)}; then " if steps else ""
            advice = ""
            if error.outcome == model.INVALID_DATA:
                advice = f"See what it sends:\n{commands(_query(endpoint, map_names))}"
            yield Finding(ERROR, _where(endpoint), f"{what}{error}", advice)
        finally:
            client.close()


def _connect(endpoint: Endpoint, steps: list[str]) -> Iterator[Finding]:
    """Resolve, connect and do TLS, over a connection that is closed again."""
    target = endpoint.target
    deadline = Deadline(endpoint.request_timeout / 1000)
    began = monotonic()
    resolver = Resolver(target)
    addresses = resolver.addresses(deadline)
    shown = ", ".join(dict.fromkeys(str(address[0]) for _, address in addresses))
    if shown != target.host:
        steps.append(f"{target.host} is {shown} ({_since(began)})")
    began = monotonic()
    if not target.tls:
        with transport.connect(target, resolver, deadline) as stream:
            steps.append(f"connected to {stream.getpeername()[0]} ({_since(began)})")
        return
    with tls.Trust(endpoint).connect(target, resolver, deadline) as secure:
        steps.append(f"connected to {secure.getpeername()[0]}, {secure.version()}")
        expiry = ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))
    until = dt.datetime.fromtimestamp(expiry, dt.UTC)
    days = (until - dt.datetime.now(dt.UTC)).days
    steps[-1] += f", certificate until {until:%Y-%m-%d}, {days} days ({_since(began)})"
    if days < RENEWAL_DAYS:
        what = f"the certificate of {target.origin} expires in {days} days ({until:%Y-%m-%d})"
        advice = "Renew it, and find out why that does not happen by itself."
        yield Finding(WARNING, _where(endpoint), what, advice)


def _ask(
    endpoint: Endpoint, client: rest.Client, map_name: str, steps: list[str]
) -> Iterator[Finding]:
    """Send the request and judge the response as a handler does."""
    request = _request(endpoint, map_name)
    request_id = hexlify(os.urandom(16)).decode()
    deadline = Deadline(endpoint.request_timeout / 1000)
    began = monotonic()
    response = client.ask(request, request_id, deadline)
    elapsed = monotonic() - began
    measured = entry.Measured()
    measured.request_id, measured.status = request_id, response.status
    steps.append(f"status {response.status} ({elapsed * 1000:.0f} ms)")
    reply = verdict.of_response(endpoint, response)
    seen = f"{'; '.join(steps)}: "
    asked = "a policy request" if endpoint.mode == model.POLICY else f"the key {_key(endpoint)}"
    if reply.outcome in (model.NOT_FOUND, model.ACTION):
        answered = "not found" if reply.outcome == model.NOT_FOUND else f"action {reply.text}"
        yield Finding(GOOD, _where(endpoint), f"{seen}{answered}, for {asked}")
    elif reply.outcome == model.FOUND:
        what = f"{seen}a value was found for {asked}, which cannot exist"
        advice = "Does the backend answer every key? Then Postfix accepts mail for everybody."
        yield Finding(WARNING, _where(endpoint), what, advice)
    else:
        advice = entry.advice(reply.outcome, measured)
        what = f"{seen}{reply.outcome.replace('-', ' ')}, for {asked}"
        yield Finding(ERROR, _where(endpoint), what, f"{advice[:1].upper()}{advice[1:]}")
    if elapsed > _SLOW_PART * endpoint.request_timeout / 1000:
        what = f"the backend took {elapsed * 1000:.0f} ms, and request-timeout is "
        what += f"{endpoint.request_timeout} ms"
        advice = "Raise request-timeout, or find out what the backend is waiting for."
        yield Finding(WARNING, _where(endpoint), what, advice)


def _request(endpoint: Endpoint, map_name: str) -> model.Request:
    if endpoint.mode == model.POLICY:
        return model.PolicyRequest([(k.encode(), v.encode()) for k, v in _POLICY.items()])
    name = map_name.encode() if endpoint.mode == model.SOCKETMAP_LOOKUP else None
    return model.LookupRequest(_key(endpoint).encode(), name)


def _key(endpoint: Endpoint) -> str:
    """A key that is neither a domain nor an address of anybody's, and could be either."""
    return DOMAIN if endpoint.mode == model.TCP_LOOKUP else ADDRESS


def _query(endpoint: Endpoint, map_names: dict[Endpoint, str]) -> str:
    """The command that shows such a request and its response, byte by byte."""
    words = ["postfix-rest-inetd", "query", endpoint.name, "--direct", "-v"]
    if endpoint.mode != model.POLICY:
        words.insert(3, _key(endpoint))
    if endpoint.mode == model.SOCKETMAP_LOOKUP:
        words += ["--map", map_names.get(endpoint, MAP_NAME)]
    return shlex.join(words)


def _where(endpoint: Endpoint) -> str:
    return f"{endpoint.name}: backend"


def _since(began: float) -> str:
    return f"{(monotonic() - began) * 1000:.0f} ms"
