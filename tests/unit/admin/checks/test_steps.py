# SPDX-License-Identifier: MIT
"""Steps of several findings become commands: the order, and what is joined."""

from __future__ import annotations

import pytest

from harness.wire import table
from postfix_rest_inetd.admin.checks.steps import (
    DISABLE,
    DISABLE_NOW,
    ENABLE,
    RELOAD,
    RELOAD_SCRIPT,
    RESET,
    RESTART,
    START,
    STOP,
    UNMASK,
    UNMASK_RUNTIME,
    Step,
    commands,
)

A, B = "postfix-rest-tcp@all.socket", r"postfix-rest-tcp@b\x20b.socket"
NOTHING: list[str] = []

CASES = {
    "nothing": ([], NOTHING),
    "one reload for several": ([Step(RELOAD), Step(RELOAD)], ["systemctl daemon-reload"]),
    "enabled and started": ([Step(START, A), Step(ENABLE, A)], [f"systemctl enable --now {A}"]),
    "enabled and restarted": (
        [Step(RESTART, A), Step(ENABLE, A)],
        [f"systemctl enable {A}", f"systemctl restart {A}"],
    ),
    "a restart is a start": (
        [Step(START, A), Step(RESTART, A), Step(START, B)],
        [f"systemctl restart {A}", f"systemctl start '{B}'"],
    ),
    "stopped before a reload, and then started only": (
        [Step(RESTART, A), Step(RELOAD), Step(STOP, A)],
        [f"systemctl stop {A}", "systemctl daemon-reload", f"systemctl start {A}"],
    ),
    "stopped, and enabled at its start": (
        [Step(STOP, A), Step(START, A), Step(ENABLE, A)],
        [f"systemctl stop {A}", f"systemctl enable --now {A}"],
    ),
    "several units": (
        [Step(ENABLE, A), Step(ENABLE, B), Step(START, A)],
        [f"systemctl enable '{B}'", f"systemctl enable --now {A}"],
    ),
    "disabled in two ways": (
        [Step(DISABLE, A), Step(DISABLE_NOW, A), Step(DISABLE, B)],
        [f"systemctl disable --now {A}", f"systemctl disable '{B}'"],
    ),
    "unmasked in both places": (
        [Step(START, A), Step(UNMASK_RUNTIME, A), Step(UNMASK, A)],
        [f"systemctl unmask {A}", f"systemctl unmask --runtime {A}", f"systemctl start {A}"],
    ),
    "all at once": (
        [
            *(Step(RESTART, A), Step(RELOAD), Step(RESET, B), Step(DISABLE_NOW, B)),
            *(Step(RELOAD_SCRIPT), Step(ENABLE, A)),
        ],
        [
            *("/usr/libexec/postfix-rest-inetd/reload", f"systemctl disable --now '{B}'"),
            *(f"systemctl reset-failed '{B}'", "systemctl daemon-reload"),
            *(f"systemctl enable {A}", f"systemctl restart {A}"),
        ],
    ),
}


@pytest.mark.parametrize("steps, texts", table(CASES))
def test_commands(steps, texts):
    """In any order of the findings, the commands are the same but for the order of units."""
    assert [command.text for command in commands(steps)] == texts
    assert [command.verb for command in commands(steps[::-1])] == [
        command.verb for command in commands(steps)
    ]


def test_arguments():
    """A unit is no option for systemctl, and its name needs no quotes there."""
    (restart,) = commands([Step(RESTART, B)])
    assert restart.argv == ["systemctl", "restart", "--", B]
    (script,) = commands([Step(RELOAD_SCRIPT)])
    assert script.argv == [script.text]
    (reload,) = commands([Step(RELOAD)])
    assert reload.argv == ["systemctl", "daemon-reload"]


@pytest.mark.parametrize("verb, opens", [(RESTART, True), (START, True), (DISABLE, False)])
def test_opening(verb, opens):
    """What opens sockets can be done although another one could not be opened."""
    assert commands([Step(verb, A)])[0].opens is opens
