# SPDX-License-Identifier: MIT
"""From what is found to what is done: nothing is done to units that cannot be opened now."""

from __future__ import annotations

from postfix_rest_inetd.admin.application import plan
from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING, Finding
from postfix_rest_inetd.admin.checks.steps import DISABLE_NOW, RELOAD, RESTART, START, Step
from postfix_rest_inetd.admin.checks.trouble import Trouble, blocking, solvable

TCP, POLICY = "postfix-rest-tcp@all.socket", "postfix-rest-policy@all.socket"
STOPPED = solvable(WARNING, POLICY, "is enabled, but not started", Step(START, POLICY))
MOVED = solvable(WARNING, TCP, "does not match", Step(RELOAD), Step(RESTART, TCP))
GONE = solvable(WARNING, TCP, "is enabled", Step(DISABLE_NOW, TCP))
HELD = blocking(ERROR, TCP, "does not listen", Step(RESTART, TCP), advice="Stop nginx.")
ELSEWHERE = Trouble(Finding(WARNING, "away", "this machine has no address 192.0.2.9"))
NO_GENERATOR = Trouble(Finding(ERROR, "generator", "is missing"), is_blocking=True)


def texts(found: plan.Plan) -> list[str]:
    """Its commands."""
    return [command.text for command in found.commands]


def test_steps_of_all():
    """The steps of all findings, and their reasons."""
    found = plan.of([MOVED, STOPPED, ELSEWHERE])
    assert texts(found) == [
        "systemctl daemon-reload",
        f"systemctl restart {TCP}",
        f"systemctl start {POLICY}",
    ]
    assert found.reasons == [MOVED.finding, STOPPED.finding]
    assert (found.obstacles, found.remarks) == ([], [ELSEWHERE.finding])
    assert found.closes_sockets


def test_an_address_is_held():
    """A restart would close the other addresses of the mode; other modes are independent."""
    found = plan.of([HELD, MOVED, STOPPED])
    assert texts(found) == [f"systemctl start {POLICY}"]
    assert found.reasons == [STOPPED.finding]
    assert found.obstacles == [HELD.finding, MOVED.finding._replace(advice="")]
    assert not found.closes_sockets


def test_what_is_held_is_found_last():
    """The order of the findings does not matter."""
    assert texts(plan.of([MOVED, STOPPED, HELD])) == [f"systemctl start {POLICY}"]


def test_without_a_generator():
    """Without the addresses, no socket can be opened."""
    found = plan.of([NO_GENERATOR, STOPPED, GONE])
    assert (found.commands, found.reasons) == ([], [])
    assert [each.where for each in found.obstacles] == ["generator", POLICY, TCP]


def test_only_remarks():
    """What prevents nothing is nothing to do."""
    found = plan.of([ELSEWHERE])
    assert (found.commands, found.obstacles) == ([], [])


def test_check_prints_what_is_done():
    """The commands below a finding are those of its steps; of a masked unit, those of a person."""
    assert MOVED.finding.advice == f"    systemctl daemon-reload\n    systemctl restart {TCP}"
    assert HELD.finding.advice == f"Stop nginx.\n    systemctl restart {TCP}"
    assert (HELD.steps, HELD.kind) == ((), MOVED.kind)
    masked = solvable(WARNING, TCP, "is masked", Step("unmask", TCP), Step(START, TCP))
    assert (masked.is_blocking, masked.steps) == (True, ())
    assert masked.finding.advice == f"    systemctl unmask {TCP}\n    systemctl start {TCP}"
