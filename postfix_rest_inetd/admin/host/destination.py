# SPDX-License-Identifier: MIT
"""Where a reference of Postfix leads: to which endpoint, and who asks there.

A reference is a table or a policy service in main.cf or master.cf (host/references.py).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.host.listeners import resolved
from postfix_rest_inetd.config import endpoint as endpoints_module

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.host.postconf import Service, Settings
    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint


def endpoint_of(
    reference: Reference, endpoints: list[Endpoint], settings: Settings
) -> Endpoint | None:
    """The endpoint that a reference leads to, even if its mode does not fit."""
    for place in reference.addresses:
        found = endpoints_module.select(endpoints, place)
        if not isinstance(found, str):
            return found
    known = [resolved(path) for path in paths(reference, settings)]
    for endpoint in endpoints:
        if endpoint.address.path is not None and resolved(endpoint.address.path) in known:
            return endpoint
    return None


def paths(reference: Reference, settings: Settings) -> list[str]:
    """The paths that a unix: path may mean: below the queue directory, and as it is."""
    path = reference.path
    if path is None:
        return []
    queue = settings.value("queue_directory").rstrip("/")
    return [path, queue + path] if path.startswith("/") else [f"{queue}/{path}"]


def askers(reference: Reference, settings: Settings) -> list[Service]:
    """The services that connect to what a reference names."""
    if reference.is_proxied:
        return [service for service in settings.services if service.command == "proxymap"]
    return list(reference.askers)


def shown(reference: Reference, settings: Settings) -> str:
    """Where a reference is, in findings."""
    return f"{settings.shown}: {', '.join(reference.parameters)}"
