# SPDX-License-Identifier: MIT
"""A value that this version refuses, in one endpoint: what becomes of mail, and who is told when.

That is a machine right after an upgrade from a version that did not refuse it.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.product import (
    KINDS,
    POLICY,
    TCP,
    ask,
    configure,
    connect,
    endpoint,
    policy_request,
    read_line,
    start,
    state,
    wait_for_no_handlers,
    write_config,
)

from harness.container import CommandError, Container
from harness.container_backend import Backend, answer, lookup

# What becomes of one bad endpoint is a matter of config.json.
pytestmark = pytest.mark.one_release

RELOAD = Path(__file__).parents[2] / "packaging/reload"
REFUSED = {"allowed_actions": ["250", "DUNNO"]}
DUNNO = b"action=DUNNO\n\n"
TEMPORARY = b"action=451 REST connector cannot use its configuration\n\n"


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend that is asked by three endpoints."""
    with clean_container.backend({"/l": lookup({"x": ["y"]}), "/p": answer("DUNNO")}) as running:
        yield running


def endpoints(backend: Backend, **of_the_gate: object) -> list[dict[str, object]]:
    """A lookup and two policy services, one of which has these keys."""
    return [
        endpoint("domains", port=9001, target=backend.url("/l")),
        endpoint("gate", "policy", port=9002, target=backend.url("/p"), **of_the_gate),
        endpoint("other", "policy", port=9003, target=backend.url("/p")),
    ]


def answers(container: Container) -> list[bytes]:
    """What the endpoints answer on new connections."""
    policies = [ask(container, port, policy_request()) for port in (9002, 9003)]
    return [ask(container, 9001, b"get x\n"), *policies]


def test_upgrade(clean_container: Container, backend: Backend) -> None:
    """Only the endpoint itself is not served, its open connections are; it is told at once."""
    configure(clean_container, *endpoints(backend))
    start(clean_container, TCP, POLICY)
    clean_container.copy_in(RELOAD, "/srv/reload")
    good = clean_container.run("/srv/reload")
    assert (good.stdout, good.stderr) == ("", "")
    with connect(clean_container, 9002) as connection:
        connection.sendall(policy_request())
        assert read_line(connection) == b"action=DUNNO\n"
        write_config(clean_container, {"endpoints": endpoints(backend, **REFUSED)})
        since = clean_container.journal.cursor()
        said = clean_container.run("/srv/reload").stderr
        assert "the new version finds problems in /etc/postfix-rest-inetd/config.json" in said
        assert "$.endpoints[1].allowed-actions: no action may be '250'" in said
        assert "every request of gate on a new connection gets a temporary error" in said
        assert "Other endpoints are served." in said
        (told,) = clean_container.journal("SYSLOG_IDENTIFIER=postfix-rest-inetd", since=since)
        assert told["PRIORITY"] == "3"
        assert "$.endpoints[1].allowed-actions" in told["MESSAGE"]
        assert answers(clean_container) == [b"200 y\n", TEMPORARY, DUNNO]
        connection.sendall(policy_request())
        assert read_line(connection) == b"\n"
        assert read_line(connection) == b"action=DUNNO\n"
    configure(clean_container, *endpoints(backend))
    wait_for_no_handlers(clean_container)
    assert answers(clean_container) == [b"200 y\n", DUNNO, DUNNO]


def test_boot(clean_container: Container, backend: Backend) -> None:
    """All sockets listen after a boot, and a failed unit tells of the problem."""
    clean_container.run("systemctl", "enable", *(f"{kind}@.socket" for kind in KINDS))
    configure(clean_container, *endpoints(backend, **REFUSED))
    backend.stop()
    with pytest.raises(CommandError, match=r"(?s)is degraded.*postfix-rest-inetd-config\.service"):
        clean_container.reboot()
    backend.start()
    assert [state(clean_container, unit) for unit in (TCP, POLICY)] == ["active"] * 2
    assert answers(clean_container) == [b"200 y\n", TEMPORARY, DUNNO]
