# SPDX-License-Identifier: MIT
"""Endpoints that Postfix asks before its relay check, where an OK makes an open relay.

For `check` and `migrate`. A backend may be meant to decide about relaying; so this is a warning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin import postfix_restrictions
from postfix_rest_inetd.admin.check_finding import WARNING, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.postfix_references import Reference
    from postfix_rest_inetd.admin.postfix_settings import Settings
    from postfix_rest_inetd.endpoint import Endpoint

_PERMITTING = re.compile(r"ok|relay|permit.*", re.IGNORECASE)


def findings(used: list[tuple[Reference, Endpoint]], settings: Settings) -> Iterator[Finding]:
    """A warning for each place of one instance, with the endpoint that each reference leads to."""
    for reference, endpoint in used:
        for place in places(reference, endpoint, settings):
            what = f"{endpoint.name} is asked before the relay check: when its backend "
            what += "answers OK, anybody may send mail to anywhere"
            advice = "Put it behind reject_unauth_destination, or into "
            advice += f"{postfix_restrictions.RECIPIENT} if {postfix_restrictions.RELAY} has the "
            advice += "relay check. If it is the backend that decides about relaying, be sure that "
            advice += "it answers OK for your own domains and users alone."
            yield Finding(WARNING, f"{settings.shown}: {place}", what, advice)


def places(reference: Reference, endpoint: Endpoint, settings: Settings) -> Iterator[str]:
    """The parameters in which an answer of the endpoint can open the relay."""
    for shown in reference.parameters if _may_permit(endpoint) else ():
        service, _, parameter = shown.rpartition(": ")
        value, relay = (
            settings.value(name, service) for name in (parameter, postfix_restrictions.RELAY)
        )
        if postfix_restrictions.can_open_relay(parameter, value, relay, reference.text):
            yield shown


def _may_permit(endpoint: Endpoint) -> bool:
    """May the answer be one that permits? Values of other tables are not looked at by a handler."""
    is_filtered = endpoint.mode == model.POLICY or endpoint.access_table
    allowed = endpoint.allowed_actions if is_filtered else None
    return allowed is None or any(_PERMITTING.fullmatch(action) for action in allowed)
