# SPDX-License-Identifier: MIT
"""From a daemon that holds the ports to our sockets, by the commands that `migrate` prints."""

from __future__ import annotations

import re

from integration.mail import ACCEPTED, rcpt, set_up
from integration.product import CONFIG, SOCKETS, TCP, ask, show, state, wait_until

from harness.container import Container
from harness.container_backend import Backend, answer, lookup

UNIT = "postfix-rest-connector.service"
OLD_CONFIG = "/etc/postfix-rest-connector.json"
DAEMON = """[Service]
ExecStart=/usr/bin/python3 -c 'import socket, time; \\
    s = [socket.create_server(("0.0.0.0", port)) for port in (9001, 9002, 9003)]; \\
    time.sleep(999)'
[Install]
WantedBy=multi-user.target
"""
CONFIGURATION = """{{"endpoints": [
  {{"name": "domain-lookup", "mode": "tcp-lookup", "target": "{lookup}", "auth-token": "t",
    "bind-address": "0.0.0.0", "bind-port": 9001, "request-timeout": 20000}},
  {{"name": "aliases", "mode": "SOCKETMAP-LOOKUP", "target": "{lookup}", "auth-token": "t",
    "bind-address": "0.0.0.0", "bind-port": 9002, "request-timeout": 20000}},
  {{"name": "gate", "mode": "policy", "target": "{policy}", "auth-token": "t",
    "bind-address": "0.0.0.0", "bind-port": 9003, "request-timeout": 20000}}
]}}"""


def test_migrate(clean_container: Container) -> None:
    """Its output, run by a shell as it is, takes over: with nothing left to be found by check."""
    machine = clean_container
    # Of the last hour, `check` tells failures, which other tests may have left.
    machine.journal.forget()
    routes = {"/l": lookup({"x": ["y"]}), "/p": answer("OK")}
    with machine.backend(routes) as backend:
        text = CONFIGURATION.format(lookup=backend.url("/l"), policy=backend.url("/p"))
        machine.write(OLD_CONFIG, text)
        machine.write(f"/etc/systemd/system/{UNIT}", DAEMON)
        machine.shell(f"systemctl daemon-reload; systemctl enable --now {UNIT}")
        wait_until(lambda: "9003" in machine.shell("ss -ltn"), "the daemon")
        main_cf = {"virtual_mailbox_domains": "tcp:127.0.0.1:9001"}
        set_up(machine, {**main_cf, "mynetworks": "192.0.2.1", "relay_domains": "ours.example"})
        done = machine.run("postfix-rest-inetd", "migrate", OLD_CONFIG)
        told, _, commands = done.stdout.partition("\n# 1. ")
        assert "gate (0.0.0.0:9003): its address is held by python3 (pid " in told
        assert f"systemctl disable --now {UNIT}\n" in commands
        assert (
            "# domain-lookup is used by virtual_mailbox_domains, which needs no change." in commands
        )
        last = machine.shell(f"set -x\n# {commands}")
        # Each endpoint still listens at 0.0.0.0, as the daemon did.
        warnings = re.findall(r"(?m)^warning +[^:]+: (.*)$", last)
        assert {"accepts connections at every address" in each for each in warnings} == {True}
        assert "\nerror " not in last
        assert ask(machine, 9001, b"get x\n") == b"200 y\n"
        wait_until(lambda: is_accepted_by_policy(machine, backend), "postfix reload")
        # The backend answers OK to this as well.
        assert "Relay access denied" in rcpt(machine, "user@elsewhere.example")
    assert state(machine, UNIT) == "inactive"
    assert {state(machine, unit) for unit in SOCKETS} == {"active"}
    assert show(machine, TCP, "UnitFileState") == {"UnitFileState": "enabled"}
    mode = machine.run("stat", "-c", "%a %U:%G", CONFIG).stdout
    assert mode == "640 root:postfix-rest-inetd\n"
    machine.run("rm", OLD_CONFIG)


def is_accepted_by_policy(machine: Container, backend: Backend) -> bool:
    """Is a recipient that is ours accepted, after the policy endpoint was asked?"""
    assert rcpt(machine, "user@ours.example") == ACCEPTED
    return any(request.path == "/p" for request in backend.requests)


def test_edit(clean_container: Container) -> None:
    """A saved change of a port, and the commands that edit names for it."""
    machine = clean_container
    entry = '{"endpoints": [{"name": "e", "mode": "tcp-lookup", "auth-token": "t", '
    entry += '"target": "http://127.0.0.1:9/", "bind-port": 9001}]}'
    machine.write(CONFIG, entry, mode=0o640, owner="root:postfix-rest-inetd")
    machine.shell(f"systemctl daemon-reload; systemctl enable {TCP}; systemctl start {TCP}")
    command = ["env", "EDITOR=sed -i s/9001/9011/", "postfix-rest-inetd", "edit"]
    said = machine.run(*command).stdout
    assert "New address: 127.0.0.1:9011 (e)" in said
    commands = [line.strip() for line in said.splitlines() if line.strip().startswith("systemctl")]
    assert commands == ["systemctl daemon-reload", f"systemctl restart {TCP}"]
    machine.shell("\n".join(commands))
    assert show(machine, TCP, "Listen") == {"Listen": "127.0.0.1:9011 (Stream)"}
    mode = machine.run("stat", "-c", "%a %U:%G", CONFIG).stdout
    assert mode == "640 root:postfix-rest-inetd\n"
    again = machine.run("postfix-rest-inetd", "check", "--strict", "--only=sockets")
    assert "No problems were found." in again.stdout
    refused = machine.run(*command, user="nobody", check=False)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "run this as root" in refused.stderr
