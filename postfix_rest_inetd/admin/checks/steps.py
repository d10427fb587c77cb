# SPDX-License-Identifier: MIT
"""Steps for socket units: the commands of systemctl, in the one order that is right for all.

A finding about socket units has its steps. `check` prints them below the finding, and `apply` takes
those of all findings together, so both come from one decision. Pure: nothing is run here.

The order:

    stop            a unit that listens at an address of another unit would keep it at a reload
    reload          (the script) it compares the options of sockets, so it comes before any reload
    disable         units without an endpoint, before a reload, which then forgets their addresses
    daemon-reload   the generator gives all units the addresses of config.json
    enable, start   last, when everybody else has left the addresses
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.units.advice import command, quoted

if TYPE_CHECKING:
    from collections.abc import Iterable

STOP, DISABLE, DISABLE_NOW = "stop", "disable", "disable --now"
UNMASK, UNMASK_RUNTIME = "unmask", "unmask --runtime"
ENABLE, ENABLE_NOW = "enable", "enable --now"
RESET, RESTART, START = "reset-failed", "restart", "start"
RELOAD = "daemon-reload"
RELOAD_SCRIPT = "/usr/libexec/postfix-rest-inetd/reload"
"""A daemon-reload that restarts the sockets whose options have changed, and no others."""

VERBS = (
    *(STOP, RELOAD_SCRIPT, DISABLE_NOW, DISABLE, RESET, UNMASK, UNMASK_RUNTIME),
    *(RELOAD, ENABLE, ENABLE_NOW, RESTART, START),
)


class Step(NamedTuple):
    """A verb of systemctl for one unit; RELOAD and RELOAD_SCRIPT have none."""

    verb: str
    unit: str = ""


class Command(NamedTuple):
    """A command line."""

    verb: str
    units: tuple[str, ...] = ()

    @property
    def words(self) -> list[str]:
        """What can be copied to a shell: the command with its options, and each unit."""
        if self.verb == RELOAD_SCRIPT:
            return [self.verb]
        return [command(self.verb), *(quoted(unit) for unit in self.units)]

    @property
    def text(self) -> str:
        """The same in one line."""
        return " ".join(self.words)

    @property
    def argv(self) -> list[str]:
        """The form that can be run."""
        if self.verb == RELOAD_SCRIPT:
            return [RELOAD_SCRIPT]
        return ["systemctl", *self.verb.split(), *(["--"] if self.units else []), *self.units]

    @property
    def opens(self) -> bool:
        """Does it only open sockets, so that those of other units do not depend on it?"""
        return self.verb in (ENABLE_NOW, RESTART, START)


def commands(steps: Iterable[Step]) -> list[Command]:
    """The commands for all steps: each verb once, in the right order, and no unit opened twice."""
    units: dict[str, list[str]] = {}
    for step in dict.fromkeys(steps):
        units.setdefault(step.verb, []).append(step.unit)
    _join(units, DISABLE, DISABLE_NOW, DISABLE_NOW)
    _join(units, STOP, RESTART, START)
    _join(units, START, RESTART, RESTART)
    _join(units, ENABLE, START, ENABLE_NOW)
    return [Command(verb, tuple(filter(None, units[verb]))) for verb in VERBS if units.get(verb)]


def _join(units: dict[str, list[str]], one: str, other: str, joined: str) -> None:
    """A unit that has the steps ONE and OTHER has JOINED instead; a STOP remains."""
    both = [unit for unit in units.get(one, ()) if unit in units.get(other, ())]
    for verb in {one, other} - {joined, STOP}:
        units[verb] = [unit for unit in units.get(verb, ()) if unit not in both]
    kept = units.setdefault(joined, [])
    kept += [unit for unit in both if unit not in kept]
