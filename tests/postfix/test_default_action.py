# SPDX-License-Identifier: MIT
"""What `default_action=` of main.cf is good for: it has no say while a handler replies.

The manual says so, and what to do instead: the key failure-action.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.activation import activated, write_handler_config
from harness.ports import free_port
from harness.postfix_instance import PostfixInstance, postfix_instance
from harness.rest_backend import Answer, RestBackend
from harness.swaks import swaks

pytestmark = [pytest.mark.postfix, pytest.mark.root]

KEYS = {
    "plain": {},
    "closing": {"failure-action": "close"},
    "lenient": {"failure-action": "DUNNO"},
}
"""Endpoints; a fourth, `nobody`, is an address at which nobody listens."""


@pytest.fixture(scope="module")
def postfix(module_backend: RestBackend, directory: Path) -> Iterator[PostfixInstance]:
    """A Postfix that asks the endpoint NAME about NAME.example, with a default action of DUNNO."""
    ports = {name: free_port() for name in (*KEYS, "nobody")}
    config = write_handler_config(
        directory / "default_action.json",
        *(
            {
                "name": name,
                "mode": "policy",
                "target": f"{module_backend.url}/policy",
                "bind-port": ports[name],
                "request-timeout": 30_000,
                **keys,
            }
            for name, keys in KEYS.items()
        ),
    )
    specification = "check_policy_service {{ inet:127.0.0.1:{}, default_action=DUNNO }}"
    domains = " ".join(f"{{ {name}.example = {name} }}" for name in ports)
    parameters = {
        **{name: specification.format(port) for name, port in ports.items()},
        "smtpd_restriction_classes": " ".join(ports),
        "smtpd_recipient_restrictions": f"check_recipient_access inline:{{ {domains} }}",
    }
    addresses = [f"127.0.0.1:{ports[name]}" for name in KEYS]
    with activated(addresses, config, "policy"), postfix_instance(parameters) as instance:
        yield instance


@pytest.mark.parametrize(
    "name, expected",
    [("plain", "451 4.7.1"), ("closing", "250"), ("lenient", "250"), ("nobody", "250")],
)
def test_failing_backend(
    postfix: PostfixInstance, backend: RestBackend, name: str, expected: str
) -> None:
    """Postfix's own default is for a service without a reply; ours is for a backend that fails."""
    backend.routes["/policy"] = Answer(503, b"")
    (reply,) = swaks(postfix.smtp_port, f"user@{name}.example").replies("RCPT")
    assert reply.startswith(expected)
