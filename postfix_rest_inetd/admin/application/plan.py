# SPDX-License-Identifier: MIT
"""What there is to do for the socket units: the steps of all findings, as commands.

A finding that only the administrator can solve keeps all units of its mode as they are: a restart
at an address that another process holds would close the addresses that are open now.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.checks.finding import ERROR
from postfix_rest_inetd.admin.checks.steps import RESTART, STOP, Command, Step, commands

if TYPE_CHECKING:
    from collections.abc import Iterable

    from postfix_rest_inetd.admin.checks.finding import Finding
    from postfix_rest_inetd.admin.checks.trouble import Trouble


class Plan(NamedTuple):
    """What there is to do.

    Attributes:
        commands: in their order.
        reasons: what they solve.
        obstacles: what the administrator has to solve first, and what cannot be done until then.
        remarks: what is worth knowing and prevents nothing.
    """

    commands: list[Command]
    reasons: list[Finding]
    obstacles: list[Finding]
    remarks: list[Finding]

    @property
    def closes_sockets(self) -> bool:
        """Is a socket closed, and opened again?"""
        return any(command.verb in (RESTART, STOP) for command in self.commands)


def of(troubles: Iterable[Trouble]) -> Plan:
    """The plan for what was found."""
    troubles = list(troubles)
    blocked = {trouble.kind for trouble in troubles if trouble.is_blocking}
    plan = Plan([], [], [], [])
    steps: list[Step] = []
    for trouble in troubles:
        if trouble.is_blocking or (trouble.finding.severity == ERROR and not trouble.steps):
            plan.obstacles.append(trouble.finding)
        elif not trouble.steps:
            plan.remarks.append(trouble.finding)
        elif trouble.kind in blocked or "" in blocked:
            plan.obstacles.append(trouble.finding._replace(advice=""))
        else:
            plan.reasons.append(trouble.finding)
            steps += trouble.steps
    plan.commands.extend(commands(steps))
    return plan
