# SPDX-License-Identifier: MIT
"""The part of `migrate` about main.cf: which endpoints Postfix asks already, and how to add others.

There is one command for each parameter: it keeps the present value (or Postfix's default) word for
word, and adds our element to the end. If the value cannot be shown, or if the command would not
have its obvious effect, a comment replaces it. None of our elements precedes the relay check.
"""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import asking, misfits, unlisted
from postfix_rest_inetd.admin.checks import relaying as relaying_checks
from postfix_rest_inetd.admin.host import destination, postconf, references, restriction_lists

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from postfix_rest_inetd.admin.checks.finding import Finding
    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint

PURPOSES = {
    "domain": "virtual_mailbox_domains",
    "alias": "virtual_alias_maps",
    "mailbox": "virtual_mailbox_maps",
    "transport": "transport_maps",
    "relay": "relay_domains",
    "login": "smtpd_sender_login_maps",
}
"""The parameter for each purpose of a lookup, which `migrate` sees in the name of an endpoint."""

_NO_VIRTUAL = "virtual(8) refuses such tables; set another virtual_transport first"

_HINTS = {
    "transport_maps": "Postfix also asks a transport table for *: if the backend answers that with "
    "a 4xx instead of [], all mail is deferred.",
    restriction_lists.RECIPIENT: "At the end of the list, no answer can open a relay. Mail of your "
    "own users is checked as well.",
}


def warnings(endpoints: list[Endpoint], settings: Settings | None) -> Iterator[Finding]:
    """Endpoints that Postfix asks already, where an OK of the backend makes an open relay."""
    if settings is not None:
        yield from relaying_checks.findings(_used(endpoints, settings), settings)


def _used(endpoints: list[Endpoint], settings: Settings) -> list[tuple[Reference, Endpoint]]:
    """The references that Postfix has already, each with the endpoint that it leads to."""
    found = (
        (reference, destination.endpoint_of(reference, endpoints, settings))
        for reference in references.find(settings)
    )
    return [(reference, endpoint) for reference, endpoint in found if endpoint is not None]


def lines(endpoints: list[Endpoint], settings: Settings | None) -> Iterator[str]:
    """Commands and comments: for each endpoint where Postfix asks it, or how it can be made to."""
    asked_by: dict[Endpoint, list[str]] = {}
    relaying: dict[Endpoint, list[str]] = {}
    if settings is not None:
        used = _used(endpoints, settings)
        for reference, endpoint in used:
            asked_by.setdefault(endpoint, []).extend(reference.parameters)
            places = relaying_checks.places(reference, used, settings)
            relaying.setdefault(endpoint, []).extend(places)
    additions: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        parameter = _parameter(endpoint)
        if endpoint in asked_by:
            stay = "see the warning above" if relaying[endpoint] else "which needs no change"
            yield f"# {endpoint.name} is used by {', '.join(asked_by[endpoint])}, {stay}."
        elif obstacle := asking.obstacle(endpoint):
            yield f"# {endpoint.name} ({endpoint.address}): {obstacle.what}."
            yield f"#   {obstacle.advice}"
        elif parameter is None:
            yield f"# The name {endpoint.name} does not tell its purpose. As a table it is"
            yield f"#   {_element(endpoint, settings)}"
        elif found := _unreachable(endpoint, parameter, _element(endpoint, settings), settings):
            yield f"# {endpoint.name} cannot be added to {parameter}. {found}"
        else:
            additions.setdefault(parameter, []).append(endpoint)
    has_new = False
    for parameter, added in additions.items():
        names = ", ".join(endpoint.name for endpoint in added)
        yield f"# For {names}, if this is the purpose; the current value is kept:"
        yield from _hints(parameter, additions, settings)
        command = _command(parameter, added, settings)
        has_new |= not command.startswith("#")
        yield command
    if has_new:
        yield "postfix reload"


def commands_for(
    endpoint: Endpoint, purposes: tuple[str, ...], settings: Settings | None
) -> Iterator[str]:
    """Comments, and at most one command, which makes Postfix ask one endpoint.

    Args:
        endpoint: without an obstacle (asking.py).
        purposes: words of PURPOSES, for a lookup.
        settings: of Postfix, if they are known.
    """
    queue = "" if settings is None else settings.value("queue_directory")
    if endpoint.is_lookup and not purposes:
        yield f"# As a table it is {asking.element(endpoint, 'NAME', queue)}"
    wanted = {PURPOSES[word]: word for word in purposes}
    if not endpoint.is_lookup:
        wanted = {restriction_lists.RECIPIENT: ""}
    assignments: list[str] = []
    later: list[str] = []
    for parameter, word in wanted.items():
        if _asks(parameter, endpoint, word, settings):
            yield f"# {parameter} asks it already."
            continue
        element = asking.element(endpoint, word, queue)
        if found := _unreachable(endpoint, parameter, element, settings):
            yield f"# {found}"
            continue
        yield from _hints(parameter, wanted, settings)
        addition = _addition(parameter, element, settings)
        if addition.startswith("#"):
            yield addition
        else:
            suitable = later if _is_for_virtual(parameter, settings) else assignments
            suitable.append(shlex.quote(addition))
    if later:
        yield f"# {_NO_VIRTUAL}, and then:"
        yield from (f"#   {line}" for line in _command_lines(later))
    if assignments:
        yield from _command_lines(assignments)


def _command_lines(assignments: list[str]) -> list[str]:
    """A command that gives several parameters their values."""
    lines = [f"postconf -e {assignments[0]}", *(f"    {each}" for each in assignments[1:])]
    return [*(f"{line} \\" for line in lines[:-1]), f"{lines[-1]} &&", "    postfix reload"]


def _is_for_virtual(parameter: str, settings: Settings | None) -> bool:
    """Would virtual(8) use a table of a parameter, or get the mail for its domains?"""
    if settings is None or not unlisted.is_for_virtual(settings):
        return False
    if parameter == "virtual_mailbox_domains":
        return unlisted.accepts_all(parameter, settings)
    return parameter == "virtual_mailbox_maps"


def _hints(parameter: str, added: Collection[str], settings: Settings | None) -> Iterator[str]:
    """Comments on a parameter that gets a new element, as all of ADDED do."""
    if parameter in _HINTS:
        yield f"# {_HINTS[parameter]}"
    addresses = unlisted.ADDRESSES_OF.get(parameter)
    if settings is None or addresses is None or addresses in added:
        return
    if unlisted.accepts_all(parameter, settings):
        yield f"# While {addresses} is empty, Postfix accepts mail to every address of"
        yield "# these domains."


def _unreachable(
    endpoint: Endpoint, parameter: str, element: str, settings: Settings | None
) -> str:
    """What keeps a chrooted program of Postfix from an endpoint, and what helps; "" for nothing."""
    if settings is None:
        return ""
    found = misfits.unreachable(endpoint, parameter, element, settings)
    return f"{found.what}. {found.advice}" if found else ""


def _asks(parameter: str, endpoint: Endpoint, word: str, settings: Settings | None) -> bool:
    """Does a parameter have the table of a purpose, or the policy service, already?"""
    return settings is not None and any(
        parameter in reference.parameters and reference.map_name in (None, word)
        for reference, _ in _used([endpoint], settings)
    )


def _parameter(endpoint: Endpoint) -> str | None:
    """The probable purpose of an endpoint; None if its name suggests none, or several."""
    if not endpoint.is_lookup:
        return restriction_lists.RECIPIENT
    found = [name for word, name in PURPOSES.items() if word in endpoint.name.lower()]
    return found[0] if len(found) == 1 else None


def _command(parameter: str, endpoints: list[Endpoint], settings: Settings | None) -> str:
    """The command that adds endpoints to a parameter, or a comment."""
    ours = ", ".join(_element(endpoint, settings) for endpoint in endpoints)
    if _is_for_virtual(parameter, settings):
        return f"# {_NO_VIRTUAL}, and then add to {parameter}: {ours}"
    addition = _addition(parameter, ours, settings)
    return addition if addition.startswith("#") else f"postconf -e {shlex.quote(addition)}"


def _addition(parameter: str, ours: str, settings: Settings | None) -> str:
    """The parameter with its present value and OURS, for `postconf -e`; or a comment."""
    behind = ""
    if parameter == restriction_lists.RECIPIENT:
        behind = ", after reject_unauth_destination if it is there"
    if settings is None:
        reason = "Postfix cannot be asked here for its settings"
        return f"# {reason}; add to the end of {parameter}{behind}: {ours}"
    now = postconf.present(parameter)
    if now is None:
        reason = f"the value of {parameter} cannot be shown here as it is"
        return f"# {reason}; add to its end{behind}: {ours}"
    if _is_of_old(parameter, now, settings):
        now = ""
    new: str | None = restriction_lists.joined(now, ours)
    if parameter == restriction_lists.RECIPIENT:
        elements = relaying_checks.lists_of(settings)[parameter]
        new = restriction_lists.added(now, ", ".join(elements), ours)
    if new is None:
        reason = f"the end of {parameter} is never passed"
        return f"# {reason}; put this before it, but after reject_unauth_destination: {ours}"
    return f"{parameter} = {new}"


def _is_of_old(parameter: str, now: str, settings: Settings) -> bool:
    """Is it Postfix's default of virtual_mailbox_domains, which means the table of addresses?

    Until Postfix 2.0, that had domains as well. A new table of addresses does not, but would be
    asked for each domain.
    """
    is_default = parameter == "virtual_mailbox_domains" and now == "$virtual_mailbox_maps"
    return is_default and not settings.value("virtual_mailbox_maps")


def _element(endpoint: Endpoint, settings: Settings | None) -> str:
    """The element of a parameter that makes Postfix ask an endpoint."""
    words = (word for word in PURPOSES if word in endpoint.name.lower())
    queue = "" if settings is None else settings.value("queue_directory")
    return asking.element(endpoint, next(words, "NAME"), queue)
