# SPDX-License-Identifier: MIT
r"""The product in a container: its config.json, its units, and questions to its sockets.

    configure(container, endpoint("domains", "tcp-lookup", port=9001, target=backend.url("/d")))
    start(container, TCP)                                   # postfix-rest-tcp@all.socket
    assert ask(container, 9001, b"get x\n") == b"200 y\n"   # a raw question over a new connection

`configure` writes the file with the owner and mode of a package and reloads systemd, so that the
generator runs. `connect` and `ask` open sockets of this process in the container's network: for
systemd they are like any other client inside. Fixed ports are free there, nobody else is in it.

Clients of unix sockets are processes inside (`ask_unix`), because systemd wants to know their pid.
"""

from __future__ import annotations

import ctypes
import json
import os
import socket
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, TypeVar

from harness.container import Container
from harness.modes import UNITS

CONFIG = "/etc/postfix-rest-inetd/config.json"
USER = "postfix-rest-inetd"
GENERATED = "/run/systemd/generator"
CACHE = "/var/cache/postfix-rest-inetd"

STRICT = "/etc/systemd/system/postfix-rest-@.service.d/50-strict.conf"

KINDS = {unit: mode for mode, unit in UNITS.items()}
TCP, SOCKETMAP, POLICY = SOCKETS = tuple(f"{kind}@all.socket" for kind in KINDS)
SLICE = "system-postfix_rest_inetd.slice"
"""The slice of all handlers."""

WAIT_SEC = 30
"""Long enough for anything on a machine that is busy; a bound, not a delay."""

NOT_FOUND = b"500 key%20not%20found\n"
UNUSABLE_CONFIG = b"400 REST%20connector%20cannot%20use%20its%20configuration\n"

_SYSTEMD = Path(__file__).parents[2] / "systemd"
_CLONE_NEWNET = 0x40000000
_T = TypeVar("_T")


# -- configuration and units


def endpoint(name: str, mode: str = "tcp-lookup", *, port: int = 0, **keys: Any) -> dict[str, Any]:
    """An endpoint for config.json; of KEYS, `bind_path` means `bind-path` and so on."""
    given = {key.replace("_", "-"): value for key, value in keys.items()}
    known = {"name": name, "mode": mode, "target": "http://127.0.0.1:9/"}
    if "auth-token-file" not in given:
        known["auth-token"] = "secret-token"
    if port:
        known["bind-port"] = port
    return {**known, **given}


def write_config(container: Container, content: str | dict[str, Any]) -> None:
    """Write config.json and tell nobody: a text as it is, anything else as JSON."""
    text = content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)
    container.write(CONFIG, text, mode=0o640, owner=f"root:{USER}")


def configure(container: Container, *endpoints: dict[str, Any], **top: Any) -> None:
    """Write config.json with these endpoints and have systemd read it."""
    others = {key.replace("_", "-"): value for key, value in top.items()}
    write_config(container, {**others, "endpoints": endpoints})
    container.run("systemctl", "daemon-reload")


def drop_in(container: Container, unit: str, text: str, name: str = "60-test.conf") -> None:
    """Add a drop-in of the operator's to UNIT (`postfix-rest-@.service` for all handlers)."""
    container.write(f"/etc/systemd/system/{unit}.d/{name}", text)
    container.run("systemctl", "daemon-reload")


def use_example(container: Container, name: str, destination: str) -> None:
    """Do what the header of systemd/examples/NAME says: copy it to DESTINATION, reload."""
    example = _SYSTEMD / "examples" / name
    assert destination in example.read_text(encoding="utf-8")
    container.copy_in(example, destination)
    container.run("systemctl", "daemon-reload")


def use_strict(container: Container) -> None:
    """Put all handlers into the strict sandbox."""
    use_example(container, "strict.conf", STRICT)


def start(container: Container, *units: str) -> None:
    """Start units; on failure their state is told."""
    if container.run("systemctl", "start", *units, check=False).returncode != 0:
        state = container.run("systemctl", "status", "--no-pager", "--full", *units, check=False)
        raise AssertionError(f"{units} cannot be started:\n{state.stdout}{state.stderr}")


def show(container: Container, unit: str, *names: str) -> dict[str, str]:
    """Properties of a unit, as systemd has them in force."""
    properties = [f"--property={','.join(names)}"] if names else []
    text = container.run("systemctl", "show", *properties, "--", unit).stdout
    return dict(line.split("=", 1) for line in text.splitlines() if "=" in line)


def state(container: Container, unit: str) -> str:
    """`active`, `inactive`, `failed` and so on."""
    return container.run("systemctl", "is-active", "--", unit, check=False).stdout.strip()


def handlers(container: Container) -> list[str]:
    """The instances of the handlers' units that systemd knows, failed ones included."""
    pattern = "postfix-rest-*.service"
    listed = container.run("systemctl", "list-units", "--all", "--plain", "--no-legend", pattern)
    return [line.split()[0] for line in listed.stdout.splitlines()]


def wait_until(condition: Callable[[], object], what: str, timeout: float = WAIT_SEC) -> None:
    """Wait, where there is no event to be awaited, until CONDITION holds."""
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.05)


def wait_for_no_handlers(container: Container) -> None:
    """Wait until the handler of each connection that was closed is gone."""
    wait_until(lambda: not handlers(container), "the end of all handlers")


# -- questions


def in_network(container: Container, function: Callable[[], _T]) -> _T:
    """What FUNCTION returns; the sockets that it makes are in the container's network, for good."""

    def run() -> _T:
        # For this thread alone, which then ends.
        with open(f"/proc/{container.leader}/ns/net", "rb") as namespace:
            libc = ctypes.CDLL(None, use_errno=True)
            if libc.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
                raise OSError(ctypes.get_errno(), "setns")
        return function()

    with ThreadPoolExecutor(1) as pool:
        return pool.submit(run).result()


def connect(container: Container, port: int, host: str = "127.0.0.1") -> socket.socket:
    """A TCP connection inside."""
    return in_network(container, lambda: socket.create_connection((host, port), WAIT_SEC))


def ask(container: Container, port: int, request: bytes, host: str = "127.0.0.1") -> bytes:
    """Everything that is answered to REQUEST over a connection of its own."""
    with connect(container, port, host) as connection:
        return converse(connection, request)


def converse(connection: socket.socket, request: bytes) -> bytes:
    """Send REQUEST, then the end of file; everything that is answered to it."""
    connection.sendall(request)
    connection.shutdown(socket.SHUT_WR)
    return b"".join(iter(lambda: connection.recv(65536), b""))


def read_line(connection: socket.socket) -> bytes:
    """One line of a connection that stays open."""
    line = b""
    while not line.endswith(b"\n"):
        data = connection.recv(1)
        assert data, f"end of file after {line!r}"
        line += data
    return line


_ASK_UNIX = """
import socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.settimeout(30)
connection.connect(sys.argv[1])
connection.sendall(sys.stdin.buffer.read())
connection.shutdown(socket.SHUT_WR)
sys.stdout.buffer.write(b"".join(iter(lambda: connection.recv(65536), b"")))
"""


def ask_unix(container: Container, path: str, request: bytes, user: str = "postfix") -> bytes:
    """Everything that is answered to REQUEST over a unix socket, to a process of USER's."""
    command = ["python3", "-I", "-c", _ASK_UNIX, path]
    return os.fsencode(container.run(*command, input=request, user=user).stdout)


def socketmap_request(map_name: str, key: str) -> bytes:
    """A socketmap request."""
    payload = f"{map_name} {key}".encode()
    return b"%d:%s," % (len(payload), payload)


def policy_request(**attributes: str) -> bytes:
    """A policy request; `request` and `protocol_state` are there if not given."""
    known = {"request": "smtpd_access_policy", "protocol_state": "RCPT", **attributes}
    return "".join(f"{name}={value}\n" for name, value in known.items()).encode() + b"\n"
