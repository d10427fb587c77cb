# SPDX-License-Identifier: MIT
"""What `check` prints as a remedy is one: carried out word for word, it leaves nothing to be found.

Each case breaks a good machine, and names what has to be found with commands.
"""

from __future__ import annotations

import os
from typing import NamedTuple

import pytest
from integration.good_machine import GENERATOR, SPOOL, Machine
from integration.product import (
    CONFIG,
    NOT_FOUND,
    SOCKETMAP,
    TCP,
    USER,
    ask,
    ask_unix,
    connect,
    drop_in,
    socketmap_request,
    write_config,
)

# Which remedy is printed, and that it is one, is a matter of `check`; what it finds, is tried on
# each release (test_check.py).
pytestmark = pytest.mark.one_release

TEMPLATE = "postfix-rest-tcp@.socket"
HANDLERS = "postfix-rest-tcp@.service"
NAMED = "postfix-rest-tcp@domains.socket"
REFUSED = "postfix-rest-socketmap@local.socket"
REPORT = "postfix-rest-inetd-config.service"


CACHE = "/var/cache/postfix-rest-inetd"
DROP_IN = "/etc/systemd/system/postfix-rest-tcp@.service.d/my own.conf"
EXECUTED = "/usr/bin/python3 -IS /usr/lib/postfix-rest-inetd/handler --mode tcp-lookup"


class Case(NamedTuple):
    """How to break the machine, and what check is to name."""

    program: str
    where: str


CASES = {
    "stopped": Case(f"systemctl stop {TCP}", TCP),
    "disabled": Case(f"systemctl disable {TEMPLATE}", TCP),
    "disabled and stopped": Case(f"systemctl disable --now {TCP}", TCP),
    "masked while it listens": Case(f"systemctl mask {TCP}", TCP),
    "masked and stopped": Case(f"systemctl mask --now {TCP}", TCP),
    "masked until the next boot": Case(f"systemctl mask --runtime --now {TCP}", TCP),
    "the template is masked": Case(f"systemctl stop {TCP}; systemctl mask {TEMPLATE}", TCP),
    "enabled until the next boot": Case(
        f"systemctl disable {TCP}; systemctl enable --runtime {TCP}", TCP
    ),
    "handlers are masked": Case(f"systemctl mask {HANDLERS}", HANDLERS),
    "the file of a unix socket is gone": Case(f"rm {SPOOL}/private/rest", SOCKETMAP),
    "a drop-in that systemd has not read": Case(
        f"mkdir /etc/systemd/system/{TEMPLATE}.d;"
        f" printf '[Socket]\\nMaxConnections=1100\\n' >/etc/systemd/system/{TEMPLATE}.d/1.conf",
        TCP,
    ),
    "both are enabled": Case(f"systemctl enable {NAMED}", TCP),
    "both are enabled, and the other one runs": Case(f"systemctl enable --now {NAMED}", TCP),
    "a unix socket under @NAME": Case(f"systemctl enable --now {REFUSED} || :", REFUSED),
    "enabled for nobody": Case(
        "systemctl enable postfix-rest-tcp@gone.socket", "postfix-rest-tcp@gone.socket"
    ),
    "the generator cannot be run": Case(
        f"chmod a-x {GENERATOR}; systemctl stop {TCP}; systemctl daemon-reload", GENERATOR
    ),
    "the generator is masked": Case(
        "mkdir -p /etc/systemd/system-generators;"
        " ln -s /dev/null /etc/systemd/system-generators/postfix-rest-inetd-generator;"
        " systemctl daemon-reload",
        "/etc/systemd/system-generators/postfix-rest-inetd-generator",
    ),
    "the report of a boot with a broken file": Case(
        f"systemctl stop {TCP}; rm -r /run/postfix-rest-inetd; cp -p {CONFIG} /run/good;"
        f" echo '{{' >{CONFIG}; systemctl daemon-reload; systemctl start {REPORT} || :;"
        f" cp -p /run/good {CONFIG}; systemctl daemon-reload",
        REPORT,
    ),
    "no user for the handlers": Case(f"userdel --force {USER}", "permissions"),
    "the file is open": Case(f"chmod 0644 {CONFIG}", CONFIG),
    "the file is closed": Case(f"chmod 0600 {CONFIG}", CONFIG),
    "the file is another user's": Case(f"chown nobody:{USER} {CONFIG}", CONFIG),
    "the directory is closed": Case("chmod 0700 /etc/postfix-rest-inetd", CONFIG),
    "the cache directory is another user's": Case(f"chown -R nobody: {CACHE}", CACHE),
    "others may write into the cache directory": Case(f"chmod 0777 {CACHE}", CACHE),
    "a drop-in names a program where 0.1.0 had it": Case(
        f"mkdir -p '{os.path.dirname(DROP_IN)}';"
        f" printf '%s\\n' '[Service]' ExecStart= 'ExecStart={EXECUTED}' >'{DROP_IN}';"
        " systemctl daemon-reload",
        DROP_IN,
    ),
    "proxy: in a parameter of one's own": Case(
        "postconf -e smtpd_restriction_classes=rest"
        " 'rest=check_client_access proxy:tcp:127.0.0.1:9001'",
        "Postfix: rest",
    ),
    "proxy: in an override": Case(
        "postconf -P smtp/inet/smtpd_sender_login_maps=proxy:tcp:127.0.0.1:9001",
        "Postfix: smtp/inet: smtpd_sender_login_maps",
    ),
}


def commands(machine: Machine, where: str) -> list[str]:
    """All commands that check prints; WHERE is one of the places that it names with some."""
    status, found = machine.check()
    printed = [
        (each.where, line[4:])
        for each in found
        if each.severity not in ("ok", "note")
        for line in each.advice.splitlines()
        if line.startswith("    ")
    ]
    assert where in dict(printed), found
    assert status == int(any(each.severity == "error" for each in found))
    return [line for _, line in printed]


def carry_out(machine: Machine, lines: list[str]) -> None:
    """Type them; none may fail."""
    for line in lines:
        machine.shell(line)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_commands(machine: Machine, case: Case) -> None:
    """After the commands nothing is found but notes, and the socket listens."""
    machine.shell(case.program)
    carry_out(machine, commands(machine, case.where))
    assert [each for each in machine.troubles() if each.severity != "note"] == []
    connect(machine.container, 9001).close()


def test_other_addresses(machine: Machine) -> None:
    """Another address, before and after a daemon-reload, with a main.cf that has it already."""
    machine.container.run("postconf", "-e", "virtual_mailbox_domains=tcp:127.0.0.1:9011")
    machine.write(domains={"bind-port": 9011})
    carry_out(machine, commands(machine, TCP))
    assert machine.troubles() == []
    machine.container.run("postconf", "-e", "virtual_mailbox_domains=tcp:127.0.0.1:9012")
    machine.write(domains={"bind-port": 9012})
    machine.container.run("systemctl", "daemon-reload")
    carry_out(machine, commands(machine, TCP))
    assert machine.troubles() == []


def test_a_token_file(machine: Machine) -> None:
    """A name with a blank, which everybody may read, in a directory that no handler may enter."""
    directory = "/etc/postfix rest"
    path = f"{directory}/a token"
    machine.container.write(path, "secret-token\n", mode=0o644)
    machine.container.run("chmod", "0700", directory)
    entries = machine.endpoints()
    del entries[0]["auth-token"]
    entries[0]["auth-token-file"] = path
    write_config(machine.container, {"endpoints": entries})
    carry_out(machine, commands(machine, "domains: auth-token-file"))
    assert machine.troubles() == []
    assert ask(machine.container, 9001, b"get x.example\n") == NOT_FOUND
    machine.container.run("rm", "-r", directory)


def test_a_path_below_var_run(machine: Machine) -> None:
    """Nothing is wrong with that: systemd listens below /run for it, and it is answered."""
    entries = machine.endpoints(local={"bind-path": "/var/run/rest/socket"})
    write_config(machine.container, {"endpoints": entries})
    asked = "socketmap:unix:/var/run/rest/socket:alias"
    machine.shell(f"postconf -e virtual_alias_maps={asked}; postconf -F '*/*/chroot=n'")
    carry_out(machine, commands(machine, "postfix-rest-socketmap@all.socket"))
    assert machine.troubles() == []
    request = socketmap_request("alias", "a@test.example")
    assert ask_unix(machine.container, "/run/rest/socket", request) == b"9:NOTFOUND ,"


def test_too_few_connections(machine: Machine) -> None:
    """Fewer than Postfix may want, and some refused already; whatever other drop-ins say."""
    drop_in(machine.container, TEMPLATE, "[Socket]\nMaxConnections=1\n")
    open_ones = [connect(machine.container, 9001) for _ in range(3)]
    for connection in open_ones[1:]:
        assert connection.recv(1) == b""
    found = [each.what for each in machine.troubles()]
    assert any("has refused 2 connections: MaxConnections=1" in what for what in found)
    carry_out(machine, commands(machine, TCP))
    for connection in open_ones:
        connection.close()
    assert machine.troubles() == []
