# SPDX-License-Identifier: MIT
"""The generator in a booted system: from config.json to sockets that listen there and only there.

Each endpoint here asks a path of the backend that bears its own name, and is answered with it: so
an answer tells which endpoint gave it.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from integration.product import (
    CONFIG,
    GENERATED,
    KINDS,
    POLICY,
    SOCKETMAP,
    TCP,
    UNUSABLE_CONFIG,
    ask,
    ask_unix,
    configure,
    connect,
    drop_in,
    endpoint,
    read_line,
    show,
    socketmap_request,
    start,
    state,
    wait_for_no_handlers,
    write_config,
)

from harness.container import CommandError, Container
from harness.container_backend import Backend, answer
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError

CHECKOUT = Path(__file__).parents[2]
GENERATOR = "/usr/lib/systemd/system-generators/postfix-rest-inetd-generator"
REPORT = "postfix-rest-inetd-config.service"
PRIVATE = "/var/spool/postfix/private"
MAX_GENERATOR_SEC = 10
MAX_GENERATOR_INSTRUCTIONS = 60_000_000
PORT = 9001
NOT_SERVED = UNUSABLE_CONFIG.decode().strip()


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend that answers a request of /NAME with NAME."""
    with clean_container.backend() as running:
        yield running


def serve(container: Container, backend: Backend, *endpoints: dict[str, Any]) -> None:
    """Configure these endpoints with targets that answer with a value or action NAME."""
    routes, entries = {}, []
    for number, each in enumerate(endpoints):
        text = f"DUNNO {number}" if each["mode"] == "policy" else json.dumps([str(number)])
        routes[f"/{number}"] = answer(text)
        entries.append({**each, "target": backend.url(f"/{number}")})
    backend.set_routes(routes)
    configure(container, *entries)


def number_at(container: Container, port: int, host: str) -> str:
    """The number of the endpoint that answers there; the error when the connection is refused."""
    try:
        reply = ask(container, port, b"get x\n", host)
    except ConnectionRefusedError:
        return "refused"
    return reply.decode().removeprefix("200 ").strip()


def generated(container: Container) -> list[str]:
    """What the generator has written, below its three directories."""
    program = "find /run/systemd/generator* -path '*postfix-rest*' | sort"
    return container.shell(program).splitlines()


# -- internet addresses


def test_addresses(clean_container: Container, backend: Backend) -> None:
    """IPv4 and IPv6, single addresses and wildcards: each answers for its endpoint, and only there.

    An address that the machine does not have yet is no hindrance.
    """
    places = [("127.0.0.1", 9001), ("127.0.0.2", 9001), ("::1", 9001), ("localhost", 9002)]
    places += [("0.0.0.0", 9003), ("::", 9004), ("192.0.2.1", 9005)]  # TEST-NET-1
    entries = [
        endpoint(f"e{number}", port=port, bind_address=address)
        for number, (address, port) in enumerate(places)
    ]
    serve(clean_container, backend, *entries)
    start(clean_container, TCP)
    clean_container.run("ip", "address", "add", "192.0.2.1/32", "dev", "lo")
    try:
        asked = {
            ("127.0.0.1", 9001): "0",
            ("127.0.0.2", 9001): "1",
            ("::1", 9001): "2",
            ("127.0.0.3", 9001): "refused",
            ("127.0.0.1", 9002): "3",
            ("::1", 9002): "refused",
            ("127.0.0.1", 9003): "4",
            ("127.0.0.3", 9003): "4",
            ("::1", 9003): "refused",
            ("127.0.0.1", 9004): "5",
            ("::1", 9004): "5",
            ("192.0.2.1", 9005): "6",
            ("127.0.0.1", 9005): "refused",
        }
        seen = {(host, port): number_at(clean_container, port, host) for host, port in asked}
    finally:
        clean_container.run("ip", "address", "delete", "192.0.2.1/32", "dev", "lo")
    assert seen == asked


def test_both_wildcards(clean_container: Container, backend: Backend) -> None:
    """0.0.0.0 and [::] can be two endpoints of one port."""
    serve(
        clean_container,
        backend,
        endpoint("v4", port=PORT, bind_address="0.0.0.0"),
        endpoint("v6", port=PORT, bind_address="::"),
    )
    start(clean_container, TCP)
    assert [number_at(clean_container, PORT, host) for host in ("127.0.0.1", "::1")] == ["0", "1"]


def test_one_name_twice(clean_container: Container, backend: Backend) -> None:
    """Endpoints may share a name; @NAME listens for all of them, and for no other."""
    serve(
        clean_container,
        backend,
        endpoint("twice", port=9001),
        endpoint("twice", port=9002),
        endpoint("once", port=9003),
    )
    start(clean_container, "postfix-rest-tcp@twice.socket")
    seen = [number_at(clean_container, port, "127.0.0.1") for port in (9001, 9002, 9003)]
    assert seen == ["0", "1", "refused"]


# -- names


@pytest.mark.parametrize("name", ["mail box", "a/b", "grüße", "domain-lookup", "50% \\ \"'$x"])
def test_names(clean_container: Container, backend: Backend, name: str) -> None:
    """Whatever its name, an endpoint has the instance that systemd-escape(1) makes of it."""
    serve(clean_container, backend, endpoint(name, port=9001), endpoint("other", port=9002))
    escape = ["systemd-escape", "--template=postfix-rest-tcp@.socket", "--", name]
    unit = clean_container.run(*escape).stdout.strip()
    start(clean_container, unit)
    seen = [number_at(clean_container, port, "127.0.0.1") for port in (9001, 9002)]
    assert seen == ["0", "refused"]
    (entry,) = clean_container.run(
        "journalctl", "-q", "-ojson", "--lines=1", f"POSTFIX_REST_ENDPOINT={name}"
    ).stdout.splitlines()
    assert json.loads(entry)["POSTFIX_REST_KEY"] == "x"


@pytest.mark.parametrize("length", [249, 250, 251, 254, 255, 256])
def test_long_names(clean_container: Container, backend: Backend, length: int) -> None:
    """An endpoint has its own unit if systemd can have one; if not, @all serves it with the rest.

    The kind that comes last has its sockets in any case.
    """
    name = "ж" * 28 + "x" * (length - len("postfix-rest-tcp@.socket") - 28 * len("\\xd0\\xb6"))
    since = clean_container.journal.cursor()
    serve(
        clean_container,
        backend,
        endpoint(name, port=9001),
        endpoint("gate", "policy", port=9002),
    )
    start(clean_container, TCP, POLICY)
    assert number_at(clean_container, 9001, "127.0.0.1") == "0"
    assert [state(clean_container, unit) for unit in (TCP, POLICY)] == ["active", "active"]
    escape = ["systemd-escape", "--template=postfix-rest-tcp@.socket", "--", name]
    done = clean_container.run(*escape, check=False)
    if length > 250:
        messages = clean_container.journal("SYSLOG_IDENTIFIER=postfix-rest-inetd", since=since)
        assert "$.endpoints[0].name: too long" in messages[0]["MESSAGE"]
        assert messages[0]["PRIORITY"] == "4"
        return
    unit = done.stdout.strip()
    assert len(unit) == length
    start(clean_container, unit)
    assert number_at(clean_container, 9001, "127.0.0.1") == "0"
    assert state(clean_container, TCP) == "inactive"
    # It survives what every listening socket does.
    clean_container.run("rm", CONFIG)
    clean_container.run("systemctl", "daemon-reload")
    assert number_at(clean_container, 9001, "127.0.0.1") == NOT_SERVED


def test_every_name(clean_container: Container) -> None:
    """Whatever character a name has in whatever place, its instance has its address and no other.

    systemd-escape(1) tells the instance.
    """
    characters = [chr(code) for code in range(0x20, 0x7F)] + ["ä", "\u200b", "😀", "e\u0301"]
    names = [
        name
        for character in characters
        for name in (f"{character}x", f"x{character}", character)
        if name.isprintable() and name != "xx"
    ]
    configure(
        clean_container,
        *(endpoint(name, port=10_000 + number) for number, name in enumerate(names)),
    )
    # It names all the others (Conflicts=), which systemd would load again for each question.
    start(clean_container, TCP)
    escape = ["systemd-escape", "--template=postfix-rest-tcp@.socket", "--", *names]
    units = clean_container.run(*escape).stdout.split()
    loaded = clean_container.run("systemctl", "show", "--property=Listen", "--", *units).stdout
    expected = [f"Listen=127.0.0.1:{10_000 + number} (Stream)" for number in range(len(names))]
    assert loaded.split("\n\n") == [*expected[:-1], f"{expected[-1]}\n"]


def test_plain_name(clean_container: Container, backend: Backend) -> None:
    """A name that may stand in a unit's name as it is can be used so; its two forms agree."""
    serve(clean_container, backend, endpoint("domain-lookup", port=PORT))
    plain, escaped = (
        f"postfix-rest-tcp@{name}.socket" for name in ("domain-lookup", "domain\\x2dlookup")
    )
    for first, second in ((plain, escaped), (escaped, plain)):
        start(clean_container, first)
        assert [state(clean_container, unit) for unit in (first, second)] == ["active", "inactive"]
        assert number_at(clean_container, PORT, "127.0.0.1") == "0"


def test_unknown_name(clean_container: Container, backend: Backend) -> None:
    """@NAME of an endpoint that does not exist cannot be started, and the journal says why."""
    serve(clean_container, backend, endpoint("known", port=PORT))
    unit = "postfix-rest-tcp@unknown.socket"
    since = clean_container.journal.cursor()
    done = clean_container.run("systemctl", "start", unit, check=False)
    assert done.returncode != 0
    assert unit in done.stderr
    messages = [entry["MESSAGE"] for entry in clean_container.journal("_PID=1", since=since)]
    assert any(unit in message and "no Listen setting" in message for message in messages)


# -- unix sockets


def test_unix_socket(clean_container: Container, backend: Backend) -> None:
    """A unix socket is Postfix's alone, and its path is gone when it is stopped."""
    path = f"{PRIVATE}/maps"
    serve(clean_container, backend, endpoint("maps", "socketmap-lookup", bind_path=path))
    request = socketmap_request("m", "x")
    for _ in range(2):
        start(clean_container, SOCKETMAP)
        stat = clean_container.run("stat", "-c", "%a %U:%G %F", path).stdout
        assert stat == "660 postfix:postfix socket\n"
        assert ask_unix(clean_container, path, request) == b"4:OK 0,"
        with pytest.raises(CommandError, match="PermissionError"):
            ask_unix(clean_container, path, request, user="nobody")
        clean_container.run("systemctl", "stop", SOCKETMAP)
        gone = clean_container.run("test", "-e", path, check=False)
        assert gone.returncode == 1


WAITING = 600
"""Connections to a unix socket at once: more than the queue of other sockets holds, 256."""


@contextlib.contextmanager
def frozen(container: Container) -> Iterator[None]:
    """PID 1 accepts nothing."""
    os.kill(container.leader, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(container.leader, signal.SIGCONT)


def test_many_at_a_unix_socket(clean_container: Container, backend: Backend) -> None:
    """As many as Postfix may have find room in the queue: the kernel lets no client wait for it."""
    path = f"{PRIVATE}/maps"
    serve(clean_container, backend, endpoint("maps", "socketmap-lookup", bind_path=path))
    # What counts is the queue, and not the handlers.
    drop_in(clean_container, SOCKETMAP, "[Socket]\nMaxConnections=1\n")
    start(clean_container, SOCKETMAP)
    with contextlib.ExitStack() as stack, frozen(clean_container):
        for _ in range(WAITING):
            client = stack.enter_context(socket.socket(socket.AF_UNIX))
            client.settimeout(0)
            client.connect(f"/proc/{clean_container.leader}/root{path}")


def paths() -> Iterator[str]:
    """Paths with each printable character in each place that may be special to systemd."""
    characters = [chr(code) for code in range(0x20, 0x7F) if chr(code) not in "/."]
    characters += ["ä", "\u00a0", "\u1680", "\u2003", "\u2028", "\u3000", "\ufeff", "\u200b", "😀"]
    characters += ["e\u0301", "\t", "\r", "\v", "\x7f", "\x85"]
    for character in characters:
        for name in (f"{character}x", f"x{character}", f"x{character}x", character, character * 2):
            yield f"/run/strange/{name}"
            yield f"/run/{name}/strange"
            yield f"/run/strange/{name}{character * 2}"
    yield from ("/run/strange/...", "/run/strange/.x", "/run/strange/x.", "/run/strange/%n%i%%")
    yield from (
        "/var/run/strange-x",
        "/var/runx",
        "/var/run/a-b/c",
        "/var/lock/strange",
        "/strange",
    )
    yield from ("/run/strange/" + "x" * (107 - 13), "/run/strange/" + "ä" * 47)


def are_accepted(paths: list[str]) -> list[str]:
    """Those that config.json may have."""
    accepted = []
    for path in dict.fromkeys(paths):
        entry = endpoint("e", "socketmap-lookup", bind_path=path)
        try:
            loading.parse(json.dumps({"endpoints": [entry]}).encode(), "")
        except ConfigError:
            continue
        accepted.append(path)
    return accepted


def test_every_accepted_path(clean_container: Container) -> None:
    """Whatever path config.json may have, a socket is there, and by no other name.

    /var/run is another name for /run, and systemd uses that.
    """
    tried = list(paths())
    accepted = are_accepted(tried)
    assert len(accepted) > 1000
    # In portions, as a configuration has a bound.
    for first in range(0, len(accepted), 500):
        portion = accepted[first : first + 500]
        entries = [
            endpoint(f"e{number}", "socketmap-lookup", bind_path=path)
            for number, path in enumerate(portion)
        ]
        before = listened_paths(clean_container)
        configure(clean_container, *entries)
        start(clean_container, SOCKETMAP)
        there = {f"/run/{path[9:]}" if path[:9] == "/var/run/" else path for path in portion}
        assert listened_paths(clean_container) - before == there
        clean_container.run("systemctl", "stop", SOCKETMAP)


def listened_paths(container: Container) -> set[str]:
    """The paths of all unix sockets that somebody listens at."""
    lines = container.run("cat", "/proc/net/unix").stdout.split("\n")
    fields = [line.split(" ", 7) for line in lines if line]
    return {each[7] for each in fields if len(each) == 8}


def test_unix_socket_is_reached_from_the_chroot(
    clean_container: Container, backend: Backend
) -> None:
    """A smtpd(8) in its chroot, as Debian had it until 13, reaches `unix:private/NAME`."""
    serve(clean_container, backend, endpoint("gate", "policy", bind_path=f"{PRIVATE}/gate"))
    backend.set_routes({"/0": answer("REJECT said the backend")})
    start(clean_container, POLICY)
    clean_container.run("postconf", "-F", "smtp/inet/chroot=y")
    policy = "smtpd_recipient_restrictions=check_policy_service unix:private/gate"
    clean_container.run("postconf", "-e", policy)
    clean_container.run("postfix", "reload")
    swaks = ["swaks", "--server", "127.0.0.1", "--to", "a@test.example", "--quit-after", "RCPT"]
    said = clean_container.run(*swaks, check=False).stdout
    assert "554 5.7.1 <a@test.example>: Recipient address rejected: said the backend" in said
    assert b"recipient=a%40test.example" in backend.requests[0].body


def test_named_unix_socket_is_refused(clean_container: Container, backend: Backend) -> None:
    """@NAME of an endpoint with a unix socket says that it is @all's, and stays down."""
    serve(
        clean_container,
        backend,
        endpoint("maps", "socketmap-lookup", bind_path=f"{PRIVATE}/maps"),
    )
    unit = "postfix-rest-socketmap@maps.socket"
    since = clean_container.journal.cursor()
    assert clean_container.run("systemctl", "start", unit, check=False).returncode != 0
    messages = [entry["MESSAGE"] for entry in clean_container.journal(since=since)]
    expected = f"Disable {unit} and enable {SOCKETMAP}."
    assert any(
        "an endpoint with a bind-path is served by" in message and expected in message
        for message in messages
    )
    assert state(clean_container, unit) == "failed"
    assert show(clean_container, unit, "OnFailure")["OnFailure"] == ""
    assert not any("Reviv" in message for message in messages)
    start(clean_container, SOCKETMAP)
    request = socketmap_request("m", "x")
    assert ask_unix(clean_container, f"{PRIVATE}/maps", request) == b"4:OK 0,"


def test_refused_socket_leaves_all_alone(clean_container: Container, backend: Backend) -> None:
    """A refused @NAME that is started, or enabled, by mistake does not stop @all, which serves."""
    path = f"{PRIVATE}/maps"
    serve(clean_container, backend, endpoint("maps", "socketmap-lookup", bind_path=path))
    start(clean_container, SOCKETMAP)
    unit = "postfix-rest-socketmap@maps.socket"
    assert clean_container.run("systemctl", "start", unit, check=False).returncode != 0
    assert state(clean_container, SOCKETMAP) == "active"
    assert ask_unix(clean_container, path, socketmap_request("m", "x")) == b"4:OK 0,"


TWO_CONNECTIONS = """
import socket, sys
answers = []
for path in sys.argv[2:]:
    connection = socket.socket(socket.AF_UNIX)
    connection.settimeout(30)
    connection.connect(path)
    try:
        connection.sendall(sys.argv[1].encode())
        answers.append((connection, connection.recv(100).decode()))
    except ConnectionError as error:
        answers.append((connection, type(error).__name__))
print([text for _, text in answers])
"""


def from_one_process(container: Container, request: str, *paths: str) -> str:
    """What one process that holds a connection to each path is answered."""
    command = ["python3", "-I", "-c", TWO_CONNECTIONS, request, *paths]
    return container.run(*command).stdout.strip()


COLLIDING_SOCKET = """
[Socket]
ListenStream=/run/%p-%i
Accept=yes
"""
COLLIDING_SERVICE = """
[Service]
ExecStart=/bin/sh -c 'echo %i; exec cat'
StandardInput=socket
"""


def test_collision_without_protection(clean_container: Container) -> None:
    """Two plain socket units of one template: one client process makes the second one fail.

    That is so where systemd names the unit of a connection NUMBER-PID-UID. From systemd 258 on, the
    cookie of the connection is in the name as well (instance_from_socket in src/core/socket.c).
    """
    clean_container.write("/run/systemd/system/collide@.socket", COLLIDING_SOCKET)
    clean_container.write("/run/systemd/system/collide@.service", COLLIDING_SERVICE)
    units = ["collide@a.socket", "collide@b.socket"]
    start(clean_container, *units)
    since = clean_container.journal.cursor()
    seen = from_one_process(clean_container, "echo", "/run/collide-a", "/run/collide-b")
    first, second = (text.partition("\n")[0] for text in ast.literal_eval(seen))
    has_cookie = first.count("-") == 3
    if not has_cookie:
        clean_container.journal.wait_for(
            f"UNIT={units[1]}",
            since=since,
            condition=lambda entry: "Failed with result 'resources'" in entry["MESSAGE"],
        )
    states = [state(clean_container, unit) for unit in units]
    clean_container.run("systemctl", "stop", *units)
    assert first.count("-") == 2 + has_cookie
    assert (second.count("-"), first == second) == (3 if has_cookie else 0, False)
    assert states == ["active", "active" if has_cookie else "failed"]


def test_no_collision(clean_container: Container, backend: Backend) -> None:
    """@all counts for all of its sockets: the same client gets its answers from each of them."""
    paths = [f"{PRIVATE}/one", f"{PRIVATE}/two", f"{PRIVATE}/three"]
    entries = [endpoint(path[-3:], "socketmap-lookup", bind_path=path) for path in paths]
    serve(clean_container, backend, *entries)
    start(clean_container, SOCKETMAP)
    request = socketmap_request("m", "x").decode()
    for _ in range(2):
        seen = from_one_process(clean_container, request, *paths)
        assert seen == "['4:OK 0,', '4:OK 1,', '4:OK 2,']"
    assert state(clean_container, SOCKETMAP) == "active"


# -- configurations that cannot be used

BROKEN = '{"endpoints": [{"name": "e", "mode": "tcp", "bind-prot": 1}]}'
HUGE = "printf '%05000000d' 0"
UNUSABLE = {
    "broken": (f"printf %s '{BROKEN}'", "bind-prot"),
    "huge": (HUGE, "is larger than 4194304 bytes"),
    "directory": ("", "Is a directory"),
    "fifo": ("", "regular file"),
}


def make_unusable(container: Container, kind: str) -> None:
    """Replace config.json by something that is none."""
    container.run("rm", "-f", CONFIG)
    if kind == "directory":
        container.run("mkdir", CONFIG)
    elif kind == "fifo":
        container.run("mkfifo", CONFIG)
    else:
        container.shell(f"{UNUSABLE[kind][0]} >{CONFIG}; chown root:postfix-rest-inetd {CONFIG}")


@pytest.mark.parametrize("kind", ["broken", "huge", "directory", "fifo"])
def test_unusable_config_at_boot(clean_container: Container, kind: str) -> None:
    """A boot goes on as if nothing were wrong; one failed unit tells what is wrong, and where."""
    clean_container.run("systemctl", "enable", *(f"{kind}@.socket" for kind in KINDS))
    make_unusable(clean_container, kind)
    since = clean_container.journal.cursor()
    # With something failed the boot is called degraded, which the harness reports.
    with pytest.raises(CommandError, match=rf"(?s)is degraded.*{REPORT}"):
        clean_container.reboot()
    failed = clean_container.run("systemctl", "--failed", "--plain", "--no-legend").stdout
    assert [line.split()[0] for line in failed.splitlines()] == [REPORT]
    manager = "GeneratorsStartTimestampMonotonic", "GeneratorsFinishTimestampMonotonic"
    began, ended = map(int, manager_show(clean_container, *manager))
    assert ended - began < MAX_GENERATOR_SEC * 1_000_000
    # A unit ordered wrongly would make systemd leave out others.
    assert state(clean_container, "sockets.target") == "active"
    said = clean_container.run("swaks", "--server", "127.0.0.1", "--quit-after", "CONNECT").stdout
    assert "220 mx.test.example" in said
    entries = clean_container.journal(f"_SYSTEMD_UNIT={REPORT}", since=since)
    text = "\n".join(entry["MESSAGE"] for entry in entries)
    assert CONFIG in text
    assert UNUSABLE[kind][1] in text


def manager_show(container: Container, *names: str) -> list[str]:
    """Properties of systemd itself."""
    text = container.run("systemctl", "show", f"--property={','.join(names)}").stdout
    found = dict(line.split("=", 1) for line in text.splitlines())
    return [found[name] for name in names]


@pytest.mark.parametrize("kind", list(UNUSABLE))
def test_unusable_config_at_reload(clean_container: Container, kind: str) -> None:
    """At a daemon-reload the journal tells at once; the generator's exit status says so, too."""
    make_unusable(clean_container, kind)
    since = clean_container.journal.cursor()
    clean_container.run("systemctl", "daemon-reload")
    told = clean_container.journal.wait_for(
        "SYSLOG_IDENTIFIER=postfix-rest-inetd", since=since, count=1
    )
    assert told[0]["PRIORITY"] == "3"
    assert CONFIG in told[0]["MESSAGE"]
    assert UNUSABLE[kind][1] in told[0]["MESSAGE"]
    status = [
        entry["MESSAGE"]
        for entry in clean_container.journal(since=since)
        if GENERATOR in entry["MESSAGE"]
    ]
    # Some versions of systemd quote the path.
    assert [said.replace("'", "") for said in status] == [f"{GENERATOR} failed with exit status 1."]
    clean_container.run("rm", "-rf", CONFIG)


def test_nothing_is_written_for_nothing(clean_container: Container) -> None:
    """Without a config.json, or an endpoint in it, the generator writes nothing and succeeds."""
    since = clean_container.journal.cursor()
    clean_container.run("rm", "-f", CONFIG)
    clean_container.run("systemctl", "daemon-reload")
    without_file = generated(clean_container)
    configure(clean_container)
    assert (without_file, generated(clean_container)) == ([], [])
    messages = [entry["MESSAGE"] for entry in clean_container.journal(since=since)]
    assert not [message for message in messages if "postfix-rest" in message]
    configure(clean_container, endpoint("e", port=PORT))
    assert f"{GENERATED}/{TCP}.d/20-addresses.conf" in generated(clean_container)


@pytest.mark.parametrize("kind", ["broken", "missing"])
def test_reload_with_unusable_config_while_listening(
    clean_container: Container, backend: Backend, kind: str
) -> None:
    """Sockets that listen go on, with temporary errors, and give answers when the file is mended.

    Whatever is reloaded meanwhile; a socket may even be restarted.
    """
    serve(clean_container, backend, endpoint("e", port=PORT), endpoint("f", port=9002))
    start(clean_container, TCP)
    good = json.loads(clean_container.read(CONFIG))
    clean_container.run("rm", CONFIG)
    if kind == "broken":
        write_config(clean_container, BROKEN)
    for verb in ((), ("daemon-reload",), ("daemon-reload",), ("restart", TCP), ("daemon-reload",)):
        if verb:
            clean_container.run("systemctl", *verb)
        replies = [ask(clean_container, port, b"get x\n") for port in (PORT, 9002)]
        assert replies == [UNUSABLE_CONFIG] * 2
        assert state(clean_container, TCP) == "active"
    write_config(clean_container, good)
    # No command: the next connection is answered.
    assert [number_at(clean_container, port, "127.0.0.1") for port in (PORT, 9002)] == ["0", "1"]
    clean_container.run("systemctl", "daemon-reload")
    assert [number_at(clean_container, port, "127.0.0.1") for port in (PORT, 9002)] == ["0", "1"]
    clean_container.run("systemctl", "stop", TCP)
    clean_container.run("rm", CONFIG)
    clean_container.run("systemctl", "daemon-reload")
    assert generated(clean_container) == []


def test_changed_address(clean_container: Container, backend: Backend) -> None:
    """A new address is in force after daemon-reload and restart; kept connections go on."""
    serve(clean_container, backend, endpoint("e", port=9001))
    start(clean_container, TCP)
    with connect(clean_container, 9001) as connection:
        connection.sendall(b"get x\n")
        assert read_line(connection) == b"200 0\n"
        serve(clean_container, backend, endpoint("e", port=9002))
        clean_container.run("systemctl", "restart", TCP)
        assert number_at(clean_container, 9001, "127.0.0.1") == "refused"
        assert number_at(clean_container, 9002, "127.0.0.1") == "0"
        connection.sendall(b"get x\n")
        assert read_line(connection) == b"200 0\n"
    wait_for_no_handlers(clean_container)


# -- endpoints that are renamed or removed while their @NAME listens

OLD, NEW = "postfix-rest-tcp@old.socket", "postfix-rest-tcp@new-name.socket"
GONE_ID = "MESSAGE_ID=ac9079feac334e6ab544bd91e0a18289"


def told_of(container: Container, unit: str, since: str) -> str:
    """The last thing that the generator told of a unit that listens without an endpoint."""
    entries = container.journal(GONE_ID, f"OBJECT_SYSTEMD_UNIT={unit}", since=since)
    assert {entry["PRIORITY"] for entry in entries} == {"4"}
    return entries[-1]["MESSAGE"]


def advised(message: str) -> list[str]:
    """The commands in a message."""
    return [f"systemctl {command}" for command in message.split("systemctl ")[1:]]


def complaints(container: Container, since: str) -> list[str]:
    """What systemd itself has warned of."""
    entries = container.journal("_PID=1", since=since)
    return [entry["MESSAGE"] for entry in entries if entry["PRIORITY"] <= "4"]


def test_renamed_endpoint(clean_container: Container, backend: Backend) -> None:
    """@OLD answers after any number of reloads and restarts, until @NEW is started as is advised.

    After that nothing is left of @OLD.
    """
    serve(clean_container, backend, endpoint("old", port=PORT))
    clean_container.run("systemctl", "enable", OLD)
    start(clean_container, OLD)
    since = clean_container.journal.cursor()
    serve(clean_container, backend, endpoint("new-name", port=PORT))
    for verb in (("daemon-reload",), ("daemon-reexec",), ("restart", OLD), ("daemon-reload",)):
        clean_container.run("systemctl", *verb)
        assert number_at(clean_container, PORT, "127.0.0.1") == "0"
        assert state(clean_container, OLD) == "active"
    assert show(clean_container, OLD, "Description")["Description"].startswith("Kept until")
    clean_container.shell("\n".join(advised(told_of(clean_container, OLD, since))))
    assert [state(clean_container, unit) for unit in (OLD, NEW)] == ["inactive", "active"]
    enabled = clean_container.run("systemctl", "is-enabled", OLD, NEW, check=False).stdout
    assert enabled == "disabled\nenabled\n"
    assert number_at(clean_container, PORT, "127.0.0.1") == "0"
    clean_container.run("systemctl", "daemon-reload")
    assert not [path for path in generated(clean_container) if OLD in path]
    assert complaints(clean_container, since) == []
    clean_container.run("systemctl", "disable", NEW)


def test_renamed_endpoint_and_all(clean_container: Container, backend: Backend) -> None:
    """@all, too, can be started in the place of @OLD, and the other way round."""
    serve(clean_container, backend, endpoint("old", port=PORT))
    start(clean_container, OLD)
    serve(clean_container, backend, endpoint("new-name", port=PORT))
    for started, stopped in ((TCP, OLD), (OLD, TCP), (NEW, OLD), (OLD, NEW)):
        start(clean_container, started)
        assert [state(clean_container, unit) for unit in (started, stopped)] == [
            "active",
            "inactive",
        ]
        assert number_at(clean_container, PORT, "127.0.0.1") == "0"


@pytest.mark.parametrize("unit", [OLD, TCP])
def test_removed_endpoint(clean_container: Container, backend: Backend, unit: str) -> None:
    """A unit without endpoints stays open, with temporary errors, and cannot be started again.

    A daemon-reload would only make it deaf. Postfix defers the mail either way.
    """
    serve(clean_container, backend, endpoint("old", port=PORT))
    start(clean_container, unit)
    since = clean_container.journal.cursor()
    serve(clean_container, backend, endpoint("gate", "policy", port=PORT))
    clean_container.run("systemctl", "daemon-reload")
    assert number_at(clean_container, PORT, "127.0.0.1") == NOT_SERVED
    assert state(clean_container, unit) == "active"
    # Of the others, which nobody uses, systemd may say that they have no address any more.
    assert not [said for said in complaints(clean_container, since) if said.startswith(unit)]
    assert clean_container.run("systemctl", "restart", unit, check=False).returncode != 0
    said = [entry["MESSAGE"] for entry in clean_container.journal(since=since)]
    assert any(f"{unit}: config.json has no such endpoint any more" in line for line in said)
    assert not any("is started again in" in line for line in said)
    assert number_at(clean_container, PORT, "127.0.0.1") == "refused"
    clean_container.shell("\n".join(advised(told_of(clean_container, unit, since))))
    assert not [path for path in generated(clean_container) if unit in path]


def test_exchanged_names(clean_container: Container, backend: Backend) -> None:
    """Two endpoints exchange their names: both addresses go on; the advice puts them right."""
    a, b = (f"postfix-rest-tcp@{name}.socket" for name in "ab")
    serve(clean_container, backend, endpoint("a", port=9001), endpoint("b", port=9002))
    start(clean_container, a, b)
    since = clean_container.journal.cursor()
    serve(clean_container, backend, endpoint("b", port=9001), endpoint("a", port=9002))
    clean_container.run("systemctl", "daemon-reload")
    ports = (9001, 9002)
    assert [number_at(clean_container, port, "127.0.0.1") for port in ports] == ["0", "1"]
    clean_container.shell("\n".join(advised(told_of(clean_container, a, since))))
    assert [number_at(clean_container, port, "127.0.0.1") for port in ports] == ["0", "1"]
    listening = [show(clean_container, unit, "Listen")["Listen"] for unit in (a, b)]
    assert listening == ["127.0.0.1:9002 (Stream)", "127.0.0.1:9001 (Stream)"]
    assert [state(clean_container, unit) for unit in (a, b)] == ["active", "active"]


def test_limits_stay_with_an_unusable_config(clean_container: Container, backend: Backend) -> None:
    """A daemon-reload while config.json is broken changes no limit of the sockets that listen."""
    serve(clean_container, backend, endpoint("e", port=PORT))
    start(clean_container, TCP)
    limits = ["MaxConnections", "MaxConnectionsPerSource", "Backlog", "TriggerLimitIntervalUSec"]
    limits += ["PollLimitIntervalUSec", "PollLimitBurst"]  # systemd 252 does not have these
    before = show(clean_container, TCP, *limits)
    write_config(clean_container, BROKEN)
    clean_container.run("systemctl", "daemon-reload")
    assert show(clean_container, TCP, *limits) == before
    assert before.get("PollLimitIntervalUSec", "500ms") == "500ms"


# -- what it costs

RUN_GENERATOR = """
import sys
sys.path.insert(0, sys.argv[1])
from postfix_rest_inetd.generator import main
sys.exit(main([sys.argv[2]] * 3, sys.argv[3]))
"""


@pytest.mark.skipif(shutil.which("valgrind") is None, reason="needs valgrind")
def test_cost(tmp_path: Path) -> None:
    """The generator, which holds up each boot, takes less than 60 million instructions."""
    config = tmp_path / "config.json"
    entries = [endpoint(f"name-{number}", port=9000 + number) for number in range(10)]
    config.write_text(json.dumps({"endpoints": entries}))
    python = ["/usr/bin/python3", "-I", "-c", RUN_GENERATOR, str(CHECKOUT), str(tmp_path / "out")]
    # Compiles the modules.
    subprocess.run([*python, str(config)], check=True, timeout=60)
    out = tmp_path / "callgrind"
    valgrind = ["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}"]
    subprocess.run([*valgrind, *python, str(config)], check=True, timeout=100, capture_output=True)
    (total,) = (line for line in out.read_text().splitlines() if line.startswith("totals:"))
    assert int(total.split()[1]) < MAX_GENERATOR_INSTRUCTIONS
