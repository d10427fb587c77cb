# SPDX-License-Identifier: MIT
"""The units: enabled, started, stopped and booted as an operator does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from integration.product import (
    KINDS,
    POLICY,
    SOCKETMAP,
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
    state,
    wait_for_no_handlers,
    wait_until,
)

from harness.container import Container
from harness.container_backend import Backend, answer, held, lookup

LOOKUP = lookup({"x": ["y"]})
ROUTES = {"/l": LOOKUP, "/other": lookup({"x": ["z"]}), "/p": answer("DUNNO")}
DOMAINS, BOXES = "postfix-rest-tcp@domains.socket", "postfix-rest-tcp@boxes.socket"
POSTFIX = ("postfix.service", "postfix@-.service")
TEMPLATES = tuple(f"{kind}@.socket" for kind in KINDS)


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend, and two tcp endpoints and one of each other kind that ask it."""
    with clean_container.backend(ROUTES) as running:
        configure(
            clean_container,
            endpoint("domains", port=9001, target=running.url("/l")),
            endpoint("boxes", port=9002, target=running.url("/other")),
            endpoint("maps", "socketmap-lookup", port=9003, target=running.url("/l")),
            endpoint("gate", "policy", port=9004, target=running.url("/p")),
        )
        yield running


def answers(container: Container) -> list[bytes]:
    """What the endpoints answer, one after the other; empty where nothing listens."""
    requests = {
        9001: b"get x\n",
        9002: b"get x\n",
        9003: socketmap_request("m", "x"),
        9004: policy_request(),
    }
    return [ask_if_there(container, port, request) for port, request in requests.items()]


def ask_if_there(container: Container, port: int, request: bytes = b"get x\n") -> bytes:
    """The answer, or nothing where the connection is refused."""
    try:
        return ask(container, port, request)
    except ConnectionRefusedError:
        return b""


ALL_ANSWERS = [b"200 y\n", b"200 z\n", b"4:OK y,", b"action=DUNNO\n\n"]


# -- enabling and starting


@pytest.mark.usefixtures("backend")
def test_enable_and_start(clean_container: Container) -> None:
    """`enable` of a template enables @all; started, these answer for every endpoint."""
    clean_container.run("systemctl", "enable", *TEMPLATES)
    enabled = clean_container.run("systemctl", "is-enabled", *SOCKETS).stdout
    before = [state(clean_container, unit) for unit in SOCKETS]
    start(clean_container, *SOCKETS)
    after = [state(clean_container, unit) for unit in SOCKETS]
    assert (enabled, before, after) == ("enabled\n" * 3, ["inactive"] * 3, ["active"] * 3)
    assert answers(clean_container) == ALL_ANSWERS
    clean_container.run("systemctl", "disable", *TEMPLATES)
    disabled = clean_container.run("systemctl", "is-enabled", *SOCKETS, check=False).stdout
    assert disabled == "disabled\n" * 3


@pytest.mark.usefixtures("backend")
def test_one_endpoint_alone(clean_container: Container) -> None:
    """@NAME listens for the endpoint NAME; connections to the others are refused."""
    start(clean_container, DOMAINS)
    assert answers(clean_container) == [b"200 y\n", b"", b"", b""]


@pytest.mark.usefixtures("backend")
def test_all_and_one_exclude_each_other(clean_container: Container) -> None:
    """Starting @all stops @NAME and the other way round, without a failure; two @NAMEs agree."""
    since = clean_container.journal.cursor()
    seen = []
    for unit in (TCP, DOMAINS, TCP, BOXES, DOMAINS, TCP):
        start(clean_container, unit)
        states = [state(clean_container, each) for each in (TCP, DOMAINS, BOXES)]
        ports = [ask_if_there(clean_container, port) != b"" for port in (9001, 9002)]
        seen.append((states.count("active"), states[0] == "active", ports))
    assert seen == [
        (1, True, [True, True]),
        (1, False, [True, False]),
        (1, True, [True, True]),
        (1, False, [False, True]),
        (2, False, [True, True]),
        (1, True, [True, True]),
    ]
    troubles = [
        entry["MESSAGE"]
        for entry in clean_container.journal("_PID=1", since=since)
        if entry["PRIORITY"] <= "4"
    ]
    assert troubles == []


def test_no_warnings(clean_container: Container, backend: Backend) -> None:
    """Systemd knows every key of the units: nothing to warn of when it loads or verifies them."""
    since = clean_container.journal.cursor()
    clean_container.run("systemctl", "daemon-reload")
    start(clean_container, *SOCKETS)
    assert answers(clean_container) == ALL_ANSWERS
    start(clean_container, DOMAINS)
    warnings = [
        entry["MESSAGE"]
        for entry in clean_container.journal("_PID=1", since=since)
        if entry["PRIORITY"] <= "4"
    ]
    assert warnings == []
    units = [*SOCKETS, DOMAINS, f"revive-postfix-rest@{TCP}.service"]
    units += [f"{kind}@1.service" for kind in KINDS]
    verify = ["systemd-analyze", "verify", "--generators=yes", "--man=no"]
    # systemd-analyze 262 cannot remount directories for generators, whatever it verifies.
    of_itself = clean_container.run(*verify, "basic.target").stderr
    assert [line for line in of_itself.splitlines() if "bind remount failed" not in line] == []
    verify += units
    done = clean_container.run(*verify, check=False)
    assert (done.returncode, done.stdout + done.stderr) == (0, of_itself)
    # It does warn of what it does not know.
    drop_in(clean_container, "postfix-rest-@.socket", "[Socket]\nMaxConections=9\n")
    done = clean_container.run(*verify, check=False)
    assert "MaxConections" in done.stdout + done.stderr
    assert len(backend.requests) == len(ALL_ANSWERS)


# -- booting


def test_reboot(clean_container: Container, backend: Backend) -> None:
    """Enabled sockets are up after a boot, and were so before anything of Postfix was started."""
    clean_container.run("systemctl", "enable", *TEMPLATES)
    backend.stop()
    clean_container.reboot()
    listening = [
        int(show(clean_container, unit, "ActiveEnterTimestampMonotonic").popitem()[1])
        for unit in SOCKETS
    ]
    postfix = [
        int(show(clean_container, unit, "InactiveExitTimestampMonotonic").popitem()[1])
        for unit in POSTFIX
    ]
    assert min(listening) > 0
    started = [when for when in postfix if when]
    assert started != []
    assert max(listening) < min(started)
    backend.start()
    assert answers(clean_container) == ALL_ANSWERS


# -- stopping


@pytest.mark.usefixtures("backend")
def test_stopping_a_socket(clean_container: Container) -> None:
    """A stopped socket takes no new connections, and the connections that there are go on."""
    start(clean_container, TCP)
    with connect(clean_container, 9001) as connection:
        connection.sendall(b"get x\n")
        assert read_line(connection) == b"200 y\n"
        clean_container.run("systemctl", "stop", TCP)
        assert ask_if_there(clean_container, 9001) == b""
        connection.sendall(b"get x\n")
        assert read_line(connection) == b"200 y\n"
    wait_for_no_handlers(clean_container)


ENDED = """
[Service]
ExecStopPost=/usr/bin/logger --tag ended "${SERVICE_RESULT} ${EXIT_CODE} ${EXIT_STATUS}"
"""


def test_stopping_a_handler(clean_container: Container, backend: Backend) -> None:
    """A handler that is stopped during a request sends the reply, and ends with success."""
    backend.set_routes({"/l": held(LOOKUP)})
    drop_in(clean_container, "postfix-rest-tcp@.service", ENDED)
    configure(
        clean_container,
        endpoint("domains", port=9001, target=backend.url("/l"), request_timeout=60000),
    )
    start(clean_container, TCP)
    since = clean_container.journal.cursor()
    with connect(clean_container, 9001) as connection:
        connection.sendall(b"get x\n")
        backend.wait_for_requests(1)
        (instance,) = handlers(clean_container)
        with clean_container.popen("systemctl", "stop", instance) as stopping:
            wait_until(lambda: state(clean_container, instance) == "deactivating", "the stop")
            backend.release()
            assert read_line(connection) == b"200 y\n"
            assert connection.recv(1) == b""
            assert stopping.wait(30) == 0
    (ended,) = clean_container.journal.wait_for("SYSLOG_IDENTIFIER=ended", since=since)
    assert ended["MESSAGE"] == "success exited 0"
    assert handlers(clean_container) == []


@pytest.mark.usefixtures("backend")
def test_stopping_an_idle_handler(clean_container: Container) -> None:
    """A handler that waits ends at once when it is stopped, whether it has had a request or not."""
    start(clean_container, TCP)
    for request in (b"", b"get x\n"):
        with connect(clean_container, 9001) as connection:
            connection.sendall(request)
            if request:
                assert read_line(connection) == b"200 y\n"
            wait_until(lambda: len(handlers(clean_container)) == 1, "a handler")
            (instance,) = handlers(clean_container)
            wait_until(lambda unit=instance: is_waiting(clean_container, unit), "the handler")
            clean_container.run("systemctl", "stop", instance, timeout=20)
            assert connection.recv(1) == b""
        assert handlers(clean_container) == []


def is_waiting(container: Container, instance: str) -> bool:
    """Is the main process of a handler in poll(2)?"""
    pid = show(container, instance, "MainPID")["MainPID"]
    try:
        return "poll" in container.read(f"/proc/{pid}/wchan")
    except AssertionError:
        return False


def test_kinds_are_apart(clean_container: Container, backend: Backend) -> None:
    """A socket of one kind can be used without the others."""
    start(clean_container, POLICY)
    assert answers(clean_container) == [b"", b"", b"", b"action=DUNNO\n\n"]
    start(clean_container, SOCKETMAP)
    clean_container.run("systemctl", "stop", POLICY)
    assert answers(clean_container) == [b"", b"", b"4:OK y,", b""]
    assert len(backend.requests) == 2
