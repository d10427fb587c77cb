# SPDX-License-Identifier: MIT
"""What is understood of the answers of systemctl about sockets; a program stands for it."""

from __future__ import annotations

import pytest

from harness.wire import table
from postfix_rest_inetd.admin.host import socket_units

NAME = "postfix-rest-socketmap@all.socket"

# As systemd 252 and 262 show them.
ADDRESSES = {
    "TCP": ("127.0.0.1:9002", "127.0.0.1:9002"),
    "IPv6": ("[::1]:9002", "[::1]:9002"),
    "quotes": (r"/run/q\"u\\\\o\'d", r"""/run/q"u\\o'd"""),
    "not ASCII": (r"/run/d\303\251$x y", "/run/dé$x y"),
    "a backslash before digits": (r"/run/\\303", r"/run/\303"),
}


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
    (unit,) = socket_units.units([NAME])
    assert unit.listen == (address,)
    assert socket_units.foreign_sockets() == {address: "foreign.socket"}


DIRECTORIES = (
    f"{NAME}.d",
    "postfix-rest-socketmap@.socket.d",
    "postfix-rest-@all.socket.d",
    "postfix-rest-@.socket.d",
    "postfix-@.socket.d",
    "socket.d",
)


def shown(answer, state: str, *drop_ins: str) -> socket_units.Unit:
    """The unit NAME in a state of loading, for which systemd does not ask for a daemon-reload."""
    quoted = " ".join(f'"{path}"' if " " in path else path for path in drop_ins)
    answer(
        f"""case $1 in
        list-units) echo {NAME} loaded active listening ;;
        show) printf '%s\\n' 'Id={NAME}' 'LoadState={state}' 'NeedDaemonReload=no' \\
            'DropInPaths={quoted}' ;;
        esac"""
    )
    (unit,) = socket_units.units([NAME])
    return unit


@pytest.mark.parametrize("directory", DIRECTORIES)
def test_new_drop_ins(answer, tmp_path, monkeypatch, directory):
    """One in a new directory takes a daemon-reload, although systemd before 257 says no."""
    monkeypatch.setattr(socket_units, "UNIT_PATH", (str(tmp_path),))
    path = tmp_path / directory / "a.conf"
    path.parent.mkdir()
    path.touch()
    unit = shown(answer, "loaded", "/etc/elsewhere/b.conf")
    assert unit.new_files == (str(path),)
    assert unit.needs_reload


def test_no_new_drop_ins(answer, tmp_path, monkeypatch):
    """Neither what is loaded, or replaced by its like, nor what is for others, nor if masked."""
    monkeypatch.setattr(socket_units, "UNIT_PATH", (str(tmp_path),))
    paths = [tmp_path / each / "a b.conf" for each in DIRECTORIES]
    for path in (*paths, tmp_path / "postfix-rest-tcp@.socket.d/c.conf"):
        path.parent.mkdir()
        path.touch()
    unit = shown(answer, "loaded", "/run/b.conf", str(paths[0]))
    assert (unit.new_files, unit.needs_reload) == ((), False)
    assert unit.files == ("", "/run/b.conf", str(paths[0]))
    masked = shown(answer, "masked")
    assert (masked.new_files, masked.needs_reload) == ((), False)
