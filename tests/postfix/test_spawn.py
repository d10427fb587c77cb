# SPDX-License-Identifier: MIT
"""The handler below Postfix's own spawn(8), without systemd: an entry in master.cf.

spawn(8) makes the connection the handler's standard input, output and error. So nothing but replies
may be written to any of them: a line of log would be read as a part of a reply.
"""

from __future__ import annotations

import importlib.util
import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from harness.activation import write_handler_config
from harness.ports import free_port
from harness.postfix_instance import postfix_instance
from harness.rest_backend import Answer, RestBackend
from harness.swaks import swaks

if TYPE_CHECKING:
    from collections.abc import Iterator

pytestmark = [pytest.mark.postfix, pytest.mark.root]

REQUEST = b"request=smtpd_access_policy\nsender=someone@test.example\nrecipient=\n\n"
USER = "nobody"


@pytest.fixture(scope="module")
def python(directory: Path) -> list[str]:
    """A command that runs Python with the package as another user.

    The checkout and the virtual environment may lie where only root can go, hence copies.
    """
    library = directory / "lib"
    library.mkdir()
    for name in ("postfix_rest_inetd", "systemd", "urllib3", "six"):
        spec = importlib.util.find_spec(name)
        if spec is None:
            # six: a part of urllib3 2, and of PyPI's urllib3 1.26, but not of Debian's.
            assert name == "six"
        elif spec.submodule_search_locations:
            shutil.copytree(spec.submodule_search_locations[0], library / name)
        else:
            shutil.copy(spec.origin, library)
    command = ["/usr/bin/env", f"PYTHONPATH={library}", os.path.realpath(sys.executable)]
    tried = subprocess.run(
        [*command, "-c", "import postfix_rest_inetd, urllib3, systemd.journal"],
        user=USER,
        group="nogroup",
        extra_groups=[],
        cwd="/",
        check=False,
        timeout=60,
    )
    if tried.returncode != 0:
        # One in somebody's home directory cannot be; the system's must.
        give_up = pytest.fail if command[-1].startswith("/usr/") else pytest.skip
        give_up(f"{USER} cannot run {command[-1]} with the packages")
    return command


@pytest.fixture(scope="module")
def ports(
    python: list[str], module_backend: RestBackend, directory: Path
) -> Iterator[dict[str, int]]:
    """Ports of Postfix: its smtpd, which asks `policy`, and two that spawn handlers."""
    ports = {"policy": free_port(), "down": free_port()}
    targets = {
        "policy": f"{module_backend.url}/policy",
        "down": f"http://127.0.0.1:{free_port()}/",
    }
    config = write_handler_config(
        directory / "config.json",
        *(
            {
                "name": name,
                "mode": "policy",
                "target": targets[name],
                "bind-port": port,
                "request-timeout": 30_000,
            }
            for name, port in ports.items()
        ),
    )
    command = " ".join([*python, "-m", "postfix_rest_inetd", "--config", str(config)])
    services = [
        f"127.0.0.1:{port} inet n n n - 0 spawn user={USER} argv={command}"
        for port in ports.values()
    ]
    policy = f"check_policy_service inet:127.0.0.1:{ports['policy']}"
    with postfix_instance({"smtpd_recipient_restrictions": policy}, services) as postfix:
        yield {"smtp": postfix.smtp_port, **ports}


def converse(port: int, request: bytes) -> bytes:
    """Everything that comes back for REQUEST, until the handler is gone."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(request)
        client.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: client.recv(65536), b""))


def test_nothing_but_the_reply(ports: dict[str, int], backend: RestBackend) -> None:
    """One request, one reply, and not a byte more."""
    backend.routes["/policy"] = Answer(200, b"REJECT no")
    assert converse(ports["policy"], REQUEST) == b"action=REJECT no\n\n"
    (request,) = backend.requests
    assert request.attributes() == [
        ("request", "smtpd_access_policy"),
        ("sender", "someone@test.example"),
        ("recipient", ""),
    ]


def test_nothing_but_the_reply_in_trouble(ports: dict[str, int]) -> None:
    """What the operator should know about a failure does not get onto the connection either."""
    reply = b"action=451 REST server could not be reached\n\n"
    assert converse(ports["down"], REQUEST + REQUEST) == reply + reply


def test_broken_request(ports: dict[str, int]) -> None:
    """A broken policy request is answered by closing the connection, without a word."""
    assert converse(ports["policy"], b"no attribute\n\n") == b""


def test_smtp_session(ports: dict[str, int], backend: RestBackend) -> None:
    """An smtpd asks a handler that its own master started."""
    backend.routes["/policy"] = Answer(200, b"550 5.7.1 spawned")
    session = swaks(ports["smtp"], "user@example.org")
    assert session.replies("RCPT") == [
        "550 5.7.1 <user@example.org>: Recipient address rejected: spawned"
    ]
