# SPDX-License-Identifier: MIT
"""The backends that handlers know to be down (cache/outages.py)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.cache.outages import Outages
from postfix_rest_inetd.config.target import Target

if TYPE_CHECKING:
    from postfix_rest_inetd.cache.clock import Moment
    from postfix_rest_inetd.config.endpoint import Endpoint


class Down:
    """A backend that is known to be down.

    Attributes:
        origin: without path and secrets.
        since: when that was found, in seconds since 1970.
        wait_sec: in how many seconds a handler that has a stale answer asks it again; 0: it is due.
        endpoints: the names of the endpoints that ask it.
    """

    def __init__(self, origin: str, since: float, wait_sec: float) -> None:
        """No endpoint is known yet."""
        self.origin = origin
        self.since = since
        self.wait_sec = wait_sec
        self.endpoints: list[str] = []


def backends(directory: str, endpoints: list[Endpoint], now: Moment) -> list[Down]:
    """The backends that are known to be down, each once, in the order of the configuration."""
    outages = Outages(directory)
    found: dict[str, Down] = {}
    for endpoint in endpoints:
        for url in endpoint.targets.urls:
            outage = outages.outage_of(url, now)
            if outage is not None:
                origin = Target(url).origin
                backend = found.setdefault(origin, Down(origin, *outage))
                if endpoint.name not in backend.endpoints:
                    backend.endpoints.append(endpoint.name)
    return list(found.values())
