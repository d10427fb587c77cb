# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd setup`: from a package and a backend to an answer, in two commands."""

from __future__ import annotations

import json

import pytest
from integration.mail import set_up
from integration.product import CONFIG, SOCKETMAP, TCP, state, write_config

from harness.container import Container
from harness.container_backend import guarded, lookup, maps

TOKEN = "s3cret-of-the-backend"
NOTHING: dict[str, list[str]] = {"check@postfix-rest-inetd.invalid": []}
TABLES = {
    "alias": lookup({**NOTHING, "info@example.org": ["alice@example.org"]}),
    "domain": lookup(NOTHING),
}


@pytest.mark.one_release
def test_newcomer(clean_container: Container) -> None:
    """`setup` as an administrator types it, and what it prints for main.cf, run by a shell."""
    machine = clean_container
    write_config(machine, {"endpoints": []})
    set_up(machine, {"virtual_alias_maps": "inline:{x@example.org=y@example.org}"})
    with machine.backend({"/": guarded(maps(TABLES), TOKEN)}) as backend:
        words = f"--yes --mode socketmap --for alias,domain --token-file - --url {backend.url('/')}"
        said = machine.shell(f"echo {TOKEN} | postfix-rest-inetd setup {words}")
        command = said.partition("main.cf has:\n")[2].partition("Try it:\n")[0]
        machine.shell(command)
        table = "socketmap:inet:127.0.0.1:9002:alias"
        assert f"    postmap -q KEY {table}\n" in said
        found = machine.shell(f"postmap -q info@example.org {table}")
    assert found == "alice@example.org\n"
    assert TOKEN not in said
    value = machine.run("postconf", "-h", "virtual_alias_maps").stdout
    assert value == f"inline:{{x@example.org=y@example.org}}, {table}\n"
    token = json.loads(machine.read(CONFIG))["endpoints"][0]["auth-token-file"]
    for path in (token, CONFIG):
        rights = machine.run("stat", "-c", "%a %U:%G", path).stdout
        assert rights == "640 root:postfix-rest-inetd\n"
    assert (state(machine, SOCKETMAP), state(machine, TCP)) == ("active", "inactive")
    checked = machine.run("postfix-rest-inetd", "check", "--only=sockets,files", "--strict")
    assert checked.returncode == 0
