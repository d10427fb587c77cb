# SPDX-License-Identifier: MIT
"""A token is changed while Postfix asks, by the commands in postfix-rest-inetd.json(5)."""

from __future__ import annotations

import json

import pytest
from integration.product import SOCKETMAP, TCP, configure, endpoint, start

from harness.container import Container
from harness.container_backend import guarded, lookup, maps
from harness.lookup_load import Load
from harness.manual_page import displays

OLD = "the-old-token"
FILE = "/etc/postfix-rest-inetd/maps.token"
RECIPE = displays("postfix-rest-inetd.json.5", "token")
TABLE = lookup({"example.org": ["yes"], "check@postfix-rest-inetd.invalid": []})
TABLES = {"/one": TABLE, "/": maps({"domains": TABLE})}


def do(machine: Container, step: str) -> str:
    """What the commands of a step print; they succeed."""
    return machine.run("bash", "-euo", "pipefail", "-c", RECIPE[step]).stdout


@pytest.mark.one_release
def test_change(clean_container: Container) -> None:
    """No lookup fails, whatever Postfix asks meanwhile; in the end, no request has the old one."""
    machine = clean_container
    machine.write(FILE, f"{OLD}\n", mode=0o640, owner="root:postfix-rest-inetd")
    with machine.backend() as backend:

        def accept(*tokens: str) -> None:
            backend.set_routes({path: guarded(route, *tokens) for path, route in TABLES.items()})

        accept(OLD)
        configure(
            machine,
            endpoint("one", port=9001, target=backend.url("/one"), auth_token_file=FILE),
            endpoint(
                "maps", "socketmap-lookup", port=9002, target=backend.url(), auth_token_file=FILE
            ),
        )
        start(machine, TCP, SOCKETMAP)
        since = machine.journal.cursor()
        with Load(machine, "example.org", "yes", 9001, 9002) as load:
            said = do(machine, "make")
            rights = machine.run("stat", "-c", "%a %U:%G", f"{FILE}.new").stdout
            assert rights == "640 root:postfix-rest-inetd\n"
            new = machine.read(f"{FILE}.new").strip()
            assert len(new) == 64
            assert new not in said
            accept(OLD, new)
            assert new not in do(machine, "use")
            load.go_on()
            machine.journal.sync()
            assert do(machine, "look") == ""
            accept(new)
            before = len(backend.requests)
            load.go_on()
            machine.journal.sync()
            assert do(machine, "look") == ""
        assert load.failures == []
        later = backend.requests[before:]
        assert {request.headers["x-auth-token"] for request in later} == {new}
    text = json.dumps(machine.journal(since=since))
    assert new not in text


@pytest.mark.one_release
def test_by_hand(clean_container: Container) -> None:
    """The commands that need none of ours make a file with the same rights and the same form."""
    machine = clean_container
    machine.run(
        "install", "-d", "-m", "0750", "-g", "postfix-rest-inetd", "/etc/postfix-rest-inetd"
    )
    do(machine, "by hand")
    form = machine.run("stat", "-c", "%a %U:%G %s", f"{FILE}.new").stdout
    assert form == "640 root:postfix-rest-inetd 65\n"
