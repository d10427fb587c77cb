# SPDX-License-Identifier: MIT
"""The advice for a reference to an endpoint that has another mode, or for a URL.

A lookup endpoint of another mode has another element in the same place. Where a table asks a policy
endpoint, or check_policy_service a lookup endpoint, the element belongs into another place, or it
is meant for another endpoint. Pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import asking
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint

MAP = "NAME"
URL = re.compile("https?:", re.IGNORECASE)
"""A word that begins so may have a password, and is not shown."""
_RESTRICTIONS = re.compile(r"(.*: )?smtpd_\w+_restrictions")
# What Postfix's kind of reference asks, and what it is.
_KINDS = {True: ("A table", "lookup endpoint"), False: ("check_policy_service", "policy endpoint")}


def advice(
    reference: Reference, found: Endpoint, endpoints: Iterable[Endpoint], settings: Settings
) -> str:
    """What to use instead of a reference that leads to `found`, one of `endpoints`."""
    wants_lookup = is_lookup(reference.mode)
    if wants_lookup == found.is_lookup:
        return right(found, settings)
    in_restrictions = all(map(_RESTRICTIONS.fullmatch, reference.parameters))
    if wants_lookup and in_restrictions and not asking.obstacle(found):
        used = right(found, settings)
        return f"{used} in place of the restriction that has this table"
    kind, what = _KINDS[wants_lookup]
    fitting = [e for e in endpoints if e.is_lookup == wants_lookup and not asking.obstacle(e)]
    same = [e for e in fitting if e.mode == reference.mode] or fitting
    if len(same) == 1:
        return right(same[0], settings)
    known = ", ".join(f"{e.name} at {e.address}" for e in same) or "none"
    return f"{kind} asks a {what}. Those of config.json: {known}."


def instead_of_url(endpoints: Iterable[Endpoint], settings: Settings, *, wants_lookup: bool) -> str:
    """What to use instead of a URL, as a table or as a policy service."""
    own = [endpoint for endpoint in endpoints if endpoint.is_lookup == wants_lookup]
    if len(own) == 1:
        return right(own[0], settings)
    return f"Make the URL the target of a {_KINDS[wants_lookup][1]}, and use the address of that."


def right(endpoint: Endpoint, settings: Settings, map_name: str = MAP) -> str:
    """How Postfix asks an endpoint."""
    if obstacle := asking.obstacle(endpoint):
        return obstacle.advice
    return f"Use {asking.element(endpoint, map_name, settings.value('queue_directory'))}"
