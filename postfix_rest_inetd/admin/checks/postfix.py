# SPDX-License-Identifier: MIT
"""Postfix: do its tables and policy services that point here fit the endpoints?"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import (
    asking,
    misfits,
    postfix_notes,
    relaying,
    repeats,
    strays,
    unlisted,
    unread,
)
from postfix_rest_inetd.admin.checks.finding import NOTE, WARNING, Finding
from postfix_rest_inetd.admin.host import destination, postconf, references
from postfix_rest_inetd.units.advice import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.listeners import Listeners
    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.config.endpoint import Endpoint


def findings(
    endpoints: list[Endpoint],
    listeners: Listeners,
    instances: list[Settings],
    ours: frozenset[str] = frozenset(),
) -> Iterator[Finding]:
    """What does not fit, in all instances; `ours` are the addresses of our socket units."""
    asked: set[Endpoint] = set()
    for settings in instances:
        used = []
        for reference in references.find(settings):
            target = destination.endpoint_of(reference, endpoints, settings)
            if target is None:
                yield from strays.findings(reference, endpoints, listeners, settings, ours)
            else:
                used.append((reference, target))
                yield from misfits.findings(reference, target, endpoints, listeners, settings)
        asked.update(target for _, target in used)
        yield from unread.findings(endpoints, settings)
        yield from relaying.findings(used, settings)
        yield from unlisted.findings(used, settings)
        yield from repeats.findings(used, settings)
        yield from postfix_notes.findings(used, settings)
        yield from strays.unknown(endpoints, settings)
    obstacles = {e: found for e in endpoints if e not in asked and (found := asking.obstacle(e))}
    for endpoint, (what, advice) in obstacles.items():
        yield Finding(WARNING, endpoint.name, what, advice)
    idle = [e.name for e in endpoints if e not in asked and e not in obstacles]
    if idle:
        what = "is not used by any table or policy service of Postfix"
        yield Finding(NOTE, listed(idle), what)


def settings_and_notes() -> tuple[list[Settings], list[Finding]]:
    """The settings of each instance of Postfix, or why there are none."""
    if not postconf.is_installed():
        return [], [Finding(NOTE, "Postfix", "is not installed here, so it was not checked")]
    found, notes = [], []
    for instance, directory in postconf.instances():
        try:
            found.append(postconf.read(instance, directory))
        except postconf.PostfixError as error:
            where = f"Postfix {instance}".rstrip()
            notes.append(Finding(NOTE, where, f"was not checked: {error}"))
    return found, notes


def settings_or_note() -> tuple[Settings | None, list[Finding]]:
    """The settings of the default instance, or why there are none."""
    found, notes = settings_and_notes()
    default = next((settings for settings in found if not settings.directory), None)
    return default, notes
