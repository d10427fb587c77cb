# SPDX-License-Identifier: MIT
"""What is understood of the answers of systemctl; a program stands for it."""

from __future__ import annotations

import pytest

from harness.wire import table
from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.host import socket_units, systemd

NAME = "postfix-rest-socketmap@all.socket"

SILENT = {
    "no D-Bus": (
        "echo Failed to connect to bus: Connection refused >&2; echo more >&2; exit 1",
        "systemd does not answer: Failed to connect to bus: Connection refused",
    ),
    "it hangs": ("exec sleep 60", "systemd does not answer within 0.2 s"),
}


@pytest.mark.parametrize("script, why", table(SILENT))
def test_silence(answer, monkeypatch, script, why):
    """No answer is not taken for the answer that there are no units."""
    monkeypatch.setattr(systemd, "_SEC", 0.2)
    answer(script)
    ask_for_units = (socket_units.known_sockets, lambda: socket_units.units([NAME]))
    for asked in (systemd.are_installed, *ask_for_units):
        with pytest.raises(CommandError) as told:
            asked()
        assert str(told.value) == why


def test_no_units(answer):
    """`systemctl list-unit-files` fails without a word."""
    answer("exit 1")
    assert not systemd.are_installed()
    assert socket_units.known_sockets() == []
