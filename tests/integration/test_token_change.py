# SPDX-License-Identifier: MIT
"""A token is changed while Postfix asks, by the commands in postfix-rest-inetd.json(5)."""

from __future__ import annotations

import json

import pytest
from integration.product import (
    SOCKETMAP,
    TCP,
    ask,
    configure,
    connect,
    endpoint,
    read_line,
    start,
    use_example,
    wait_for_no_handlers,
)

from harness.container import Container
from harness.container_backend import guarded, lookup, maps
from harness.lookup_load import Load
from harness.manual_page import displays

CREDENTIAL = "backend-token"
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
            assert RECIPE["use"] in said
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


@pytest.mark.one_release
def test_same_token(clean_container: Container) -> None:
    """The new token of one endpoint is that of another one as well, in a file of its own."""
    machine = clean_container
    files = {name: f"/etc/postfix-rest-inetd/{name}.token" for name in ("maps", "policy")}
    entries = [
        endpoint("maps", "socketmap-lookup", port=9002, auth_token_file=files["maps"]),
        endpoint("policy", "policy", port=9003, auth_token_file=files["policy"]),
    ]
    for file in files.values():
        machine.write(file, f"{OLD}\n", mode=0o640, owner="root:postfix-rest-inetd")
    configure(machine, *entries)
    do(machine, "make")
    do(machine, "the same")
    made = {machine.read(f"{file}.new") for file in files.values()}
    assert len(made) == 1


@pytest.mark.one_release
def test_credential(clean_container: Container) -> None:
    """Open connections keep the old token, new ones have the new one; those that are open show."""
    machine = clean_container
    secret = f"/etc/postfix-rest-inetd/{CREDENTIAL}"
    machine.write(secret, f"{OLD}\n", mode=0o600)
    drop_in = "/etc/systemd/system/postfix-rest-@.service.d/50-token.conf"
    use_example(machine, "token-credential.conf", drop_in)
    with machine.backend({"/one": TABLE}) as backend:
        target = backend.url("/one")
        configure(machine, endpoint("one", port=9001, target=target, auth_token_file=CREDENTIAL))
        start(machine, TCP)
        with connect(machine, 9001) as kept:

            def ask_again() -> bytes:
                kept.sendall(b"get example.org\n")
                return read_line(kept)

            assert ask_again() == b"200 yes\n"
            do(machine, "make a credential")
            assert machine.run("stat", "-c", "%a", f"{secret}.new").stdout == "600\n"
            do(machine, "use a credential")
            new = machine.read(secret).strip()
            assert ask(machine, 9001, b"get example.org\n") == b"200 yes\n"
            assert ask_again() == b"200 yes\n"
            assert len(do(machine, "started").split("\n\n")) == 1
        tokens = [request.headers["x-auth-token"] for request in backend.requests]
        assert tokens == [OLD, new, OLD]
        wait_for_no_handlers(machine)
        assert do(machine, "started") == ""
