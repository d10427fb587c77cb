# SPDX-License-Identifier: MIT
"""What shells offer on a machine with a real Postfix: from its main.cf, and from its queue."""

from __future__ import annotations

import json
import smtplib
import time
from pathlib import Path

import pytest

from harness.offered import offered
from harness.postfix_instance import HOSTNAME, PostfixInstance, postfix_instance, write_config

pytestmark = [pytest.mark.postfix, pytest.mark.root]

HOSTILE = '"$(touch x)`id`;\x1b[2J"@a.example'
MAIN_CF = {
    "compatibility_level": "3.6",
    "our_map": "socketmap:inet:127.0.0.1:9102:alias",
    "virtual_alias_maps": "hash:/etc/aliases, $our_map",
    "smtpd_restriction_classes": "ours",
    "ours": "check_recipient_access proxy:tcp:127.0.0.1:9101, check_policy_service { "
    "inet:127.0.0.1:9103, timeout=9s }",
    "relay_domains": "tcp:192.0.2.1:9101",
}
WAIT_SEC = 60


def config_of(directory: Path) -> str:
    """A configuration with an endpoint of each mode."""
    modes = ("tcp-lookup", "socketmap-lookup", "policy")
    endpoints = [
        {"name": mode, "mode": mode, "target": "http://h/", "auth-token": "t", "bind-port": port}
        for port, mode in enumerate(modes, 9101)
    ]
    path = directory / "config.json"
    path.write_text(json.dumps({"endpoints": endpoints}))
    return str(path)


def send(postfix: PostfixInstance, sender: str, recipient: str) -> None:
    """Send a mail, which Postfix accepts."""
    with smtplib.SMTP("127.0.0.1", postfix.smtp_port, HOSTNAME, timeout=20) as client:
        client.ehlo()
        for command in (f"MAIL FROM:<{sender}>", f"RCPT TO:<{recipient}>"):
            assert client.docmd(command)[0] == 250, command
        client.data(b"Subject: x\r\n\r\nx\r\n")


def test_main_cf(tmp_path: Path) -> None:
    """What main.cf calls our endpoints is offered, with its parameter, wherever in a value."""
    config = config_of(tmp_path)
    environment = {"MAIL_CONFIG": str(write_config(tmp_path / "etc", MAIN_CF))}
    (tmp_path / "etc/master.cf").touch()
    expected = {
        "socketmap:": {"socketmap:inet:127.0.0.1:9102:alias"},
        "proxy:": {"proxy:tcp:127.0.0.1:9101"},
        "i": {"inet:127.0.0.1:9103"},
        "tcp:": set(),
    }
    for typed, words in expected.items():
        found = offered("endpoints", config, typed, least=words, **environment)
        assert set(found) == words
        assert typed == "socketmap:" or set(found.values()) <= {"ours"}
    of_maps = ("maps", config, "", "socketmap-lookup")
    assert set(offered(*of_maps, least={"alias"}, **environment)) == {"alias"}


def test_queue() -> None:
    """Mails in the queue are offered, with no word that their sender made up for a shell."""
    with postfix_instance({"defer_transports": "discard"}) as postfix:
        environment = {"MAIL_CONFIG": str(postfix.directory / "etc")}
        send(postfix, HOSTILE, "good@example.net")
        send(postfix, "ann@example.org", '"a;b"@example.net')
        words, deadline = {}, time.monotonic() + WAIT_SEC
        while sum(about.startswith("deferred") for about in words.values()) < 2:
            assert time.monotonic() < deadline, words
            words = offered("subjects", "", **environment)
    addresses = {word for word in words if "@" in word}
    assert addresses == {"good@example.net", "ann@example.org"}
    ids = {word: about for word, about in words.items() if word not in addresses}
    assert set(ids.values()) == {"deferred good@example.net", 'deferred "a;b"@example.net'}
    assert all(word.isalnum() for word in ids)
