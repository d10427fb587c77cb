# SPDX-License-Identifier: MIT
"""The command `migrate`: what it says of a configuration of postfix-rest-connector.

That its commands do what they should is for tests/integration/test_migrate.py.
"""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

from unit.endpoints import POLICY, SOCKETMAP, entry
from unit.test_config import UPSTREAM

POLICY_SETTING = (
    "smtpd_relay_restrictions = permit_mynetworks, check_policy_service {}, "
    "reject_unauth_destination"
)


def migrate(path: Path, content: bytes) -> tuple[int, str, list[str]]:
    """The exit status, what is told, and the commands."""
    path.write_bytes(content)
    done = subprocess.run(
        [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "migrate", path],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stderr == ""
    told, _, commands = done.stdout.partition("\n# 1. ")
    lines = [line for line in commands.splitlines()[1:] if not line.startswith("#")]
    return done.returncode, told, lines


def encoded(*entries: dict[str, object]) -> bytes:
    """A configuration with these endpoints."""
    return json.dumps({"endpoints": entries}).encode()


def test_sample(tmp_path: Path) -> None:
    """The sample of its documentation: nothing to be mended, and every step."""
    path = tmp_path / "config.json"
    status, told, commands = migrate(path, UPSTREAM)
    assert status == 0
    assert "listens at every address" in told
    assert "domain-lookup (0.0.0.0:9003): a 4xx of the backend bounces mail" in told
    kinds = ("tcp", "socketmap", "policy")
    assert commands == [
        f"install -m 0640 -o root -g postfix-rest-inetd {path} /etc/postfix-rest-inetd/config.json",
        "postfix-rest-inetd check --only config,files",
        "systemctl daemon-reload",
        f"systemctl enable {' '.join(f'postfix-rest-{kind}@.socket' for kind in kinds)}",
        f"systemctl start {' '.join(f'postfix-rest-{kind}@all.socket' for kind in kinds)}",
        "postconf -e 'virtual_mailbox_domains = tcp:127.0.0.1:9001'",
        "postconf -e 'virtual_mailbox_domains = socketmap:inet:127.0.0.1:9002:domain'",
        f"postconf -e '{POLICY_SETTING.format('inet:127.0.0.1:9003')}'",
        "postfix reload",
        "postfix-rest-inetd check --probe",
    ]


def test_timeout(tmp_path: Path) -> None:
    """The endpoints without a request-timeout are named, with their addresses."""
    _, told, _ = migrate(tmp_path / "c", UPSTREAM)
    (line,) = [line for line in told.splitlines() if "has no request-timeout" in line]
    assert line.startswith("note     domain-lookup (0.0.0.0:9002), domain-lookup (0.0.0.0:9003): ")


def test_problems(tmp_path: Path) -> None:
    """What must be mended is told first, and then there are no commands."""
    status, told, commands = migrate(tmp_path / "c", encoded(entry(threads=4)))
    assert (status, commands) == (1, [])
    assert "$.endpoints[0].threads: is not a known key" in told
    assert "Mend this first" in told


def test_ports_in_use(tmp_path: Path) -> None:
    """Who holds an address is named."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        status, told, _ = migrate(tmp_path / "c", encoded(entry(bind_port=port)))
    assert status == 0
    assert f"example (127.0.0.1:{port}): its address is held by " in told


def test_names_and_places(tmp_path: Path) -> None:
    """Unix sockets, IPv6, names that must be escaped, and endpoints that are for other things."""
    content = encoded(
        entry(name="Alias Maps", mode=SOCKETMAP, bind_path="/run/x", bind_port=...),
        entry(name="transport", bind_address="::", bind_port=1),
        entry(name="who knows", bind_port=2),
        entry(
            name="gate", mode=POLICY, bind_path="/run/y", bind_port=..., temporary_statuses=[401]
        ),
    )
    path = tmp_path / "it's.json"
    _, told, commands = migrate(path, content)
    assert "bounces" not in told
    assert [line for line in commands if line.startswith("postconf")] == [
        "postconf -e 'virtual_alias_maps = socketmap:unix:/run/x:alias'",
        "postconf -e 'transport_maps = tcp:[::1]:1'",
        "postconf -e 'virtual_alias_maps = tcp:127.0.0.1:2'",
        f"postconf -e '{POLICY_SETTING.format('unix:/run/y')}'",
    ]
    assert commands[0].endswith("/it'\"'\"'s.json' /etc/postfix-rest-inetd/config.json")
    done = subprocess.run(
        [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "migrate", path],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "#   systemctl start 'postfix-rest-tcp@who\\x20knows.socket'" in done.stdout
    assert "#   systemctl start postfix-rest-tcp@transport.socket" in done.stdout
