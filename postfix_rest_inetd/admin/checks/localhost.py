# SPDX-License-Identifier: MIT
"""References to localhost, which is 127.0.0.1 and [::1]: does something else listen at one of them?

Postfix tries the addresses of a name one after the other and asks the first that accepts a
connection (util/inet_connect.c). Often, [::1] is the first.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks.finding import ERROR, Finding
from postfix_rest_inetd.config import endpoint as endpoints_module

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.listeners import Listeners
    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint


def findings(
    reference: Reference,
    endpoint: Endpoint,
    endpoints: list[Endpoint],
    listeners: Listeners,
    where: str,
) -> Iterator[Finding]:
    """What else a reference, which leads to `endpoint`, may ask."""
    own = listeners.at(endpoint.address)
    for place in reference.addresses if own is not None else ():
        other = listeners.at(place)
        is_ours = not isinstance(endpoints_module.select(endpoints, place), str)
        if other is None or other == own or is_ours:
            continue
        holder = listeners.holder(other) or "another process"
        what = f"{reference.text}: localhost is also {place}, where {holder} listens, and Postfix "
        what += f"may ask that instead of {endpoint.name}"
        advice = f"Write {endpoint.address} in place of localhost."
        yield Finding(ERROR, where, what, advice)
