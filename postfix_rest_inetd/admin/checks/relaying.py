# SPDX-License-Identifier: MIT
"""Endpoints that Postfix asks before its relay check, where an OK makes an open relay.

`check` and `migrate` use this. Each smtpd of master.cf is examined with its own overrides, and
restriction classes are expanded. A backend may be meant to decide about relaying, so the finding is
a warning.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks.finding import WARNING, Finding
from postfix_rest_inetd.admin.host import restriction_lists
from postfix_rest_inetd.admin.host.tokens import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint

_PERMITTING = re.compile(r"ok|relay|permit.*", re.IGNORECASE)


def findings(used: list[tuple[Reference, Endpoint]], settings: Settings) -> Iterator[Finding]:
    """A warning for each place of one instance, with the endpoint that each reference leads to."""
    for reference, endpoint in used:
        for place in places(reference, used, settings):
            what = f"{endpoint.name} is asked before the relay check: if its backend "
            what += "answers OK, anyone may send mail anywhere"
            advice = "Move it after reject_unauth_destination, or into "
            advice += f"{restriction_lists.RECIPIENT} if {restriction_lists.RELAY} has the "
            advice += (
                "relay check. If the backend is meant to decide about relaying, make sure that "
            )
            advice += "it answers OK only for your own domains and users."
            yield Finding(WARNING, f"{settings.shown}: {place}", what, advice)


def places(
    reference: Reference, used: list[tuple[Reference, Endpoint]], settings: Settings
) -> list[str]:
    """The parameters in which a permission by the target of `reference` can open the relay.

    Args:
        reference: one of `used`.
        used: all references of an instance that lead to endpoints, with these.
        settings: of the instance.
    """
    permitting = {each.text for each, endpoint in used if _may_permit(endpoint)}
    if reference.text not in permitting:
        return []
    found: dict[str, None] = {}
    for service in [each.name for each in settings.of(("smtpd",))] or [""]:
        lists = lists_of(settings, service)
        for name in restriction_lists.can_open_relay(lists, permitting):
            if restriction_lists.comes_first(name, lists[name], reference.text):
                found[shown(name, service, settings)] = None
    return list(found)


def lists_of(settings: Settings, service: str = "") -> dict[str, list[str]]:
    """The lists that are in force for a service, with restriction classes expanded."""
    names = words(settings.value("smtpd_restriction_classes", service))
    classes = {name: settings.value(name, service) for name in names}
    return {
        name: restriction_lists.flattened(settings.value(name, service), classes)
        for name in restriction_lists.LISTS
    }


def shown(parameter: str, service: str, settings: Settings) -> str:
    """The parameter, with the service if that overrides any of the lists."""
    has_own = any((service, name) in settings.overrides for name in restriction_lists.LISTS)
    return f"{service}: {parameter}" if has_own else parameter


def _may_permit(endpoint: Endpoint) -> bool:
    """Can the answer be a permission? For other tables, a handler does not examine values."""
    allowed = endpoint.allowed_actions if endpoint.answers_actions else None
    return allowed is None or any(_PERMITTING.fullmatch(action) for action in allowed)
