# SPDX-License-Identifier: MIT
"""The steps for the units of a mode, whatever their states: no finding works against another one.

The states are those that systemd tells; where systemd listens is read from a directory like /proc.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from harness.endpoints import endpoint
from harness.wire import table
from postfix_rest_inetd.admin.checks import steps
from postfix_rest_inetd.admin.checks.mode_units import ModeUnits
from postfix_rest_inetd.admin.host.listeners import Listeners
from postfix_rest_inetd.admin.host.socket_units import Unit
from postfix_rest_inetd.units.names import instances_of

KIND = "postfix-rest-tcp"
ALL, ONE, TWO, OLD = (f"{KIND}@{name}.socket" for name in ("all", "one", "two", "old"))
RELOAD = "systemctl daemon-reload"


class At(NamedTuple):
    """A unit: how it is, and the ports that systemd has loaded for it."""

    active: str
    file_state: str
    ports: tuple[int, ...] = ()


def on(*ports: int) -> At:
    """A unit that is enabled and active."""
    return At("active", "enabled", ports)


def off(*ports: int) -> At:
    """A unit that is neither."""
    return At("inactive", "disabled", ports)


ENABLED = At("inactive", "enabled", (9001, 9002))

CASES = {
    "all is well": ({ALL: on(9001, 9002), ONE: off(9001)}, []),
    "nothing is there": ({}, [RELOAD, f"systemctl enable --now {ALL}"]),
    "not started": ({ALL: ENABLED}, [f"systemctl start {ALL}"]),
    "not enabled": ({ALL: At("active", "disabled", (9001, 9002))}, [f"systemctl enable {ALL}"]),
    "enabled until the next boot": (
        {ALL: At("active", "enabled-runtime", (9001, 9002))},
        [f"systemctl enable {ALL}"],
    ),
    "both are enabled, one of them until the next boot": (
        {ALL: on(9001, 9002), ONE: At("inactive", "enabled-runtime", (9001,))},
        [],
    ),
    "another address": ({ALL: on(9001, 9009)}, [RELOAD, f"systemctl restart {ALL}"]),
    "one of two": ({ONE: on(9001)}, [RELOAD, f"systemctl enable --now {TWO}"]),
    "all is started by hand, and one is enabled": (
        {ALL: At("active", "disabled", (9001, 9002)), ONE: ENABLED},
        [f"systemctl enable {TWO}"],
    ),
    "exchanged": (
        {ONE: on(9002), TWO: on(9001)},
        [f"systemctl stop {ONE} {TWO}", RELOAD, f"systemctl start {ONE} {TWO}"],
    ),
    "exchanged, after a reload": (
        {ONE: on(9001, 9002), TWO: on(9002, 9001)},
        [f"systemctl stop {ONE} {TWO}", RELOAD, f"systemctl start {ONE} {TWO}"],
    ),
    "renamed": (
        {OLD: on(9001), TWO: on(9002)},
        [f"systemctl disable {OLD}", RELOAD, f"systemctl enable --now {ONE}"],
    ),
    "renamed, and the heir is active elsewhere": (
        {OLD: on(9001), ONE: on(9009), TWO: on(9002)},
        [f"systemctl disable {OLD}", RELOAD, f"systemctl restart {ONE}"],
    ),
    "both are enabled": ({ALL: on(9001, 9002), ONE: ENABLED}, [f"systemctl disable {ONE}"]),
    "both are enabled, and the rival is active at another address": (
        {ALL: ENABLED, ONE: on(9009)},
        [f"systemctl disable --now {ONE}", f"systemctl start {ALL}"],
    ),
    "both are enabled, and neither listens": (
        {ALL: ENABLED, ONE: ENABLED},
        [f"systemctl disable {ONE}", f"systemctl start {ALL}"],
    ),
    "failed": ({ALL: At("failed", "enabled", (9001, 9002))}, [f"systemctl start {ALL}"]),
    "failed and disabled": (
        {ALL: At("failed", "disabled", (9001, 9002))},
        [f"systemctl enable --now {ALL}"],
    ),
    "failed for nobody": (
        {ALL: on(9001, 9002), OLD: At("failed", "enabled")},
        [f"systemctl disable --now {OLD}", f"systemctl reset-failed {OLD}", RELOAD],
    ),
    "failed beside all": (
        {ALL: on(9001, 9002), ONE: At("failed", "disabled", (9001,))},
        [f"systemctl disable --now {ONE}", f"systemctl reset-failed {ONE}"],
    ),
}


def units(states: dict[str, At], names: set[str]) -> list[Unit]:
    """The units as systemd tells them."""
    return [
        Unit(
            name=name,
            active=at.active,
            file_state=at.file_state,
            listen=tuple(f"127.0.0.1:{port}" for port in at.ports),
            needs_reload=False,
            refused=0,
            max_connections=0,
            files=(),
        )
        for name in sorted(names | states.keys())
        for at in [states.get(name, off())]
    ]


def proc(directory: Path, ports: set[int]) -> str:
    """A directory like /proc, where systemd listens at these ports."""
    lines = [
        f"{number}: 0100007F:{port:04X} 00000000:0000 0A 0:0 0:0 0 0 0 {port} 1"
        for number, port in enumerate(ports)
    ]
    (directory / "net").mkdir()
    (directory / "net/tcp").write_text("\n".join(["header", *lines]))
    (directory / "1/fd").mkdir(parents=True)
    (directory / "1/comm").write_text("systemd")
    for port in ports:
        (directory / "1/fd" / str(port)).symlink_to(f"socket:[{port}]")
    return str(directory)


@pytest.mark.parametrize("states, expected", table(CASES))
def test_steps(states, expected, tmp_path):
    """Two endpoints, at 9001 and 9002: the commands that all findings lead to."""
    endpoints = [endpoint(name="one", bind_port=9001), endpoint(name="two", bind_port=9002)]
    instances = {f"{KIND}@{name}.socket": own for name, own in instances_of(endpoints).items()}
    active = {port for at in states.values() if at.active == "active" for port in at.ports}
    listeners = Listeners(proc(tmp_path, active))
    found = list(ModeUnits(KIND, units(states, set(instances)), instances, listeners).troubles())
    assert not any(trouble.is_blocking for trouble in found)
    commands = steps.commands(step for trouble in found for step in trouble.steps)
    assert [command.text for command in commands] == expected


@pytest.mark.parametrize("what, told", [("file", "would delete"), ("directory", "cannot listen")])
def test_something_else_in_place_of_a_socket(tmp_path, what, told):
    """Nothing that is printed starts the unit, because systemd would delete a file for that."""
    path = tmp_path / "rest"
    path.mkdir() if what == "directory" else path.write_text("precious")
    maps = endpoint("socketmap-lookup", name="one", bind_path=str(path), bind_port=...)
    kind = "postfix-rest-socketmap"
    states = {f"{kind}@all.socket": on()}
    instances = {f"{kind}@all.socket": [maps]}
    units_of_kind = units(states, set(instances))
    found = list(ModeUnits(kind, units_of_kind, instances, Listeners()).troubles())
    assert [(each.is_blocking, each.steps) for each in found] == [(True, ())]
    assert found[0].finding.what.startswith(f"{told} ")
    assert "    " not in found[0].finding.advice
