# SPDX-License-Identifier: MIT
"""What `migrate` prints for main.cf, and what the manual shows: does a real smtpd relay for others?

The backend answers OK to everything, which is the worst that it can do. A recipient elsewhere has
to be refused, and one that is ours has to be accepted, with the main.cf files of all times: what
decides about relaying stands in smtpd_relay_restrictions, or in smtpd_recipient_restrictions as
before Postfix 2.10.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.activation import activated, package_parent, write_handler_config
from harness.manual_page import sections
from harness.ports import free_port
from harness.postfix_instance import PostfixInstance, postfix_instance
from harness.rest_backend import Answer, RestBackend
from harness.swaks import swaks

pytestmark = [pytest.mark.postfix, pytest.mark.root]

PATH = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin"
ACCEPTED = "250 2.1.5 Ok"
DENIED = "Relay access denied"
OURS, ELSEWHERE = "user@ours.example", "user@elsewhere.example"

OWN = {"mynetworks": "192.0.2.1", "relay_domains": "ours.example"}
STYLES = {
    "default": {},
    "Debian": {
        "smtpd_relay_restrictions": "permit_mynetworks permit_sasl_authenticated "
        "defer_unauth_destination"
    },
    "before 2.10": {
        "smtpd_relay_restrictions": "",
        "smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination",
    },
    "before 2.10, permit": {
        "smtpd_relay_restrictions": "",
        "smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination, permit",
    },
    "by way of a class": {
        "smtpd_relay_restrictions": "",
        "smtpd_recipient_restrictions": "$gate",
        "gate": "permit_mynetworks, reject_unauth_destination",
    },
}


def asked(command: str, postfix: PostfixInstance, *arguments: str) -> str:
    """What a command of the operator says to this Postfix."""
    done = subprocess.run(
        [sys.executable, "-m", "postfix_rest_inetd.admin.cli", command, *arguments],
        env={
            **os.environ,
            "PATH": PATH,
            "PYTHONPATH": str(package_parent()),
            "MAIL_CONFIG": str(postfix.directory / "etc"),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout


def printed(config: Path, postfix: PostfixInstance) -> str:
    """The commands for Postfix, as migrate prints them."""
    told = asked("migrate", postfix, str(config))
    return told.partition("\n# 3. ")[2].partition("\n# 4. ")[0].partition("\n")[2]


def carry_out(commands: str, postfix: PostfixInstance) -> None:
    """Give the commands to a shell, and wait until they are in force."""
    since = len(postfix.log.lines())
    environment = {"PATH": PATH, "MAIL_CONFIG": str(postfix.directory / "etc")}
    subprocess.run(["sh", "-euc", commands], env=environment, check=True, timeout=60)
    postfix.log.wait_for("reload -- version", since=since)


def rcpt(postfix: PostfixInstance, recipient: str) -> str:
    """What smtpd replies to RCPT."""
    (reply,) = swaks(postfix.smtp_port, recipient).replies("RCPT")
    return reply


def config_of(gate_port: int, backend: RestBackend, file: Path) -> Path:
    """A configuration with one policy endpoint."""
    keys = {"name": "gate", "mode": "policy", "target": f"{backend.url}/policy"}
    return write_handler_config(file, {**keys, "bind-port": gate_port, "request-timeout": 30_000})


@pytest.mark.parametrize("style", STYLES)
def test_no_open_relay(style: str, backend: RestBackend, tmp_path: Path) -> None:
    """With the commands in force the backend is asked, and its OK lets nobody relay."""
    backend.routes = {"/policy": Answer(200, b"OK")}
    port = free_port()
    config = config_of(port, backend, tmp_path / "config.json")
    with (
        activated([f"127.0.0.1:{port}"], config, "policy"),
        postfix_instance({**OWN, **STYLES[style]}) as postfix,
    ):
        assert DENIED in rcpt(postfix, ELSEWHERE)
        commands = printed(config, postfix)
        assert "\npostconf -e 'smtpd_recipient_restrictions = " in commands
        carry_out(commands, postfix)
        assert rcpt(postfix, OURS) == ACCEPTED
        assert [request.path for request in backend.requests] == ["/policy"]
        assert DENIED in rcpt(postfix, ELSEWHERE)


@pytest.mark.parametrize("relay", ["", STYLES["Debian"]["smtpd_relay_restrictions"]])
def test_manual(relay: str, backend: RestBackend, tmp_path: Path) -> None:
    """The list in postfix-rest-inetd(7) is right with a relay check of its own, and without one."""
    backend.routes = {"/policy": Answer(200, b"OK")}
    part = sections("postfix-rest-inetd.7")["OTHER PARAMETERS OF POSTFIX"]
    shown = part.partition("\nsmtpd_recipient_restrictions =\n")[2].partition("\n.Ed")[0]
    words = " ".join(shown.split())
    access = "check_recipient_access socketmap:inet:127.0.0.1:9002:access"
    assert words.endswith(f"{access}, check_policy_service inet:127.0.0.1:9003")
    port = free_port()
    config = config_of(port, backend, tmp_path / "config.json")
    # A value OK would end the list before the policy service: what is tried has none of it.
    tried = words.replace(f"{access}, ", "").replace("9003", str(port))
    parameters = {"smtpd_relay_restrictions": relay, "smtpd_recipient_restrictions": tried}
    with (
        activated([f"127.0.0.1:{port}"], config, "policy"),
        postfix_instance({**OWN, **parameters}) as postfix,
    ):
        assert rcpt(postfix, OURS) == ACCEPTED
        assert [request.path for request in backend.requests] == ["/policy"]
        assert DENIED in rcpt(postfix, ELSEWHERE)


GATE = "check_policy_service inet:127.0.0.1:{port}"
CHECKED = "permit_mynetworks, reject_unauth_destination"
BEFORE = "permit_mynetworks, {gate}, reject_unauth_destination"
# With what stands in main.cf: is a recipient elsewhere accepted, when the policy service says OK?
RELAYING = {
    "before the check": (True, {"smtpd_relay_restrictions": BEFORE}),
    "behind the check": (False, {"smtpd_relay_restrictions": f"{CHECKED}, {{gate}}"}),
    "a check in both lists": (
        False,
        {"smtpd_relay_restrictions": BEFORE, "smtpd_recipient_restrictions": CHECKED},
    ),
    "asked in both lists": (
        True,
        {"smtpd_relay_restrictions": BEFORE, "smtpd_recipient_restrictions": BEFORE},
    ),
    "in a class": (
        True,
        {
            "smtpd_restriction_classes": "gate",
            "gate": "{gate}",
            "smtpd_relay_restrictions": "gate, reject_unauth_destination",
        },
    ),
    "strangers are kept out before": (
        False,
        {
            "smtpd_client_restrictions": "permit_mynetworks, reject",
            "smtpd_relay_restrictions": BEFORE,
        },
    ),
    "a permission that comes first": (
        True,
        {"smtpd_client_restrictions": "permit, reject", "smtpd_relay_restrictions": BEFORE},
    ),
    "only a warning": (
        True,
        {
            "smtpd_relay_restrictions": "warn_if_reject reject_unauth_destination",
            "smtpd_recipient_restrictions": BEFORE,
        },
    ),
}


@pytest.mark.parametrize("style", RELAYING)
def test_what_check_warns_of(style: str, backend: RestBackend, tmp_path: Path) -> None:
    """Check warns of an open relay where a real smtpd is one, and nowhere else."""
    backend.routes = {"/policy": Answer(200, b"OK")}
    port = free_port()
    config = config_of(port, backend, tmp_path / "config.json")
    is_open, parameters = RELAYING[style]
    gate = GATE.format(port=port)
    filled = {name: value.format(gate=gate) for name, value in parameters.items()}
    with (
        activated([f"127.0.0.1:{port}"], config, "policy"),
        postfix_instance({**OWN, **filled}) as postfix,
    ):
        assert (rcpt(postfix, ELSEWHERE) == ACCEPTED) is is_open
        told = asked("check", postfix, "--only=postfix", f"--config={config}")
    assert ("asked before the relay check" in told) is is_open
