# SPDX-License-Identifier: MIT
"""A machine with the product from a package: in service, upgraded under load, and inspected.

For the tests of the Debian and the RPM package: what the product does is the same with both.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable

from integration.product import (
    CACHE,
    CONFIG,
    POLICY,
    SOCKETMAP,
    SOCKETS,
    TCP,
    USER,
    connect,
    converse,
    handlers,
    read_line,
    start,
    state,
    wait_until,
)

from harness import modes
from harness.container import Container
from harness.container_backend import Backend, answer, lookup, maps
from harness.lookup_load import Load

PORTS = {TCP: 9001, SOCKETMAP: 9002, POLICY: 9003}
TIMER = "export-postfix-rest-metrics.timer"
KEY, VALUE = "hosted.example", "a value"
ASLEEP_KB = 4500
WARNINGS = tuple(f"PRIORITY={priority}" for priority in range(5))

OURS = (os.path.dirname(CONFIG), CONFIG, CACHE)
OWNERS = [
    "750 root:postfix-rest-inetd",
    "640 root:postfix-rest-inetd",
    "700 postfix-rest-inetd:postfix-rest-inetd",
]


STORED = f"{CACHE}/1/answers/tcp-lookup.example/00/stored"
"""A file in the cache directory, where a stored answer would be."""


# -- into service


def start_backend(machine: Container) -> Backend:
    """A backend that knows KEY."""
    table = lookup({KEY: [VALUE]})
    return machine.backend(
        {"/tcp": table, "/maps": maps({"domains": table}), "/policy": answer("DUNNO")}
    )


def upstream_config(backend: Backend) -> str:
    """The configuration of a postfix-rest-connector 1.1.0, as its documentation shows it.

    But the policy endpoint's handlers hibernate soon.
    """
    endpoints = [
        {
            "name": f"{mode}-example",
            "mode": mode,
            "target": backend.url(path),
            "bind-address": "0.0.0.0",
            "bind-port": port,
            "auth-token": "test123",
            # Not 2000 as there: the machine may be busy with other tests.
            "request-timeout": 30000,
        }
        for mode, path, port in (
            (modes.TCP, "/tcp", PORTS[TCP]),
            (modes.SOCKETMAP, "/maps", PORTS[SOCKETMAP]),
            (modes.POLICY, "/policy", PORTS[POLICY]),
        )
    ]
    endpoints[-1]["hibernate-after"] = 1
    return json.dumps({"user-agent": "Postfix REST Connector", "endpoints": endpoints}, indent=2)


def put_into_service(machine: Container, backend: Backend) -> None:
    """The steps of an operator after the installation."""
    machine.write("/root/upstream.json", upstream_config(backend))
    machine.run("cp", "/root/upstream.json", CONFIG)
    machine.run("rm", "/root/upstream.json")
    machine.run("postfix-rest-inetd", "check")
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "enable", *(socket.replace("all", "") for socket in SOCKETS))
    start(machine, *SOCKETS)
    machine.run("systemctl", "enable", "--now", TIMER)


MOST_LOST = 5


def check_under_load(
    machine: Container, install: Callable[[], object], *, may_lose_new_ones: bool = False
) -> None:
    """INSTALL another version while Postfix and others ask; they notice nothing.

    With `may_lose_new_ones`, a few requests on connections that are new just then may fail, for
    which Postfix tries again: a handler of 0.1.0 that starts while its modules are replaced cannot
    wait for the end of that, as later versions do.
    """
    since = opened(machine)
    with connect(machine, PORTS[POLICY]) as held:
        held.sendall(b"request=smtpd_access_policy\n\n")
        assert read_line(held) == b"action=DUNNO\n"
        holders = handlers(machine)
        wait_until(lambda: hibernates(machine, "policy"), "a handler that hibernates")
        with Load(machine, KEY, VALUE, PORTS[TCP], PORTS[SOCKETMAP]) as load:
            install()
            load.go_on()
        new_ones = [
            each
            for each in load.failures
            if " _fresh: " in each or (" postmap: " in each and "Connection reset by peer" in each)
        ]
        allowed = new_ones if may_lose_new_ones and len(new_ones) <= MOST_LOST else []
        assert load.failures == allowed, load.failures
        assert load.lookups_meanwhile > 0
        assert load.answered_meanwhile > 0
        # The handler of an open connection is the one that it had, and it wakes.
        assert set(holders) <= set(handlers(machine))
        assert converse(held, b"request=smtpd_access_policy\n\n").endswith(b"action=DUNNO\n\n")
    assert opened(machine) == since
    assert [state(machine, unit) for unit in (*SOCKETS, TIMER)] == ["active"] * 4


def hibernates(machine: Container, mode: str) -> bool:
    """Does the only handler of MODE hibernate? It has half of the memory then, in any version."""
    found = machine.run("pgrep", "-u", USER, "-f", f"handler --mode {mode}", check=False)
    if not found.stdout:
        return False  # just then, it becomes a fresh interpreter
    (pid,) = found.stdout.split()
    memory = re.findall(
        r"(?m)^Private_Dirty: +(\d+) kB$", machine.read(f"/proc/{pid}/smaps_rollup")
    )
    return sum(map(int, memory)) < ASLEEP_KB


# -- what is to be seen


def version(machine: Container) -> str:
    """The version that runs when something is started now."""
    return machine.run("postfix-rest-inetd", "--version").stdout.split()[-1]


def files(machine: Container) -> set[str]:
    """Every file of the machine, except the logs and states of other packages."""
    others = (
        "/etc/(passwd|group|shadow|gshadow)-|/etc/\\.pwd\\.lock|/root/.*|/srv/.*|/tmp/.*"
        "|/var/(log|spool|tmp)/.*|/var/cache/(apt|ldconfig|debconf)/.*|/var/lib/(apt|dpkg|rpm|systemd)/.*"
    )
    found = machine.shell("find / /run -xdev ! -path '/run/systemd/*' ! -path '/run/udev/*'")
    return {path for path in found.splitlines() if not re.fullmatch(others, path)}


def owners(machine: Container, *paths: str) -> list[str]:
    """Mode, owner and group of each path."""
    return machine.run("stat", "--format=%a %U:%G", *paths).stdout.splitlines()


def listening(machine: Container) -> set[int]:
    """The ports that have listeners."""
    lines = machine.run("ss", "-Hltn").stdout.splitlines()
    return {int(line.split()[3].rpartition(":")[2]) for line in lines}


def units(machine: Container) -> list[str]:
    """All units of the package that systemd has in memory; not what a link just wants."""
    patterns = ("postfix-rest-*", "revive-postfix-rest*", "export-postfix-rest*", "*_rest_inetd*")
    listed = machine.run("systemctl", "list-units", "--all", "--plain", "--no-legend", *patterns)
    return [line for line in listed.stdout.splitlines() if "not-found inactive dead" not in line]


def enabled(machine: Container) -> list[str]:
    """Whether the templates of the sockets, and the timer, are enabled."""
    templates = (socket.replace("all", "") for socket in SOCKETS)
    return machine.run("systemctl", "is-enabled", *templates, TIMER, check=False).stdout.split()


def failed(machine: Container) -> str:
    """The units that have failed, of the whole machine."""
    return machine.run("systemctl", "list-units", "--failed", "--no-legend").stdout


def opened(machine: Container) -> list[str]:
    """The inode of the open socket of each unit, which distinguishes it from any other."""
    return [
        machine.shell('ss -Hltne "sport = :$1" | grep -o "ino:[0-9]*"', str(PORTS[unit])).strip()
        for unit in SOCKETS
    ]


LOST = re.compile(r"postfix-rest-\w+@\d+-[^ ]*\.service: Failed with result 'exit-code'\.")
"""What systemd says of a handler of 0.1.0 that started while its modules were replaced."""


def check_quiet(machine: Container, since: str) -> None:
    """No unit is failed, and the journal has had no warning SINCE but of a few LOST handlers."""
    assert failed(machine) == ""
    warnings = [entry["MESSAGE"] for entry in machine.journal(*WARNINGS, since=since)]
    lost = [text for text in warnings if LOST.fullmatch(text)]
    assert warnings == lost[:MOST_LOST], warnings
