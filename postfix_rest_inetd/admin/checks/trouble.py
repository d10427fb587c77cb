# SPDX-License-Identifier: MIT
"""A finding about socket units, and the steps that solve it: what `check` prints, `apply` does."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.checks import steps as unit_steps
from postfix_rest_inetd.admin.checks.finding import Finding
from postfix_rest_inetd.admin.checks.finding import commands as indented
from postfix_rest_inetd.admin.checks.steps import (
    RELOAD,
    RESTART,
    START,
    UNMASK,
    UNMASK_RUNTIME,
    Step,
)
from postfix_rest_inetd.admin.host import systemd

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.host.socket_units import Unit


class Trouble(NamedTuple):
    """A finding and its steps.

    Attributes:
        finding: what `check` prints; its advice has the commands of the steps.
        kind: the template, without the @, whose units it is about; empty if it is about all.
        steps: what solves it; empty if only the administrator can.
        is_blocking: must it be solved before there are steps for the units of this kind?
    """

    finding: Finding
    kind: str = ""
    steps: tuple[Step, ...] = ()
    is_blocking: bool = False


def solvable(severity: str, unit: str, what: str, *steps: Step, advice: str = "") -> Trouble:
    """A trouble of a unit that steps solve; ADVICE is a line before them.

    An administrator who masks a unit wants it to stay down, so only the administrator unmasks it.
    """
    if any(step.verb in (UNMASK, UNMASK_RUNTIME) for step in steps):
        return blocking(severity, unit, what, *steps, advice=advice)
    return Trouble(_finding(severity, unit, what, steps, advice), _kind_of(unit), steps)


def blocking(severity: str, unit: str, what: str, *steps: Step, advice: str = "") -> Trouble:
    """A trouble of a unit that only the administrator can solve; what follows are the steps."""
    finding = _finding(severity, unit, what, steps, advice)
    return Trouble(finding, _kind_of(unit), is_blocking=True)


def _finding(severity: str, unit: str, what: str, steps: tuple[Step, ...], advice: str) -> Finding:
    lines = indented(*(command.text for command in unit_steps.commands(steps)))
    return Finding(severity, unit, what, "\n".join(filter(None, (advice, lines))))


def _kind_of(unit: str) -> str:
    return unit.partition("@")[0]


def reopening(unit: Unit) -> tuple[Step, ...]:
    """The steps that start a unit, again if it is active, with the files that there are now."""
    verb = RESTART if unit.is_active else START
    return (*unmasking(unit.name), *reloading(unit), Step(verb, unit.name))


def reloading(unit: Unit) -> tuple[Step, ...]:
    """The step before a start, if a file of the unit has changed."""
    return (Step(RELOAD),) if unit.needs_reload else ()


def unmasking(unit: str) -> tuple[Step, ...]:
    """The steps that unmask a unit and its template; none if they are not masked."""
    return tuple(
        Step(UNMASK_RUNTIME if is_runtime else UNMASK, name)
        for name, is_runtime in systemd.masked(unit)
    )
