# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd setup`: from a package and a backend to an answer, in two commands."""

from __future__ import annotations

import json
import re

import pytest
from integration.mail import ACCEPTED, rcpt, set_up
from integration.product import CONFIG, SOCKETMAP, TCP, state, write_config

from harness.container import Container
from harness.container_backend import guarded, lookup, maps

TOKEN = "s3cret-of-the-backend"
NOTHING: dict[str, list[str]] = {"check@postfix-rest-inetd.invalid": []}
UNKNOWN: dict[str, list[str]] = {
    key: [] for key in ("nobody@hosted.example", "@hosted.example", "test.example")
}
"""What else a table is asked for. A mailbox table is not asked for domains: that is an error."""
TABLES = {
    "alias": lookup({**NOTHING, "info@example.org": ["alice@example.org"]}),
    "domain": lookup({**NOTHING, "hosted.example": ["hosted.example"], **UNKNOWN}),
    "mailbox": lookup({**NOTHING, "bob@hosted.example": ["bob"], **UNKNOWN}),
}
PRESENT = "{x@example.org=y@example.org}"


@pytest.mark.one_release
def test_newcomer(clean_container: Container) -> None:
    """`setup` as an administrator types it, and what it prints for main.cf, run by a shell."""
    machine = clean_container
    write_config(machine, {"endpoints": []})
    present = {"virtual_transport": "virtual", "virtual_alias_maps": f"inline:{PRESENT}"}
    set_up(machine, present)
    with machine.backend({"/": guarded(maps(TABLES), TOKEN)}) as backend:
        words = "--for alias,domain,mailbox"
        words += f" --yes --mode socketmap --token-file - --url {backend.url('/')}"
        said = machine.shell(f"echo {TOKEN} | postfix-rest-inetd setup {words}")
        command = said.partition("main.cf has:\n")[2].partition("Try it:\n")[0]
        machine.shell(command)
        table = "socketmap:inet:127.0.0.1:9002:alias"
        assert f"    postmap -q KEY {table}\n" in said
        found = machine.shell(f"postmap -q info@example.org {table}")
    assert found == "alice@example.org\n"
    assert TOKEN not in said
    value = machine.run("postconf", "-h", "virtual_alias_maps").stdout
    assert value == f"inline:{PRESENT}, {table}\n"
    token = json.loads(machine.read(CONFIG))["endpoints"][0]["auth-token-file"]
    for path in (token, CONFIG):
        rights = machine.run("stat", "-c", "%a %U:%G", path).stdout
        assert rights == "640 root:postfix-rest-inetd\n"
    assert machine.run("postconf", "-n", "virtual_mailbox_domains").stdout == ""
    assert (state(machine, SOCKETMAP), state(machine, TCP)) == ("active", "inactive")
    checked = machine.run("postfix-rest-inetd", "check", "--only=sockets,files", "--strict")
    assert checked.returncode == 0


@pytest.mark.one_release
def test_hosted_domains(clean_container: Container) -> None:
    """The tables that virtual(8) refuses are for later; with another transport, they work."""
    machine = clean_container
    write_config(machine, {"endpoints": []})
    set_up(machine, {"virtual_transport": "virtual"})
    with machine.backend({"/": maps(TABLES)}) as backend:
        words = "--yes --mode socketmap --for domain,mailbox --no-token"
        said = machine.shell(f"postfix-rest-inetd setup {words} --url {backend.url('/')}")
        now, _, later = said.partition("another virtual_transport first, and then:\n")
        assert "postconf" not in now
        machine.run("postconf", "-e", "virtual_transport=store:")
        machine.shell(re.sub(r"^  #   ", "", later.partition("Try it:\n")[0], flags=re.MULTILINE))
        machine.run("postfix-rest-inetd", "check", "--only=postfix", "--strict")
        assert rcpt(machine, "bob@hosted.example") == ACCEPTED
        assert rcpt(machine, "nobody@hosted.example").startswith("550 5.1.1 ")
