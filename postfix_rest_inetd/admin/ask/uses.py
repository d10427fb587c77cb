# SPDX-License-Identifier: MIT
"""Which parameters of this machine's Postfix ask an endpoint, and what that means for them.

A table counts only with the map that was asked. Parameters that check does not name because they
have another one's value by default are left out, except virtual_alias_domains, which decides about
mail.
"""

from __future__ import annotations

import contextlib
import itertools
import re
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.ask import effects, keys
from postfix_rest_inetd.admin.ask.actions import DOUBTFUL
from postfix_rest_inetd.admin.host import destination, postconf, references
from postfix_rest_inetd.admin.host.tokens import words

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.ask.effects import Rule
    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.config.endpoint import Endpoint

_CHECK = re.compile(r"check_\w+_access|check_policy_service", re.IGNORECASE)
_UNKNOWN = "query does not know what Postfix does with the reply there"


class Use(NamedTuple):
    """A place in Postfix's settings.

    Attributes:
        parameter: as `effects` has it, or the name of one of the access tables.
        shown: `virtual_alias_maps`, `check_sasl_access in smtpd_sender_restrictions`, with the
            service and the instance, if it is only theirs.
    """

    parameter: str
    shown: str


def find(endpoint: Endpoint, endpoints: list[Endpoint], map_name: str) -> list[Use]:
    """All places where this machine's Postfix asks an endpoint for a map, if it has maps.

    Args:
        endpoint: one of `endpoints`.
        endpoints: of the configuration.
        map_name: empty without one.
    """
    found: dict[Use, None] = {}
    for settings in instances():
        for service, parameter, value in references.places(settings):
            for reference in references.in_value(value, settings, service):
                if (
                    reference.mode == endpoint.mode
                    and (reference.map_name or "") == map_name
                    and destination.endpoint_of(reference, endpoints, settings) is endpoint
                ):
                    found.update(dict.fromkeys(_uses(service, parameter, value, reference.text)))
    return list(found)


def instances() -> Iterator[Settings]:
    """The settings of each instance that postconf(1) can read."""
    if not postconf.is_configured():
        return
    with contextlib.suppress(postconf.PostfixError):
        default = postconf.read()
        yield default
        for directory in words(default.value("multi_instance_directories")):
            with contextlib.suppress(postconf.PostfixError):
                other = postconf.read(directory, directory)
                name = other.value("multi_instance_name") or directory
                yield other._replace(instance=name)


def _uses(service: str, parameter: str, value: str, text: str) -> Iterator[Use]:
    """The places of a table or policy service in one value."""
    where = f"{parameter} of {service}" if service else parameter
    checks = [
        first.lower()
        for first, second in itertools.pairwise(words(value))
        if _CHECK.fullmatch(first) and text in words(second.strip("{}"))
    ]
    if checks:
        yield from (Use(check, f"{check} in {where}") for check in checks)
    elif not references.follows_by_default(parameter) or parameter == "virtual_alias_domains":
        yield Use(parameter, where)


def apart(rules: list[Rule], uses: list[Use], key: str | None) -> tuple[list[Rule], list[Rule]]:
    """The rules for the places in use, the informative ones first, and those for all others.

    Without a key, which a policy request does not have, all rules apply. Otherwise a parameter that
    Postfix does not ask for such a key is told of only where it is in use.
    """
    texts = {name: rule for rule in rules for name in rule.parameters.split(", ")}
    used: dict[tuple[int, str, str], list[str]] = {}
    for use in uses:
        rule = texts.get(effects.ACCESS if use.parameter.endswith("_access") else use.parameter)
        order, text, tone = len(rules), _UNKNOWN, DOUBTFUL
        if rule is not None and (key is None or keys.asks(use.parameter, key)):
            order, text, tone = rules.index(rule), rule.text, rule.tone
        elif rule is not None and key is not None:
            order, text = order + 1, f"Postfix does not ask there for {keys.form_of(key)}"
        used.setdefault((order, text, tone), []).append(use.shown)
    names = {use.parameter for use in uses}
    left = [
        rule._replace(parameters=", ".join(kept))
        for rule in rules
        if (kept := [name for name in rule.parameters.split(", ") if name not in names])
    ]
    others = left if key is None else effects.for_key(left, key)
    in_use = [
        effects.Rule(", ".join(shown), text, tone)
        for (_, text, tone), shown in sorted(used.items(), key=lambda item: item[0][0])
    ]
    return in_use, others
