# SPDX-License-Identifier: MIT
"""Domains of an endpoint for which Postfix accepts mail to every address.

Postfix refuses unknown recipients of a domain if the parameter for the addresses of its class is
not empty (postconf(5), smtpd_reject_unlisted_recipient). Otherwise it accepts mail to an address
that does not exist, and bounces it to a sender who may be forged. virtual(8) delivers nothing at
all without virtual_mailbox_maps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import relaying
from postfix_rest_inetd.admin.checks.finding import ERROR, NOTE, WARNING, Finding
from postfix_rest_inetd.admin.host import restriction_lists

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint

ADDRESSES_OF = {
    "virtual_mailbox_domains": "virtual_mailbox_maps",
    "relay_domains": "relay_recipient_maps",
    "mydestination": "local_recipient_maps",
}
"""For each parameter with domains, the one with their addresses (ADDRESS_CLASS_README)."""

VERIFICATION = "reject_unverified_recipient"
_OTHER_CHECKS = ("check_policy_service", "check_recipient_access")


def findings(used: list[tuple[Reference, Endpoint]], settings: Settings) -> Iterator[Finding]:
    """What there is to say of one instance, with the endpoint that each reference leads to."""
    asked: set[str] = set()
    for reference, endpoint in used:
        if reference.mode == endpoint.mode:
            own = set(reference.parameters)
            # These have mydestination by default below compatibility_level 2, and it comes first.
            asked |= own - {"relay_domains"} if "mydestination" in own else own
    for domains, addresses in ADDRESSES_OF.items():
        if domains in asked and accepts_all(domains, settings):
            yield _finding(domains, addresses, settings)


def accepts_all(domains: str, settings: Settings) -> bool:
    """Does Postfix accept mail to every address of the domains of a parameter of ADDRESSES_OF?"""
    if settings.value(ADDRESSES_OF[domains]):
        return False
    return VERIFICATION not in _restrictions(settings)


def _loses(domains: str, settings: Settings) -> bool:
    """Would virtual(8) get the mail, which it cannot deliver without virtual_mailbox_maps?

    A transport table may give it to another program.
    """
    if domains != "virtual_mailbox_domains" or settings.value("transport_maps"):
        return False
    return is_for_virtual(settings)


def is_for_virtual(settings: Settings) -> bool:
    """Is virtual_transport virtual(8)?"""
    return settings.value("virtual_transport").partition(":")[0] == "virtual"


def _restrictions(settings: Settings) -> set[str]:
    """The words of the lists that are in force for every smtpd that takes mail of strangers."""
    services = [each.name for each in settings.of(("smtpd",))] or [""]
    found = [relaying.lists_of(settings, service) for service in services]
    for_strangers = [lists for lists in found if not restriction_lists.are_closed(lists)]
    return set.intersection(
        *(
            {word.lower() for name in restriction_lists.LISTS for word in lists[name]}
            for lists in for_strangers or found
        )
    )


def _finding(domains: str, addresses: str, settings: Settings) -> Finding:
    what = f"{addresses} is empty: Postfix accepts mail to every address of these domains"
    advice = f"Set {addresses} to a table that has the addresses"
    if _loses(domains, settings):
        severity = ERROR
        what += ", and virtual(8) cannot deliver it"
        advice += ", and virtual_transport to another program than virtual(8), such as LMTP."
    else:
        is_checked = any(word in _restrictions(settings) for word in _OTHER_CHECKS)
        is_usual = domains != "virtual_mailbox_domains"
        severity = NOTE if is_checked or is_usual else WARNING
        advice += f", or add {VERIFICATION} to {restriction_lists.RECIPIENT}. Otherwise mail to "
        advice += "an address that does not exist is bounced later, to a sender who may be forged."
    return Finding(severity, f"{settings.shown}: {domains}", what, advice)
