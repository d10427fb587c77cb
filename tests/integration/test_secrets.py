# SPDX-License-Identifier: MIT
"""Secrets: who can read config.json, and a token that is a credential of systemd's."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from integration.product import (
    CONFIG,
    TCP,
    UNUSABLE_CONFIG,
    USER,
    ask,
    configure,
    endpoint,
    start,
    use_example,
)

from harness.container import Container
from harness.container_backend import Backend, lookup

TOKEN = "a-token-for-the-backend-alone"
TOKEN_FILE = "/etc/postfix-rest-inetd/backend-token"
DROP_IN = "/etc/systemd/system/postfix-rest-@.service.d/50-token.conf"
PORT = 9001


@pytest.fixture
def backend(clean_container: Container) -> Iterator[Backend]:
    """A backend, and an endpoint for it whose token is a credential."""
    with clean_container.backend({"/l": lookup({"x": ["y"]})}) as running:
        target = running.url("/l")
        entry = endpoint("e", port=PORT, target=target, auth_token_file="backend-token")
        configure(clean_container, entry)
        yield running


def whole_journal(container: Container, since: str) -> str:
    """All fields of all entries, as one text."""
    return json.dumps(container.journal(since=since))


def can_read(container: Container, user: str, path: str) -> bool:
    """Can a process of this user read the file?"""
    return container.run("cat", path, user=user, check=False).returncode == 0


# -- config.json


def test_owner_and_mode(clean_container: Container) -> None:
    """systemd-tmpfiles(8), which runs at boot, leaves them as the administrator wants them.

    It makes the directory where it is missing, closed to others.
    """
    configure(clean_container, endpoint("e", port=PORT))
    directory = str(Path(CONFIG).parent)
    clean_container.run("chmod", "600", CONFIG)
    clean_container.run("chown", "root:mail", CONFIG)
    clean_container.run("chmod", "701", directory)
    clean_container.run("systemd-tmpfiles", "--create")
    stat = ("stat", "-c", "%a %U:%G", directory)
    assert clean_container.run(*stat, CONFIG).stdout == f"701 root:{USER}\n600 root:mail\n"
    clean_container.run("rm", "-r", directory)
    clean_container.run("systemd-tmpfiles", "--create")
    assert clean_container.run(*stat).stdout == f"750 root:{USER}\n"


def test_who_can_read(clean_container: Container) -> None:
    """The handlers' user can read config.json; Postfix and nobody cannot."""
    configure(clean_container, endpoint("e", port=PORT))
    users = (USER, "postfix", "nobody")
    assert [can_read(clean_container, user, CONFIG) for user in users] == [True, False, False]
    # It is the file itself that is closed, not only the directory.
    clean_container.run("chmod", "755", "/etc/postfix-rest-inetd")
    assert [can_read(clean_container, user, CONFIG) for user in users] == [True, False, False]


def test_token_in_config_is_not_logged(clean_container: Container, backend: Backend) -> None:
    """A token in config.json gets to the backend and never into the journal."""
    entry = endpoint("e", port=PORT, target=backend.url("/l"), auth_token=TOKEN)
    since = clean_container.journal.cursor()
    configure(clean_container, entry)
    start(clean_container, TCP)
    assert ask(clean_container, PORT, b"get x\nget z\n") == b"200 y\n500 key%20not%20found\n"
    # Nor when the file that has it cannot be used.
    configure(clean_container, entry, no_such_key=1)
    assert ask(clean_container, PORT, b"get x\n") == UNUSABLE_CONFIG
    assert {request.headers["x-auth-token"] for request in backend.requests} == {TOKEN}
    text = whole_journal(clean_container, since)
    assert "no-such-key" in text
    assert TOKEN not in text


# -- a credential


def test_credential(clean_container: Container, backend: Backend) -> None:
    """With token-credential.conf the token is in a file of root's alone; the backend gets it."""
    since = clean_container.journal.cursor()
    clean_container.write(TOKEN_FILE, f"{TOKEN}\n", mode=0o600)
    use_example(clean_container, "token-credential.conf", DROP_IN)
    start(clean_container, TCP)
    assert ask(clean_container, PORT, b"get x\n") == b"200 y\n"
    assert [request.headers["x-auth-token"] for request in backend.requests] == [TOKEN]
    stat = clean_container.run("stat", "-c", "%a %U:%G", TOKEN_FILE).stdout
    assert stat == "600 root:root\n"
    assert not can_read(clean_container, USER, TOKEN_FILE)
    # systemd copies a credential at the start: a new one is in force from the next connection on.
    clean_container.write(TOKEN_FILE, f"{TOKEN}-2\n", mode=0o600)
    assert ask(clean_container, PORT, b"get x\n") == b"200 y\n"
    assert backend.requests[-1].headers["x-auth-token"] == f"{TOKEN}-2"
    assert TOKEN not in whole_journal(clean_container, since)


def test_no_load_credential(clean_container: Container, backend: Backend) -> None:
    """Without LoadCredential= the answer is a temporary error, and the journal says what to do."""
    start(clean_container, TCP)
    since = clean_container.journal.cursor()
    assert ask(clean_container, PORT, b"get x\n") == UNUSABLE_CONFIG
    (entry,) = clean_container.journal("POSTFIX_REST_OUTCOME=unusable-config", since=since)
    assert "$.endpoints[0].auth-token-file" in entry["MESSAGE"]
    assert "LoadCredential=backend-token:" in entry["MESSAGE"]
    assert backend.requests == []


def test_missing_credential(clean_container: Container, backend: Backend) -> None:
    """Without the file the answer is a temporary error, and the journal names the credential.

    Once the file is there, the next connection is answered; nothing has to be restarted.
    """
    use_example(clean_container, "token-credential.conf", DROP_IN)
    start(clean_container, TCP)
    since = clean_container.journal.cursor()
    assert ask(clean_container, PORT, b"get x\n") == UNUSABLE_CONFIG
    (entry,) = clean_container.journal("POSTFIX_REST_OUTCOME=unusable-config", since=since)
    assert "$.endpoints[0].auth-token-file: must hold one line" in entry["MESSAGE"]
    assert "/backend-token: " in entry["MESSAGE"]
    assert backend.requests == []
    clean_container.write(TOKEN_FILE, f"{TOKEN}\n", mode=0o600)
    assert ask(clean_container, PORT, b"get x\n") == b"200 y\n"
