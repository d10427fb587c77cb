# SPDX-License-Identifier: MIT
"""Tables and policy services in places that do not fit together, or that have no effect.

These are domains in two address classes, names of maps that differ in letter case alone, elements
that a list has twice, and restrictions after one that decides about every mail. Pure.
"""

from __future__ import annotations

import itertools
from collections import Counter
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import relaying
from postfix_rest_inetd.admin.checks.finding import NOTE, WARNING, Finding
from postfix_rest_inetd.admin.host import references, restriction_lists
from postfix_rest_inetd.admin.host.tokens import words
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint

    Used = list[tuple[Reference, Endpoint]]

# trivial-rewrite(8), resolve.c: "do not list domain ... in BOTH ..."; the first one wins.
_CLASSES = ("mydestination", "virtual_alias_domains", "virtual_mailbox_domains", "relay_domains")

# Below compatibility_level 2, the second one has the first one by default, and Postfix is silent.
_BY_DEFAULT = ["mydestination", "relay_domains"]


def findings(used: Used, settings: Settings) -> Iterator[Finding]:
    """What is there twice in one instance; each reference with the endpoint that it leads to."""
    yield from _classes(used, settings)
    yield from _letter_case(used, settings)
    yield from _twice(used, settings)
    yield from _never_asked(used, settings)


def _classes(used: Used, settings: Settings) -> Iterator[Finding]:
    """One table that decides about domains of two classes."""
    for reference, endpoint in used:
        own = [name for name in _CLASSES if name in reference.parameters]
        if len(own) > 1 and own != _BY_DEFAULT:
            what = f"{reference.text} is in both, so each domain of {endpoint.name} is in two "
            what += f"address classes: Postfix warns of that, and {own[0]} wins"
            advice = f"Remove it from {' and '.join(own[1:])}, or from {own[0]}."
            yield Finding(WARNING, f"{settings.shown}: {', '.join(own)}", what, advice)
        elif own and own != ["virtual_alias_domains"] and _are_alias_domains(reference, settings):
            what = f"{reference.text} is in virtual_alias_maps as well, which virtual_alias_domains"
            what += f" are by default, so each domain of {endpoint.name} is in two address classes"
            advice = "Set virtual_alias_domains to the domains that have only aliases, or to an "
            advice += "empty value if there are none."
            yield Finding(WARNING, f"{settings.shown}: {', '.join(own)}", what, advice)


def _are_alias_domains(reference: Reference, settings: Settings) -> bool:
    """Is a table in virtual_alias_domains by default (postconf(5))?"""
    aliases = settings.value("virtual_alias_maps")
    is_default = settings.value("virtual_alias_domains") == aliases
    return is_default and "virtual_alias_maps" in reference.parameters


def _letter_case(used: Used, settings: Settings) -> Iterator[Finding]:
    """Maps of one endpoint with nearly the same name: one of them may be misspelt."""
    seen: dict[tuple[Endpoint, str], Reference] = {}
    for reference, endpoint in used:
        name = reference.map_name
        if name is None:
            continue
        other = seen.setdefault((endpoint, name.casefold()), reference)
        if other.map_name != name:
            where = dict.fromkeys((*other.parameters, *reference.parameters))
            what = f"{endpoint.name} is asked for the map {other.map_name} and for the map {name}: "
            what += "these names are different for the backend"
            advice = "If they are one map, write both names alike."
            yield Finding(WARNING, f"{settings.shown}: {', '.join(where)}", what, advice)


def _twice(used: Used, settings: Settings) -> Iterator[Finding]:
    """Elements that one list has more than once."""
    for reference, endpoint in used:
        for shown in reference.parameters:
            service, _, parameter = shown.rpartition(": ")
            value = settings.value(parameter, service)
            count = _count(reference, value, settings, service)
            if count > 1 and not (is_lookup(reference.mode) and "check_" in value):
                what = f"{reference.text} is there {count} times, so {endpoint.name} "
                what += "can be asked as often for the same"
                yield Finding(NOTE, f"{settings.shown}: {shown}", what, "Once is enough.")


def _count(reference: Reference, value: str, settings: Settings, service: str) -> int:
    """How often does a list have a table, or a policy service with the same options?"""
    if is_lookup(reference.mode):
        return sum(
            each.text == reference.text for each in references.in_value(value, settings, service)
        )
    specifications = Counter(
        after
        for before, after in itertools.pairwise(words(value))
        if before.lower() == references.POLICY_SERVICE
        and restriction_lists.asks(after, (reference.text,))
    )
    return max(specifications.values(), default=0)  # policy_context=... makes another request


def _never_asked(used: Used, settings: Settings) -> Iterator[Finding]:
    """References behind a restriction that ends its list for every mail."""
    told: set[tuple[str, str]] = set()
    for service in [each.name for each in settings.of(("smtpd",))] or [""]:
        lists = relaying.lists_of(settings, service)
        for name, elements in lists.items():
            end, rest = restriction_lists.after_its_end(elements)
            for reference, endpoint in used:
                where = relaying.shown(name, service, settings)
                is_there = any(restriction_lists.asks(each, (reference.text,)) for each in rest)
                if is_there and (where, reference.text) not in told:
                    told.add((where, reference.text))
                    what = f"{endpoint.name} is never asked here, because {end} before "
                    what += f"{reference.text} decides about every mail"
                    advice = f"Move {end} behind it."
                    yield Finding(WARNING, f"{settings.shown}: {where}", what, advice)
