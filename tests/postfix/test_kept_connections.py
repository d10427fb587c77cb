# SPDX-License-Identifier: MIT
"""Postfix keeps a connection for its next question, the handler keeps its own to the backend."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from harness.activation import activated, write_handler_config
from harness.ports import free_port
from harness.postfix_instance import postfix_instance
from harness.rest_backend import Answer, RestBackend
from harness.swaks import swaks

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = [pytest.mark.postfix, pytest.mark.root]

RECIPIENTS = ["first@hosted.example", "second@hosted.example", "third@hosted.example"]


def parameters(kind: str, port: int) -> dict[str, str]:
    """A main.cf that asks an endpoint of KIND once for each recipient, from smtpd."""
    lookup = {
        "virtual_mailbox_domains": "hosted.example",
        "virtual_mailbox_maps": {
            "tcp": f"tcp:127.0.0.1:{port}",
            "socketmap": f"socketmap:inet:127.0.0.1:{port}:virtual",
        }.get(kind, ""),
    }
    policy = {"smtpd_recipient_restrictions": f"check_policy_service inet:127.0.0.1:{port}"}
    return policy if kind == "policy" else lookup


@pytest.mark.parametrize(
    "kind, mode, body",
    [
        ("tcp", "tcp-lookup", b'["box/"]'),
        ("socketmap", "socketmap-lookup", b'["box/"]'),
        ("policy", "policy", b"DUNNO"),
    ],
)
def test_one_session(
    backend: RestBackend, directory: Path, kind: str, mode: str, body: bytes
) -> None:
    """The recipients of one session cost one handler and one connection to the backend."""
    backend.routes["/"] = Answer(200, body)
    port = free_port()
    endpoint = {
        "name": "kept",
        "mode": mode,
        "target": f"{backend.url}/",
        "bind-port": port,
        "request-timeout": 30_000,
    }
    config = write_handler_config(directory / f"{kind}.json", endpoint)
    with (
        activated([f"127.0.0.1:{port}"], config, mode) as activation,
        postfix_instance(parameters(kind, port)) as postfix,
    ):
        session = swaks(postfix.smtp_port, *RECIPIENTS)
        assert session.replies("RCPT") == ["250 2.1.5 Ok"] * len(RECIPIENTS)
        assert len(backend.requests) == len(RECIPIENTS)
        assert len({request.connection for request in backend.requests}) == 1
        assert activation.connections() == 1
