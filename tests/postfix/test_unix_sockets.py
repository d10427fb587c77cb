# SPDX-License-Identifier: MIT
"""Endpoints that listen on a unix socket (`bind-path`), asked by Postfix.

Postfix names such a socket by an absolute path or by one that begins in its queue directory. The
latter is the only one that works in a chrooted daemon.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from typing import TYPE_CHECKING

import pytest

from harness.activation import activated, write_handler_config
from harness.ports import free_port
from harness.postfix_instance import postfix_instance, postmap, write_config
from harness.rest_backend import Answer, RestBackend
from harness.swaks import swaks

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.postfix

POSTMAP = (shutil.which("postmap") or "/usr/sbin/postmap",)


def endpoint(mode: str, path: Path, backend: RestBackend) -> dict[str, object]:
    """An endpoint of MODE that listens on PATH."""
    return {
        "name": mode,
        "mode": mode,
        "target": f"{backend.url}/{mode}",
        "bind-path": str(path),
        "request-timeout": 30_000,
    }


def test_socketmap(backend: RestBackend, directory: Path) -> None:
    """`socketmap:unix:PATH:MAP` reaches the endpoint that is bound to PATH, of several."""
    mode = "socketmap-lookup"
    backend.routes[f"/{mode}"] = Answer(200, b'["mailbox"]')
    here, elsewhere = directory / "here", directory / "elsewhere"
    other = endpoint(mode, elsewhere, backend) | {"name": "other", "target": f"{backend.url}/no"}
    config = write_handler_config(
        directory / "socketmap.json", other, endpoint(mode, here, backend)
    )
    config_dir = write_config(directory / "etc", {"compatibility_level": "3.6"})
    with activated([str(here), str(elsewhere)], config, mode):
        found = postmap("user@example.org", f"socketmap:unix:{here}:virtual", config_dir)
        missing = postmap("user@example.org", f"socketmap:unix:{elsewhere}:virtual", config_dir)
    assert found == (0, b"mailbox\n", "")
    assert missing == (1, b"", "")
    assert [(r.path, r.query) for r in backend.requests] == [
        (f"/{mode}", "name=virtual&key=user%40example.org"),
        ("/no", "name=virtual&key=user%40example.org"),
    ]


def test_tcp_table(directory: Path) -> None:
    """A `tcp:` table takes a path for the name of a service, and does not connect."""
    path = directory / "tcp"
    config_dir = write_config(directory / "etc", {"compatibility_level": "3.6"})
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        with subprocess.Popen(
            [*POSTMAP, "-c", str(config_dir), "-q", "x", f"tcp:{path}"],
            stderr=subprocess.PIPE,
            text=True,
        ) as process:
            assert process.stderr is not None
            told = process.stderr.readline(), process.stderr.readline()
            process.kill()  # it would go on for ten seconds
        listener.settimeout(0)
        with pytest.raises(BlockingIOError):
            listener.accept()
    assert f"host or service {path} not found" in told[0]
    assert f"connect to TCP map {path}: " in told[1]


@pytest.mark.root
def test_policy(backend: RestBackend, directory: Path) -> None:
    """`check_policy_service unix:PATH` reaches the endpoint that is bound to PATH."""
    backend.routes["/policy"] = Answer(200, b"REJECT by way of a unix socket")
    path = directory / "policy"
    config = write_handler_config(directory / "policy.json", endpoint("policy", path, backend))
    parameters = {"smtpd_recipient_restrictions": f"check_policy_service unix:{path}"}
    with activated([str(path)], config, "policy"), postfix_instance(parameters) as postfix:
        # As SocketMode=0666 would: smtpd is another user.
        path.chmod(0o666)
        session = swaks(postfix.smtp_port, "user@example.org")
    reply = "554 5.7.1 <user@example.org>: Recipient address rejected: by way of a unix socket"
    assert session.replies("RCPT") == [reply]


@pytest.mark.root
def test_chrooted(backend: RestBackend, directory: Path) -> None:
    """A chrooted smtpd asks policy and socketmap endpoints below its queue directory."""
    backend.routes["/policy"] = Answer(200, b"DUNNO")
    backend.routes["/socketmap-lookup"] = Answer(200, b'["box/"]')
    port = free_port()
    parameters = {
        "smtpd_recipient_restrictions": "check_policy_service unix:rest/policy",
        "virtual_mailbox_domains": "hosted.example",
        "virtual_mailbox_maps": "socketmap:unix:rest/socketmap:virtual",
    }
    chrooted = f"127.0.0.1:{port} inet n - y - - smtpd"
    with postfix_instance(parameters, [chrooted]) as postfix:
        sockets = postfix.queue_directory / "rest"
        sockets.mkdir()
        policy, socketmap = sockets / "policy", sockets / "socketmap"
        config = write_handler_config(
            directory / "chrooted.json",
            endpoint("policy", policy, backend),
            endpoint("socketmap-lookup", socketmap, backend),
        )
        with (
            activated([str(policy)], config, "policy"),
            activated([str(socketmap)], config, "socketmap-lookup"),
        ):
            policy.chmod(0o666)
            socketmap.chmod(0o666)
            session = swaks(port, "user@hosted.example")
    assert session.replies("RCPT") == ["250 2.1.5 Ok"]
    assert sorted(request.path for request in backend.requests) == ["/policy", "/socketmap-lookup"]
