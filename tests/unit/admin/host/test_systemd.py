# SPDX-License-Identifier: MIT
"""What is understood of the answers of systemctl; a program stands for it."""

from __future__ import annotations

from pathlib import Path

import pytest

from harness.wire import table
from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.host import systemd

NAME = "postfix-rest-socketmap@all.socket"

# As systemd 252 and 262 show them.
ADDRESSES = {
    "TCP": ("127.0.0.1:9002", "127.0.0.1:9002"),
    "IPv6": ("[::1]:9002", "[::1]:9002"),
    "quotes": (r"/run/q\"u\\\\o\'d", r"""/run/q"u\\o'd"""),
    "not ASCII": (r"/run/d\303\251$x y", "/run/dé$x y"),
    "a backslash before digits": (r"/run/\\303", r"/run/\303"),
}


@pytest.fixture
def answer(tmp_path, monkeypatch):
    """Let systemctl be a shell script."""

    def write(script: str) -> None:
        Path(tmp_path, "systemctl").write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
        Path(tmp_path, "systemctl").chmod(0o755)

    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return write


@pytest.mark.parametrize("shown, address", table(ADDRESSES))
def test_address(answer, shown, address):
    """The path is the one of config.json, and not its form on the screen."""
    answer(
        f"""case $1 in
        list-units) echo {NAME} loaded active listening ;;
        list-sockets) cat <<'end' ;;
{shown}  foreign.socket  foreign.service
/run/ours  {NAME}  -
end
        show) cat <<'end' ;;
Id={NAME}
ActiveState=active
Listen={shown} (Stream)
end
        esac"""
    )
    (unit,) = systemd.units([NAME])
    assert unit.listen == (address,)
    assert systemd.foreign_sockets() == {address: "foreign.socket"}


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
    for asked in (systemd.are_installed, systemd.known_sockets, lambda: systemd.units([NAME])):
        with pytest.raises(CommandError) as told:
            asked()
        assert str(told.value) == why


def test_no_units(answer):
    """`systemctl list-unit-files` fails without a word."""
    answer("exit 1")
    assert not systemd.are_installed()
    assert systemd.known_sockets() == []


def test_new_drop_ins(tmp_path, monkeypatch):
    """Files that systemd has not loaded; one that another one replaces does not count."""
    monkeypatch.setattr(systemd, "UNIT_PATH", (str(tmp_path),))
    new, old = tmp_path / "postfix-rest-socketmap@.socket.d/a.conf", tmp_path / f"{NAME}.d/b.conf"
    for path in (new, old):
        path.parent.mkdir()
        path.touch()
    unit = systemd.Unit(
        name=NAME,
        active="active",
        file_state="enabled",
        listen=(),
        needs_reload=True,
        refused=0,
        max_connections=0,
        files=("", "/etc/elsewhere/b.conf"),
    )
    assert systemd.new_drop_ins(unit) == [str(new)]
