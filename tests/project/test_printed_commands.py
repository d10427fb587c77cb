# SPDX-License-Identifier: MIT
"""Commands with names of units in them: a shell takes them as they are printed."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import postfix_rest_inetd
from postfix_rest_inetd.admin.host import systemd

PACKAGE = Path(postfix_rest_inetd.__file__).parent
# A command whose verb is followed by what is put in: only if a function has quoted that.
UNQUOTED = re.compile(r"systemctl [a-z-]+(?: --[a-z]+)* \{(?!_shell\()[^}]*\}")
QUOTED = {"systemctl enable {new}", "systemctl start {new}"}
QUOTED |= {
    "systemctl stop {names}",
    "systemctl start {names}",
    "systemctl {verb} {shlex.join(units)}",
}


def test_a_command():
    """A unit of an endpoint whose name systemd escapes."""
    name = r"postfix-rest-tcp@domain\x2dlookup.socket"
    command = systemd.command("disable --now", "plain.socket", name)
    assert shlex.split(command) == ["systemctl", "disable", "--now", "plain.socket", name]
    assert systemd.command("start", "plain@all.socket") == "systemctl start plain@all.socket"


def test_no_other_way():
    """No command is printed with a name that has not been quoted."""
    found = {
        match[0]
        for path in PACKAGE.rglob("*.py")
        for match in UNQUOTED.finditer(path.read_text(encoding="utf-8"))
    }
    assert found - QUOTED == set()
