# SPDX-License-Identifier: MIT
"""References that do not lead to an endpoint, although they seem to be meant for one.

Tables and services elsewhere are not checked. A reference to an address of this machine where
nothing listens, and that no endpoint has, is reported as a wrong port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import typos, unread, wrong_kind
from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING, Finding
from postfix_rest_inetd.admin.host import destination, references
from postfix_rest_inetd.config.address import LocalAddress
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.listeners import Listeners
    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint


def findings(
    reference: Reference,
    endpoints: list[Endpoint],
    listeners: Listeners,
    settings: Settings,
    ours: frozenset[str],
) -> Iterator[Finding]:
    """What is wrong with one of them; `ours` are the addresses of our socket units."""
    if not is_lookup(reference.mode) and wrong_kind.URL.match(reference.text):
        what = "check_policy_service has a URL, but Postfix can only ask an endpoint"
        advice = wrong_kind.instead_of_url(endpoints, settings, wants_lookup=False)
        yield Finding(ERROR, destination.shown(reference, settings), what, advice)
        return
    for problem, meant in typos.readings(reference, settings):
        target = destination.endpoint_of(meant, endpoints, settings)
        if target is not None:
            what = f"{reference.text}: {problem}"
            fits = target.mode == meant.mode
            advice = f"Use {meant.text}"
            if not fits:
                advice = wrong_kind.advice(reference, target, endpoints, settings)
            yield Finding(ERROR, destination.shown(reference, settings), what, advice)
            return
    places = list(reference.addresses)
    places += [LocalAddress(None, path=path) for path in destination.paths(reference, settings)]
    if any(str(place) in ours for place in places):
        what = f"{reference.text}: a socket unit listens there, but config.json has no endpoint "
        what += "for it"
        advice = "Every request gets a temporary error. Add the endpoint, or change this reference."
        yield Finding(ERROR, destination.shown(reference, settings), what, advice)
        return
    for what, advice in () if places else unread.of_reference(reference, endpoints, settings):
        yield Finding(ERROR, destination.shown(reference, settings), what, advice)
    if not places or any(listeners.at(place) is not None for place in places):
        return
    if reference.path is not None and _is_service(reference.path, settings):
        return
    yield _wrong_port(reference, endpoints, settings)


def _wrong_port(reference: Reference, endpoints: list[Endpoint], settings: Settings) -> Finding:
    what = f"{reference.text}: nothing listens there, and no endpoint has this address"
    there = [e for e in endpoints if e.mode == reference.mode]
    known = ", ".join(f"{e.name} at {e.address}" for e in there) or "none"
    advice = f"The {reference.mode} endpoints of config.json: {known}."
    return Finding(ERROR, destination.shown(reference, settings), what, advice)


def _is_service(path: str, settings: Settings) -> bool:
    """Is it a socket that Postfix itself listens at, as for spawn(8)?"""
    directory, _, name = path.partition("/")
    services = {service.name for service in settings.services}
    return directory in ("private", "public") and f"{name}/unix" in services


def unknown(endpoints: list[Endpoint], settings: Settings) -> Iterator[Finding]:
    """Parameters that Postfix does not know, and nothing else uses, with an endpoint of ours."""
    for parameter, value in settings.unknown:
        for reference in references.in_value(value, settings):
            if destination.endpoint_of(reference, endpoints, settings) is not None:
                what = f"{reference.text} is not used: Postfix does not have this parameter"
                advice = f"postconf reports it as unused. Is {parameter} misspelt?"
                yield Finding(WARNING, f"{settings.shown}: {parameter}", what, advice)
