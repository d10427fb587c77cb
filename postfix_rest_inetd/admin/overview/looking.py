# SPDX-License-Identifier: MIT
"""Looks at everything once. What this user may not see is said, and is not an error."""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.checks import configuration, parts
from postfix_rest_inetd.admin.checks.finding import ERROR, NOTE, WARNING, Finding
from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.host import connections, versions
from postfix_rest_inetd.admin.host.listeners import Listeners
from postfix_rest_inetd.admin.overview import last_hour
from postfix_rest_inetd.admin.statistics import latest
from postfix_rest_inetd.admin.statistics.journal import JournalError
from postfix_rest_inetd.admin.stored import down, place
from postfix_rest_inetd.cache import clock
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError
from postfix_rest_inetd.journal import IDENTIFIER

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.host.connections import Count
    from postfix_rest_inetd.admin.overview.last_hour import LastHour
    from postfix_rest_inetd.admin.stored.down import Down
    from postfix_rest_inetd.config.endpoint import Endpoint

_SOCKETS = frozenset(("sockets",))


class Places(NamedTuple):
    """Where to look: the configuration, the cache directory, and the journal (None: the usual)."""

    config: str
    cache_directory: str
    journal: str | None


class Listening(NamedTuple):
    """An endpoint, whether anything listens at its address, and its connections."""

    endpoint: Endpoint
    listens: bool
    connections: Count

    @property
    def key(self) -> tuple[str, str]:
        """Name and mode, as the statistics have them."""
        return last_hour.as_read(self.endpoint.name), self.endpoint.mode


class Overview(NamedTuple):
    """What there is.

    Attributes:
        when: in seconds since 1970.
        endpoints: in the order of the file.
        findings: the errors and warnings of `check` about the configuration and the sockets.
        notes: what could not be seen, in sentences.
        hour: None if the journal cannot be read.
        down: the backends that handlers know to be down.
        versions: of the programs, by name.
        is_config_known: may this user read the configuration?
    """

    when: float
    endpoints: list[Listening]
    findings: list[Finding]
    notes: list[str]
    hour: LastHour | None
    down: list[Down]
    versions: dict[str, str]
    is_config_known: bool = True

    @property
    def errors(self) -> int:
        """How many findings are errors."""
        return sum(finding.severity == ERROR for finding in self.findings)

    @property
    def silent(self) -> int:
        """How many endpoints do not listen."""
        return sum(not each.listens for each in self.endpoints)

    @property
    def failing(self) -> list[str]:
        """The backends that are down, or whose last request failed, by origin."""
        answers = {} if self.hour is None else self.hour.answers
        failing = [origin for origin, known in answers.items() if known.failures]
        down = [last_hour.as_read(each.origin) for each in self.down]
        return list(dict.fromkeys([*down, *failing]))

    @property
    def is_wrong(self) -> bool:
        """Is there an error, a silent endpoint, a failed request, or a failing backend?"""
        has_failures = self.hour is not None and (self.hour.failures or self.hour.failed_before)
        return bool(self.errors or self.silent or has_failures or self.failing)

    @property
    def is_complete(self) -> bool:
        """Was everything seen on which `is_wrong` depends, apart from outages?"""
        return self.hour is not None and self.hour.is_sure and self.is_config_known


def look(places: Places) -> Overview:
    """Look at all of it."""
    now = time.time()
    notes: list[str] = []
    endpoints, findings = _configured(places.config, notes)
    usable = [each for each in endpoints if not each.problems and not each.targets.problems()]
    listeners = Listeners()
    counts = connections.count(endpoints)
    if any(each.hibernating is None for each in counts):
        notes.append("how many connections hibernate is not known: only root can see that")
    return Overview(
        now,
        [
            Listening(endpoint, listeners.at(endpoint.address) is not None, count)
            for endpoint, count in zip(endpoints, counts, strict=True)
        ],
        findings,
        notes,
        _hour(usable, now, places.journal, notes),
        _down(usable, places.cache_directory, notes),
        versions.all_of_them(),
        not configuration.is_closed(places.config),
    )


def _configured(path: str, notes: list[str]) -> tuple[list[Endpoint], list[Finding]]:
    """The endpoints, and what `check` finds wrong with the file and with the sockets."""
    if configuration.is_closed(path):
        notes.append(f"endpoints are not known: {path}: Permission denied")
        return [], []
    _, found = configuration.load(path)
    if "sockets" in parts.parts_for(path):
        found += parts.findings(path, _SOCKETS)
    found = list(dict.fromkeys(found))  # the sockets repeat what is wrong with the file
    wrong = [each for each in found if each.severity in (ERROR, WARNING)]
    notes += [f"{each.where}: {each.what}" for each in found if each.severity == NOTE]
    try:
        return loading.load(path, tolerant=True).endpoints, wrong
    except ConfigError:
        return [], wrong


def _hour(
    endpoints: list[Endpoint], now: float, directory: str | None, notes: list[str]
) -> LastHour | None:
    if directory is None and not latest.is_open(latest.journals()):
        notes.append(
            "requests are not known: only root and the group systemd-journal may read the journal"
        )
        return None
    try:
        found = last_hour.read(endpoints, now, directory)
    except JournalError as error:
        notes.append(f"requests are not known: {error}")
        return None
    notes += [f"the numbers are too low: {text}" for text in found.lost.sentences()]
    if found.is_flooded:
        notes.append(
            f"most entries of {IDENTIFIER} in the journal are not from handlers; journalctl "
            f"-t {IDENTIFIER} -o verbose -n 3 shows which program writes them"
        )
    return found


def _down(endpoints: list[Endpoint], directory: str, notes: list[str]) -> list[Down]:
    if not os.path.lexists(directory):
        return []  # no handler has shared anything there
    try:
        with place.used(directory):
            return down.backends(directory, endpoints, clock.now())
    except CommandError as error:
        notes.append(f"outages that handlers know of are not shown: {error}")
        return []
