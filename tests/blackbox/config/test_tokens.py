# SPDX-License-Identifier: MIT
"""`auth-token` and `auth-token-file`: what is sent, and what happens when the file is not there."""

from __future__ import annotations

import os

import pytest
from blackbox.support import UNUSABLE_CONFIG, reason_told_once

from harness.modes import FOUND, FOUND_BODY, MODES, REQUEST, TCP
from harness.scripted_backend import answer

CONTENTS = [
    ("one line", b"file-token\n", b"file-token"),
    ("no newline", b"file-token", b"file-token"),
    ("CR LF", b"file-token\r\n", b"file-token"),
    ("special characters", b"a+b/c=%20 d\n", b"a+b/c=%20 d"),
    ("UTF-8", "schlüssel".encode(), "schlüssel".encode()),
    ("byte order mark", b"\xef\xbb\xbffile-token\r\n", b"file-token"),
]


@pytest.mark.parametrize("content, token", [c[1:] for c in CONTENTS], ids=[c[0] for c in CONTENTS])
def test_a_file(handler_for, backend, tmp_path, content, token):
    """The token is the line in the file, without its end."""
    path = tmp_path / "token"
    path.write_bytes(content)
    backend.script(answer(200, b'["value"]'))
    assert handler_for(TCP, auth_token_file=str(path)).ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    assert backend.requests[0].header(b"x-auth-token") == token


@pytest.mark.parametrize("token", ["test123", "a+b/c=%20 d", "schlüssel", "x" * 4000])
def test_in_the_configuration(handler_for, backend, token):
    """The token of the file is sent as it stands there, in UTF-8."""
    backend.script(answer(200, b'["value"]'))
    assert handler_for(TCP, auth_token=token).ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    assert backend.requests[0].header(b"x-auth-token") == token.encode()


def test_a_credential(handler_for, backend, tmp_path):
    """A bare name is looked up in $CREDENTIALS_DIRECTORY, and nowhere else."""
    (tmp_path / "credentials").mkdir()
    (tmp_path / "credentials" / "token").write_text("credential-token\n")
    backend.script(answer(200, b'["value"]'))
    launch_with = {"env": {"CREDENTIALS_DIRECTORY": str(tmp_path / "credentials")}}
    handler = handler_for(TCP, auth_token_file="token", launch_with=launch_with)
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    assert backend.requests[0].header(b"x-auth-token") == b"credential-token"


@pytest.mark.parametrize("mode", MODES)
def test_a_new_token_counts_from_the_next_connection_on(handler_for, backend, tmp_path, mode):
    """The file is read for each connection: nothing must be restarted."""
    path = tmp_path / "token"
    backend.script(*[answer(200, FOUND_BODY[mode])] * 2)
    for token in ("first", "second"):
        path.write_text(token)
        handler_for(mode, auth_token_file=str(path)).ask(mode, REQUEST[mode])
    assert [r.header(b"x-auth-token") for r in backend.requests] == [b"first", b"second"]


UNUSABLE = [
    ("missing", "PATH", None, {}, "PATH"),
    ("empty", "PATH", b"", {}, "PATH"),
    ("only a newline", "PATH", b"\n", {}, "PATH"),
    ("several lines", "PATH", b"a\nb\n", {}, "PATH"),
    ("a NUL", "PATH", b"a\0b", {}, "PATH"),
    ("too large", "PATH", b"x" * 1_000_000, {}, "PATH"),
    ("a directory", "/proc/self", None, {}, "/proc/self"),
    ("an endless device", "/dev/zero", None, {}, "/dev/zero"),
    ("no $CREDENTIALS_DIRECTORY", "token", None, {}, "CREDENTIALS_DIRECTORY"),
    ("no such credential", "token", None, {"CREDENTIALS_DIRECTORY": "/nowhere"}, "/nowhere"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name, content, env, told", [u[1:] for u in UNUSABLE], ids=[u[0] for u in UNUSABLE]
)
def test_an_unusable_file(handler_for, backend, tmp_path, mode, name, content, env, told):
    """No token, no request: a temporary error for each, and the reason once, with the file."""
    path = tmp_path / "token"
    if content is not None:
        path.write_bytes(content)
    handler = handler_for(
        mode, auth_token_file=name.replace("PATH", str(path)), launch_with={"env": env}
    )
    handler.send(REQUEST[mode] * 2)
    output, status, log = handler.finish()
    assert (output, status) == (UNUSABLE_CONFIG[mode] * 2, 0)
    reason = reason_told_once(log, 2)
    assert told.replace("PATH", str(path)) in reason
    assert "auth-token-file" in reason
    assert backend.connections == []


def test_a_fifo_blocks_nobody(handler_for, tmp_path):
    """A FIFO in the place of the token file is an unusable file, not a wait for its writer."""
    path = tmp_path / "token"
    os.mkfifo(path)
    handler = handler_for(TCP, auth_token_file=str(path))
    assert handler.ask(TCP, REQUEST[TCP]) == UNUSABLE_CONFIG[TCP]
