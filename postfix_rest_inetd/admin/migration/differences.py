# SPDX-License-Identifier: MIT
"""How handlers treat a configuration of postfix-rest-connector differently from that daemon."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks.finding import NOTE, Finding
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.config.address import WILDCARDS
from postfix_rest_inetd.config.fields import ENDPOINT_FIELDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from postfix_rest_inetd.config.endpoint import Endpoint
    from postfix_rest_inetd.config.loading import Config

_BOUNCING = frozenset((401, 403, 404, 408, 429))


def findings(path: str, loaded: Config) -> Iterator[Finding]:
    """Notes on the endpoints of the usable configuration at `path`."""
    endpoints = loaded.endpoints
    silent = _without_timeout(path)
    if found := named(e for e in endpoints if e.address.ip in WILDCARDS):
        what = "listens at every address: anyone who reaches this machine can ask it"
        yield Finding(
            NOTE, found, what, "If Postfix runs on this machine, set bind-address to 127.0.0.1."
        )
    if found := named(e for e in endpoints if e.json_path in silent):
        default = ENDPOINT_FIELDS["request-timeout"].default
        what = f"has no request-timeout; the default is {default} ms for the whole request"
        yield Finding(
            NOTE, found, what, "In version 1.1.0 of the daemon, there was no limit by default."
        )
    bouncing = (e for e in endpoints if not e.is_lookup and not _defers(e))
    if found := named(bouncing):
        what = (
            "a 4xx of the backend bounces mail (554), as in the daemon, even for an expired token"
        )
        advice = f'To defer instead: "temporary-statuses": {sorted(_BOUNCING)}'
        yield Finding(NOTE, found, what, advice)
    if found := named(e for e in endpoints if e.is_lookup and e.cache is not None):
        what = "answers are used again as long as the backend permits it with Cache-Control, a "
        what += "header that the daemon ignores"
        advice = 'To ask the backend every time: "cache": false'
        yield Finding(NOTE, found, what, advice)
    if found := named(e for e in endpoints if len(e.targets.urls) > 1):
        what = "has several targets, which the daemon cannot read"
        yield Finding(NOTE, found, what, "To be able to go back to it, keep a copy with one.")
    if found := named(e for e in endpoints if not e.is_lookup):
        what = "an action that is empty, only a number, or has a line break becomes a temporary "
        yield Finding(NOTE, found, what + "error, because Postfix would accept the mail")
    what = "redirects are not followed; unknown and duplicate keys are errors"
    yield Finding(NOTE, "all endpoints", what)


def named(endpoints: Iterable[Endpoint]) -> str:
    """Endpoints by name and address, as names need not be unique."""
    return ", ".join(f"{endpoint.name} ({endpoint.address})" for endpoint in endpoints)


def _defers(endpoint: Endpoint) -> bool:
    return bool(_BOUNCING & endpoint.temporary_statuses)


def _without_timeout(path: str) -> set[str]:
    """The JSON paths of the endpoints that have no request-timeout."""
    document = json.loads(loading.read(path).decode("utf-8-sig"))
    return {
        f"$.endpoints[{index}]"
        for index, entry in enumerate(document["endpoints"])
        if entry.get("request-timeout") is None
    }
