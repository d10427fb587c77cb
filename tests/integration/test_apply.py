# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd apply`: from config.json to sockets that listen, and nothing else is touched.

After each success, `check` finds nothing about the sockets.
"""

from __future__ import annotations

import json
from subprocess import CompletedProcess

import pytest
from integration.good_machine import Machine
from integration.product import (
    CONFIG,
    NOT_FOUND,
    POLICY,
    SOCKETMAP,
    SOCKETS,
    TCP,
    connect,
    drop_in,
    endpoint,
    read_line,
    show,
    state,
    wait_until,
    write_config,
)

from harness.container import ENVIRONMENT
from harness.process_group import end
from harness.terminal import conversation

QUESTION = b"Run these commands? [y/N] "
HOLD = "import socket, time; s = socket.create_server(('127.0.0.1', {})); time.sleep(99)"
NAMED = "postfix-rest-tcp@domains.socket"


def apply(machine: Machine, *options: str, user: str | None = None) -> CompletedProcess[str]:
    """Run it without a terminal."""
    return machine.container.run("postfix-rest-inetd", "apply", *options, user=user, check=False)


def applied(machine: Machine) -> str:
    """What it says when it succeeds."""
    done = apply(machine, "--yes")
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert machine.check("--only=sockets", "--strict") == (0, [])
    return done.stdout


def started(machine: Machine, unit: str) -> str:
    """When a unit was started."""
    return show(machine.container, unit, "ActiveEnterTimestampMonotonic").popitem()[1]


def on_terminal(machine: Machine, *command: str, answer: str, columns: int = 80) -> tuple[int, str]:
    """The exit status and the screen, with an answer to the question."""
    argv = machine.container.command("env", "TERM=dumb", *command)
    typed = answer.encode()
    return conversation(argv, QUESTION, typed, columns=columns, environment=ENVIRONMENT)


def test_going_live(machine: Machine) -> None:
    """From nothing to all addresses: first shown, then done, and then left alone."""
    machine.shell(f"systemctl disable --now {' '.join(SOCKETS)} 2>&1")
    asked = apply(machine)
    told = "postfix-rest-inetd: there is no terminal to ask on; use --yes or --dry-run\n"
    assert (asked.returncode, asked.stdout, asked.stderr) == (2, "", told)
    commands = f"Commands:\n    systemctl enable --now {' '.join(SOCKETS)}\n"
    rehearsed = apply(machine, "--dry-run")
    assert rehearsed.returncode == 0
    assert commands in rehearsed.stdout.replace("    systemctl daemon-reload\n", "")
    assert {state(machine.container, unit) for unit in SOCKETS} == {"inactive"}
    said = applied(machine)
    assert f"systemctl enable --now {' '.join(SOCKETS)}: done\n" in said
    assert said.endswith("Done: systemd listens at all 4 addresses of config.json.\n")
    times = [started(machine, unit) for unit in SOCKETS]
    assert applied(machine) == "Nothing to do: systemd listens at all 4 addresses of config.json.\n"
    assert [started(machine, unit) for unit in SOCKETS] == times


@pytest.mark.one_release
def test_question(machine: Machine) -> None:
    """Nothing without a yes; each command is shown before, and fits the screen if it can."""
    machine.shell(f"systemctl stop {TCP} {POLICY}")
    status, screen = on_terminal(machine, "postfix-rest-inetd", "apply", answer="\n", columns=60)
    assert (status, state(machine.container, TCP)) == (1, "inactive")
    assert screen.endswith("No command was run. Later: postfix-rest-inetd apply\n")
    assert max(map(len, screen.splitlines())) <= 60
    assert f"    systemctl start \\\n        {TCP} \\\n        {POLICY}\n" in screen
    status, screen = on_terminal(machine, "postfix-rest-inetd", "apply", answer="y\n")
    assert (status, state(machine.container, TCP)) == (0, "active")
    assert f"systemctl start {TCP} {POLICY}: done\n" in screen.replace(" \\\n    ", " ")


@pytest.mark.one_release
def test_edit(machine: Machine) -> None:
    """`edit` offers the same at its end."""
    editor = f"EDITOR=sed -i s/{9001}/{9011}/"
    command = ("env", editor, "postfix-rest-inetd", "edit")
    status, screen = on_terminal(machine, *command, answer="y\n")
    assert status == 0
    assert "New address: 127.0.0.1:9011 (domains)" in screen
    assert f"systemctl restart {TCP}: done\n" in screen
    assert screen.endswith("Done: systemd listens at all 4 addresses of config.json.\n")
    assert machine.check("--only=sockets", "--strict") == (0, [])


@pytest.mark.one_release
def test_another_address(machine: Machine) -> None:
    """Only the socket that needs it is restarted, and its open connections are answered."""
    kept = [POLICY, SOCKETMAP]
    times = [started(machine, unit) for unit in kept]
    with connect(machine.container, 9001) as client:
        write_config(
            machine.container,
            {
                "endpoints": [
                    *machine.endpoints(),
                    endpoint("new", port=9011, target=machine.backend.url("/lookup")),
                ]
            },
        )
        assert f"systemctl restart {TCP}: done\n" in applied(machine)
        client.sendall(b"get x.example\n")
        assert read_line(client) == NOT_FOUND
    connect(machine.container, 9011).close()
    assert [started(machine, unit) for unit in kept] == times


@pytest.mark.one_release
def test_a_changed_drop_in(machine: Machine) -> None:
    """Only the option that the kernel reads at the start of a socket restarts it."""
    template = "postfix-rest-socketmap@.socket"
    drop_in(machine.container, template, "[Socket]\nMaxConnections=1100\n")
    path = f"/etc/systemd/system/{template}.d/60-test.conf"
    before = started(machine, SOCKETMAP)
    for option, is_restarted in (("MaxConnections=1200", False), ("SocketMode=0600", True)):
        machine.container.write(path, f"[Socket]\n{option}\n")
        said = applied(machine)
        assert "/usr/libexec/postfix-rest-inetd/reload: done\n" in said
        assert (started(machine, SOCKETMAP) != before) is is_restarted
    assert machine.shell("stat -c %a /var/spool/postfix/private/rest") == "600\n"


def test_named_units(machine: Machine) -> None:
    """@NAME is what the administrator has chosen: exchanged, renamed and new endpoints have one."""
    machine.shell(f"systemctl disable --now {TCP} 2>&1; systemctl enable --now {NAMED} 2>&1")
    other = endpoint("b b", port=9011, target=machine.backend.url("/lookup"))
    escaped = r"postfix-rest-tcp@b\x20b.socket"
    write_config(machine.container, {"endpoints": [*machine.endpoints(), other]})
    assert f"systemctl enable --now '{escaped}': done\n" in applied(machine)
    exchanged = machine.endpoints(domains={"bind-port": 9011})
    write_config(machine.container, {"endpoints": [*exchanged, {**other, "bind-port": 9001}]})
    applied(machine)
    assert show(machine.container, NAMED, "Listen") == {"Listen": "127.0.0.1:9011 (Stream)"}
    renamed = machine.endpoints(domains={"name": "new"})
    write_config(machine.container, {"endpoints": [*renamed, other]})
    applied(machine)
    assert state(machine.container, NAMED) == "inactive"
    assert state(machine.container, "postfix-rest-tcp@new.socket") == "active"
    assert state(machine.container, TCP) == "inactive"


REPAIRED = {
    "both are enabled": f"systemctl enable {NAMED}",
    "a unix socket under @NAME": "systemctl enable --now postfix-rest-socketmap@local.socket || :",
    "failed and disabled": f"systemctl disable {TCP}; systemctl stop {TCP};"
    " systemd-run --quiet --unit=holder python3 -c 'import socket, time;"
    ' s = socket.create_server(("127.0.0.1", 9001)); time.sleep(99)\';'
    " until ss -ltn | grep -q 9001; do sleep 0.1; done;"
    f" systemctl start {TCP} || :; systemctl stop holder",
}


@pytest.mark.one_release
@pytest.mark.parametrize("program", REPAIRED.values(), ids=REPAIRED)
def test_repairs(machine: Machine, program: str) -> None:
    """Units that are in the way are gone afterwards, and all addresses are open."""
    machine.shell(f"{program} 2>&1")
    applied(machine)
    connect(machine.container, 9001).close()


@pytest.mark.one_release
def test_a_mode_without_endpoints(machine: Machine) -> None:
    """Its socket is closed, also for the next boot."""
    entries = [each for each in machine.endpoints() if each["mode"] != "policy"]
    write_config(machine.container, {"endpoints": entries})
    assert f"systemctl disable --now {POLICY}: done\n" in applied(machine)
    enabled = show(machine.container, POLICY, "UnitFileState", "ActiveState")
    assert enabled["ActiveState"] == "inactive"
    assert enabled["UnitFileState"] != "enabled"


@pytest.mark.one_release
def test_a_held_address(machine: Machine) -> None:
    """A restart would close what is open, so the mode is left alone; another one is not."""
    machine.write(domains={"bind-port": 9011})
    machine.shell(f"systemctl stop {POLICY}")
    with machine.container.popen("python3", "-c", HOLD.format(9011)) as other:
        try:
            wait_until(lambda: "9011" in machine.shell("ss -ltn"), "the other program")
            before = started(machine, TCP)
            done = apply(machine, "-y")
        finally:
            end(other)
    assert (done.returncode, done.stderr) == (1, "")
    assert "127.0.0.1:9011, which is held by python3 (pid " in done.stdout
    assert f"{POLICY}: done\n" in done.stdout
    assert done.stdout.endswith("Not everything is done: see above.\n")
    assert started(machine, TCP) == before
    assert "restart" in applied(machine)


@pytest.mark.one_release
def test_a_unit_of_others_holds_the_address(machine: Machine) -> None:
    """PID 1 listens there, but not for us: the open addresses of the mode stay open."""
    machine.shell(
        "systemd-run --quiet --unit=other --socket-property=ListenStream=127.0.0.1:9011"
        " --socket-property=Accept=yes true"
    )
    machine.write(domains={"bind-port": 9011})
    done = apply(machine, "-y")
    machine.shell("systemctl stop other.socket")
    assert (done.returncode, done.stderr) == (1, "")
    assert "does not listen at 127.0.0.1:9011, which is held by other.socket" in done.stdout
    assert done.stdout.endswith("Nothing was done.\n")
    connect(machine.container, 9001).close()


@pytest.mark.one_release
def test_a_directory_in_place_of_a_socket(machine: Machine) -> None:
    """A restart would fail, and close the other addresses of the mode."""
    machine.write(local={"bind-path": "/run/systemd"})
    before = started(machine, SOCKETMAP)
    done = apply(machine, "-y")
    assert (done.returncode, done.stderr) == (1, "")
    assert f"{SOCKETMAP}: cannot listen at /run/systemd, which is a directory" in done.stdout
    assert started(machine, SOCKETMAP) == before


@pytest.mark.one_release
def test_a_path_that_systemctl_escapes(machine: Machine) -> None:
    """It is the same path: the socket is restarted once."""
    machine.write(local={"bind-path": """/run/rest/q"u\\o'd \u00e9"""})
    assert f"systemctl restart {SOCKETMAP}: done\n" in applied(machine)
    assert "Nothing to do" in applied(machine)


@pytest.mark.one_release
def test_a_start_fails(machine: Machine) -> None:
    """Why, and what is left; the others are open. A second run does it."""
    drop_in(machine.container, "postfix-rest-tcp@.socket", "[Socket]\nExecStartPre=false\n")
    machine.shell(f"systemctl stop {TCP} {SOCKETMAP}")
    done = apply(machine, "-y")
    assert (done.returncode, done.stderr) == (1, "")
    assert f"systemctl start {TCP} {SOCKETMAP}: failed\n" in done.stdout
    assert f"{TCP}: has failed: Control process exited" in done.stdout
    left = done.stdout.partition("Not done:\n")[2]
    assert TCP in left
    assert SOCKETMAP not in left
    assert state(machine.container, SOCKETMAP) == "active"
    machine.shell("rm /etc/systemd/system/postfix-rest-tcp@.socket.d/60-test.conf")
    applied(machine)


@pytest.mark.one_release
def test_nothing_is_done(machine: Machine) -> None:
    """A masked unit stays masked; an error of the configuration, or another user, stops all."""
    machine.shell(f"systemctl mask --now {POLICY} 2>&1")
    masked = apply(machine, "-y")
    assert (masked.returncode, masked.stderr) == (1, "")
    assert f"systemctl unmask {POLICY}" in masked.stdout
    assert masked.stdout.endswith("Nothing was done.\n")
    machine.shell(f"systemctl unmask {POLICY} 2>&1")
    good = json.loads(machine.container.read(CONFIG))
    machine.write(gate={"auth-token": 5})
    broken = apply(machine, "-y")
    assert (broken.returncode, broken.stderr) == (78, "")
    assert "auth-token: must be" in broken.stdout
    assert broken.stdout.endswith("Nothing was done: correct the configuration first.\n")
    assert state(machine.container, POLICY) == "inactive"
    write_config(machine.container, good)
    denied = apply(machine, "-n", user="nobody")
    told = "postfix-rest-inetd: only root can start sockets; run this as root\n"
    assert (denied.returncode, denied.stdout, denied.stderr) == (1, "", told)
    applied(machine)
