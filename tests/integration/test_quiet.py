# SPDX-License-Identifier: MIT
"""The journal: one entry for each request and not a word more, found by the usual commands."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from integration.product import (
    KINDS,
    POLICY,
    SOCKETS,
    TCP,
    ask,
    configure,
    connect,
    drop_in,
    endpoint,
    handlers,
    policy_request,
    read_line,
    show,
    socketmap_request,
    start,
    wait_for_no_handlers,
)

from harness.container import Container
from harness.container_backend import Backend, answer, lookup
from harness.manual_page import blocks

CONNECTIONS = 10
REQUESTS = {
    "t": (9001, b"get x\n", b"200 y\n", "found"),
    "s": (9002, socketmap_request("m", "no"), b"9:NOTFOUND ,", "not-found"),
    "p": (9003, policy_request(sender="a@b"), b"action=DUNNO\n\n", "action"),
}


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend, and an endpoint of each kind that listens."""
    with clean_container.backend({"/l": lookup({"x": ["y"]}), "/p": answer("DUNNO")}) as running:
        configure(
            clean_container,
            endpoint("t", port=9001, target=running.url("/l")),
            endpoint("s", "socketmap-lookup", port=9002, target=running.url("/l")),
            endpoint("p", "policy", port=9003, target=running.url("/p")),
        )
        start(clean_container, *SOCKETS)
        # systemd tells of it when it starts the first handler since the boot.
        clean_container.run("systemctl", "start", "system-postfix_rest_inetd.slice")
        yield running


@pytest.mark.usefixtures("backend")
def test_one_entry_for_each_request(clean_container: Container) -> None:
    """A connection with one request leaves one entry, the handler's; systemd says nothing."""
    since = clean_container.journal.cursor()
    for port, request, reply, _ in REQUESTS.values():
        for _ in range(CONNECTIONS):
            assert ask(clean_container, port, request) == reply
    wait_for_no_handlers(clean_container)
    entries = clean_container.journal(since=since)
    seen = [(e["SYSLOG_IDENTIFIER"], e["POSTFIX_REST_ENDPOINT"]) for e in entries]
    assert seen == [("postfix-rest-inetd", name) for name in REQUESTS for _ in range(CONNECTIONS)]
    assert {entry["_SYSTEMD_UNIT"].partition("@")[0] for entry in entries} == {*KINDS}
    assert {entry["PRIORITY"] for entry in entries} == {"5"}


@pytest.mark.usefixtures("backend")
def test_silent_without_requests(clean_container: Container) -> None:
    """A connection without a request, like that of a port scan, leaves nothing."""
    since = clean_container.journal.cursor()
    assert ask(clean_container, 9001, b"") == b""
    wait_for_no_handlers(clean_container)
    assert clean_container.journal(since=since) == []


@pytest.mark.usefixtures("backend")
def test_found_by_unit_and_by_endpoint(clean_container: Container) -> None:
    """`journalctl -u 'postfix-rest-*'` shows the entries, so does POSTFIX_REST_ENDPOINT=NAME."""
    since = clean_container.journal.cursor()
    for port, request, reply, _ in REQUESTS.values():
        assert ask(clean_container, port, request) == reply
    by_unit = clean_container.journal("-u", "postfix-rest-*", since=since)
    assert [entry["POSTFIX_REST_ENDPOINT"] for entry in by_unit] == list(REQUESTS)
    by_kind = clean_container.journal("-u", "postfix-rest-policy@*", since=since)
    assert [entry["POSTFIX_REST_ENDPOINT"] for entry in by_kind] == ["p"]
    for name, (_, _, _, outcome) in REQUESTS.items():
        (entry,) = clean_container.journal(f"POSTFIX_REST_ENDPOINT={name}", since=since)
        assert entry["POSTFIX_REST_OUTCOME"] == outcome
        assert entry["MESSAGE"].startswith(f"{name}: ")


def test_fields(clean_container: Container, backend: Backend) -> None:
    """The fields tell of the request; its id is the one that the backend was given."""
    since = clean_container.journal.cursor()
    for port, request, reply, _ in REQUESTS.values():
        assert ask(clean_container, port, request) == reply
    entries = clean_container.journal("SYSLOG_IDENTIFIER=postfix-rest-inetd", since=since)
    seen = [
        {
            name.removeprefix("POSTFIX_REST_"): value
            for name, value in entry.items()
            if name.startswith("POSTFIX_REST_") and not name.endswith("_USEC")
        }
        for entry in entries
    ]
    ids = [request.headers["x-request-id"] for request in backend.requests]
    common = {"HTTP_STATUS": "200", "START": "cold"}
    assert seen == [
        {
            **common,
            "ENDPOINT": "t",
            "MODE": "tcp-lookup",
            "OUTCOME": "found",
            "KEY": "x",
            "REQUEST_ID": ids[0],
        },
        {
            "HTTP_STATUS": "404",
            "START": "cold",
            "ENDPOINT": "s",
            "MODE": "socketmap-lookup",
            "OUTCOME": "not-found",
            "MAP": "m",
            "KEY": "no",
            "REQUEST_ID": ids[1],
        },
        {
            **common,
            "ENDPOINT": "p",
            "MODE": "policy",
            "OUTCOME": "action",
            "ACTION": "DUNNO",
            "SENDER": "a@b",
            "REQUEST_ID": ids[2],
        },
    ]
    for entry in entries:
        elapsed = int(entry["POSTFIX_REST_ELAPSED_USEC"])
        assert 0 < int(entry["POSTFIX_REST_BACKEND_USEC"]) <= elapsed
        assert len(entry["MESSAGE_ID"]) == 32
        assert entry["_UID"] == clean_container.run("id", "-u", "postfix-rest-inetd").stdout.strip()


def pids_warnings(container: Container) -> int:
    """How often systemd has warned that it cannot read pids.max of a handler.

    The harness leaves such entries out.
    """
    program = "journalctl -q -o cat _PID=1 | grep -c 'postfix-rest-.*Failed to read pids.max' || :"
    return int(container.shell(program))


@pytest.mark.usefixtures("backend")
def test_pids_warnings(clean_container: Container) -> None:
    """The drop-in of the manual ends warnings about pids.max; elsewhere there are none anyway."""

    def warned() -> int:
        before = pids_warnings(clean_container)
        assert ask(clean_container, 9001, b"get x\n") == b"200 y\n"
        wait_for_no_handlers(clean_container)
        clean_container.journal.sync()
        return pids_warnings(clean_container) - before

    has_pids = "pids" in clean_container.read("/sys/fs/cgroup/cgroup.controllers").split()
    assert warned() in ({0} if has_pids else {0, 2})
    (block,) = (each for each in blocks("postfix-rest-inetd-handler.8") if each.kind == "pids")
    drop_in(clean_container, "postfix-rest-@.service", block.text, "50-local.conf")
    assert warned() == 0


@pytest.mark.usefixtures("backend")
def test_sockets_are_not_silenced(clean_container: Container) -> None:
    """What systemd says of the socket units themselves stays in the journal."""
    since = clean_container.journal.cursor()
    clean_container.run("systemctl", "restart", POLICY)
    messages = [
        entry["MESSAGE"] for entry in clean_container.journal(f"UNIT={POLICY}", since=since)
    ]
    assert [message.split()[0] for message in messages if POLICY in message][-1] == "Listening"


@pytest.mark.usefixtures("backend")
def test_dying_handlers_are_not_silenced(clean_container: Container) -> None:
    """A handler that dies is not passed over in silence."""
    start(clean_container, TCP)
    since = clean_container.journal.cursor()
    with connect(clean_container, 9001) as connection:
        connection.sendall(b"get x\n")
        assert read_line(connection) == b"200 y\n"
        (instance,) = handlers(clean_container)
        pid = show(clean_container, instance, "MainPID")["MainPID"]
        clean_container.run("kill", "-SEGV", pid)
        assert connection.recv(1) == b""
    entries = clean_container.journal.wait_for("_PID=1", f"UNIT={instance}", since=since, count=2)
    assert "status=11/SEGV" in entries[0]["MESSAGE"]
    assert "Failed with result" in entries[1]["MESSAGE"]


@pytest.mark.one_release
def test_the_demo_is_not_in_the_journal(clean_container: Container) -> None:
    """What the handlers of a demo say is on its screen, and nothing of it in the statistics."""
    since = clean_container.journal.cursor()
    counted = requests(clean_container)
    said = clean_container.run("postfix-rest-inetd", "demo", "--once").stdout
    assert said.count("  handler's log  ") == 4
    assert "  handler's log  domains: example.org: found (" in said
    assert clean_container.journal("SYSLOG_IDENTIFIER=postfix-rest-inetd", since=since) == []
    assert clean_container.journal("POSTFIX_REST_MODE=tcp-lookup", since=since) == []
    assert requests(clean_container) == counted


def requests(container: Container) -> int:
    """How many requests `stats` counts."""
    container.journal.sync()
    document = json.loads(container.run("postfix-rest-inetd", "stats", "--json").stdout)
    number: int = document["requests"]
    return number
