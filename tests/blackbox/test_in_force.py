# SPDX-License-Identifier: MIT
"""What is in force on an open connection, when files change underneath it."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from pathlib import Path

import pytest
from blackbox.support import (
    THE_SAME_REASON,
    UNUSABLE_CONFIG,
    reason_told_once,
    temporary_user_error,
    user_error,
)

from harness.certificates import Authority
from harness.handler_process import accepted, endpoint, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, TCP
from harness.rewriting import WRITERS, renamed
from harness.scripted_backend import ScriptedBackend, answer
from postfix_rest_inetd import in_force

KEPT = "the changed configuration cannot be used, the one before stays in force"


def age(path: Path) -> None:
    """Wait until the last change of a file, or of its directory where it is not, has settled.

    The time of a change cannot be set; so this waits for the clock to get past it.
    """
    there = path if path.exists() else path.parent
    while (left := there.stat().st_ctime + in_force.SETTLE_SEC - time.time()) > -0.01:
        time.sleep(max(left, 0.01))


def tokens(backend: ScriptedBackend) -> list[bytes]:
    """The token of each request that the backend got."""
    return [request.header(b"x-auth-token") for request in backend.requests]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("write", WRITERS)
@pytest.mark.parametrize("old", [True, False], ids=["old file", "file of this moment"])
def test_a_new_token(handler_for, backend, tmp_path, mode, write, old):
    """A token of the same length is in force from the next request on."""
    path = tmp_path / "token"
    path.write_text("token-1")
    backend.script(*[answer(200, FOUND_BODY[mode])] * 3)
    handler = handler_for(mode, auth_token_file=str(path))
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    for number in (2, 3):
        if old:
            age(path)
        write(path, f"token-{number}")
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    assert tokens(backend) == [b"token-1", b"token-2", b"token-3"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("write", WRITERS)
def test_a_new_configuration(handler_for, backend, tmp_path, mode, write):
    """A new target is asked from the next request on."""
    backend.script(answer(200, FOUND_BODY[mode]))
    handler = handler_for(mode)
    config = tmp_path / "config.json"
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    with ScriptedBackend(answer(200, FOUND_BODY[mode])) as other:
        text = config.read_text().replace(f":{backend.port}/", f":{other.port}/")
        write(config, text)
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
        assert len(other.requests) == 1


def test_the_same_configuration(handler_for, backend, tmp_path):
    """A file that was only touched costs no connection to the backend."""
    backend.script(*[answer(200, FOUND_BODY[TCP])] * 2)
    handler = handler_for(TCP)
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    (tmp_path / "config.json").touch()
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    assert len(backend.connections) == 1


def without(config: Path) -> None:
    """Take it away."""
    config.unlink()


def emptied(config: Path) -> None:
    """Leave nothing in it."""
    config.write_text("")


def cut(config: Path) -> None:
    """Leave a part of it."""
    config.write_text(config.read_text()[:-5])


def misspelt(config: Path) -> None:
    """Make a mistake of those that people make."""
    config.write_text(config.read_text().replace("bind-port", "bind-prot"))


def replaced_by_a_directory(config: Path) -> None:
    """Put something else into its place."""
    config.unlink()
    config.mkdir()


def mend(config: Path, text: str) -> None:
    """Put a good configuration into the place of whatever is there."""
    if config.is_dir():
        config.rmdir()
    config.write_text(text)


BREAKING = [without, emptied, cut, misspelt, replaced_by_a_directory]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("spoil", BREAKING)
def test_a_broken_configuration(handler_for, backend, tmp_path, mode, spoil):
    """An open connection goes on with what it had, says so once, and takes what is mended."""
    backend.script(*[answer(200, FOUND_BODY[mode])] * 5)
    handler = handler_for(mode, log_keys=False)
    config = tmp_path / "config.json"
    good = config.read_text()
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    spoil(config)
    age(config)
    for _ in range(3):
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    mend(config, good.replace("test-token", "new-token"))
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    assert tokens(backend) == [b"test-token"] * 4 + [b"new-token"]
    log = handler.finish().log
    (told,) = [line for line in log.splitlines() if KEPT in line]
    assert str(config) in told
    assert len(log.splitlines()) == 6


def test_a_change_that_is_told(handler_for, backend, tmp_path):
    """Each change that cannot be used is told, though the reason be the same."""
    backend.script(*[answer(200, FOUND_BODY[TCP])] * 3)
    handler = handler_for(TCP)
    config = tmp_path / "config.json"
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    for _ in range(2):
        renamed(config, "{")
        age(config)
        assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    assert handler.finish().log.count(KEPT) == 2


def test_a_file_that_is_being_written(handler_for, backend, tmp_path):
    """What is half written at a request is neither used nor told."""
    backend.script(*[answer(200, FOUND_BODY[TCP])] * 3)
    token = tmp_path / "token"
    token.write_text("token-1")
    handler = handler_for(TCP, auth_token_file=str(token))
    config = tmp_path / "config.json"
    good = config.read_text()
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    config.write_text("")
    token.write_text("")
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    config.write_text(good)
    token.write_text("token-2")
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    assert tokens(backend) == [b"token-1", b"token-1", b"token-2"]
    assert KEPT not in handler.finish().log


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["config.json", "token"])
def test_no_state_to_go_on_with(tmp_path, launch, backend, mode, name):
    """A connection that met unusable files from its beginning is answered when they are mended."""
    backend.script(answer(200, FOUND_BODY[mode]))
    token = tmp_path / "token"
    token.write_text("secret")
    item = endpoint(mode, backend.url(), auth_token_file=str(token))
    config = write_config(tmp_path, item)
    path = tmp_path / name
    good = path.read_text()
    path.write_text("")
    handler = launch("--config", config, "--endpoint", mode)
    for _ in range(2):
        assert handler.ask(mode, REQUEST[mode]) == UNUSABLE_CONFIG[mode]
    path.write_text(good)
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    reason, more, found = handler.finish().log.splitlines()
    assert str(path) in reason
    assert more.endswith(THE_SAME_REASON)
    assert "(" in found


def test_a_file_that_comes_back_at_once(tmp_path, launch, backend):
    """A new connection waits for a file that is being written, instead of deferring mail."""
    backend.script(answer(200, FOUND_BODY[TCP]))
    config = write_config(tmp_path, endpoint(TCP, backend.url()))
    good = config.read_text()
    handler = launch("--config", config, "--endpoint", TCP)
    config.write_text("")
    handler.send(REQUEST[TCP])
    assert not handler.pending(0.05)
    config.write_text(good)
    assert handler.read_reply(TCP) == FOUND[TCP]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_was_refused(handler_for, backend, tmp_path, mode, status):
    """A request whose token is out of date is sent again with the one that has come meanwhile."""
    path = tmp_path / "token"
    path.write_text("old")

    def rotate(connection):
        path.write_text("new")
        answer(status)(connection)

    backend.script(rotate, answer(200, FOUND_BODY[mode]))
    handler = handler_for(mode, auth_token_file=str(path))
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    assert tokens(backend) == [b"old", b"new"]
    first, second = backend.requests
    assert (first.line, first.body) == (second.line, second.body)
    assert first.header(b"x-request-id") == second.header(b"x-request-id")
    assert len(handler.finish().log.splitlines()) == 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [401, 403])
def test_a_token_that_is_refused(handler_for, backend, tmp_path, mode, status):
    """A token that has not changed is not tried twice; nor is a new one that is refused too."""
    path = tmp_path / "token"
    path.write_text("old")

    def rotate(connection):
        path.write_text("new")
        answer(status)(connection)

    backend.script(answer(status), rotate, answer(status))
    handler = handler_for(mode, auth_token_file=str(path))
    for requests in (1, 3):
        assert handler.ask(mode, REQUEST[mode]) == user_error(status)[mode]
        assert len(backend.requests) == requests


def test_a_configuration_that_has_a_new_token(handler_for, backend, tmp_path):
    """A token in config.json that was changed while the request was on its way is tried as well."""
    config = tmp_path / "config.json"

    def rotate(connection):
        config.write_text(config.read_text().replace("test-token", "new-token"))
        answer(403)(connection)

    backend.script(rotate, answer(200, FOUND_BODY[POLICY]))
    handler = handler_for(POLICY)
    assert handler.ask(POLICY, REQUEST[POLICY]) == FOUND[POLICY]
    assert tokens(backend) == [b"test-token", b"new-token"]


def test_a_configuration_that_has_moved(handler_for, backend, tmp_path):
    """What answers a request that was refused is judged by the configuration that sent it there."""
    config = tmp_path / "config.json"

    def move(connection):
        item = endpoint(TCP, other.url(), list_separator=";", auth_token="new-token")
        write_config(tmp_path, item)
        answer(403)(connection)

    backend.script(move)
    with ScriptedBackend(answer(200, b'["a","b"]')) as other:
        handler = handler_for(TCP, list_separator=",")
        assert config.exists()
        assert handler.ask(TCP, REQUEST[TCP]) == b"200 a;b\n"
        assert tokens(other) == [b"new-token"]


@pytest.mark.parametrize(
    "change", [{"headers": {"Authorization": "Basic bmV3"}}, {"auth_token_file": "second"}], ids=str
)
@pytest.mark.parametrize("mode", MODES)
def test_a_configuration_that_has_other_credentials(handler_for, backend, tmp_path, mode, change):
    """It need not be the token itself that has changed."""
    for name in ("first", "second"):
        (tmp_path / name).write_text(name)
    change = {**change, "auth_token_file": str(tmp_path / change.get("auth_token_file", "first"))}

    def rotate(connection):
        write_config(tmp_path, endpoint(mode, backend.url(), **change))
        answer(401)(connection)

    backend.script(rotate, answer(200, FOUND_BODY[mode]))
    handler = handler_for(mode, auth_token_file=str(tmp_path / "first"))
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    first, second = backend.requests
    assert first.raw != second.raw


@pytest.mark.parametrize("half", ["", "tok"], ids=["empty", "half"])
@pytest.mark.parametrize("mode", MODES)
def test_a_token_that_is_being_written(handler_for, backend, tmp_path, mode, half):
    """A refusal is not believed while the new token is half written."""
    path = tmp_path / "token"
    path.write_text("old")

    def begin(connection):
        path.write_text(half)
        later = threading.Timer(0.05, path.write_text, ("token",))
        later.start()
        answer(403)(connection)

    def judge(connection):
        is_right = backend.requests[-1].header(b"x-auth-token") == b"token"
        answer(200, FOUND_BODY[mode])(connection) if is_right else answer(403)(connection)

    backend.script(begin, *[judge] * (1 + bool(half)))
    handler = handler_for(mode, auth_token_file=str(path))
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    assert tokens(backend)[-1] == b"token"


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [401, 403, 410])
def test_a_refusal_of_what_is_out_of_date(handler_for, backend, tmp_path, mode, status):
    """While the files cannot be used, no refusal of what there was before rejects mail."""
    backend.script(answer(200, FOUND_BODY[mode]), answer(status), answer(status))
    handler = handler_for(mode)
    config = tmp_path / "config.json"
    good = config.read_text()
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    config.write_text(good[:-5])
    age(config)
    assert handler.ask(mode, REQUEST[mode]) == temporary_user_error(status)[mode]
    config.write_text(good)
    age(config)
    assert handler.ask(mode, REQUEST[mode]) == user_error(status)[mode]
    assert "the one before may be out of date" in handler.finish().log


def test_certificates_beside_a_broken_configuration(tmp_path, launch):
    """A CA file that is replaced is in force although config.json cannot be used."""
    directories = [tmp_path / name for name in ("first", "second")]
    for directory in directories:
        directory.mkdir()
    first, second = map(Authority, directories)
    ca_file = tmp_path / "ca.pem"
    shutil.copy(second.ca_file, ca_file)
    with ScriptedBackend(answer(200, FOUND_BODY[TCP]), tls=first.server("127.0.0.1")) as backend:
        item = endpoint(TCP, backend.url(), tls_ca_file=str(ca_file))
        config = write_config(tmp_path, item)
        handler = launch("--config", config, "--endpoint", TCP)
        assert handler.ask(TCP, REQUEST[TCP]).startswith(b"400 ")
        config.write_text("{")
        renamed(ca_file, first.ca_file.read_text())
        assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]


@pytest.mark.parametrize("mode", MODES)
def test_no_certificate_to_begin_with(tmp_path, launch, mode):
    """A file that only the making of a client finds unusable is told as any other, and counted."""
    authority = Authority(tmp_path)
    ca_file = tmp_path / "missing.pem"
    context = authority.server("127.0.0.1")
    with ScriptedBackend(answer(200, FOUND_BODY[mode]), tls=context) as backend:
        item = endpoint(mode, backend.url(), tls_ca_file=str(ca_file))
        handler = launch("--config", write_config(tmp_path, item), "--endpoint", mode)
        for _ in range(3):
            assert handler.ask(mode, REQUEST[mode]) == UNUSABLE_CONFIG[mode]
        shutil.copy(authority.ca_file, ca_file)
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    reason, more, found = handler.finish().log.splitlines()
    assert f"{ca_file}: $.endpoints[0].tls-ca-file: cannot be used: No such file" in reason
    assert "(2 requests)" in more
    assert more.endswith(THE_SAME_REASON)
    assert f"{mode}: " in found


def test_a_new_authority(tmp_path, launch):
    """A CA file that is replaced is in force from the next request on."""
    directories = [tmp_path / name for name in ("first", "second")]
    for directory in directories:
        directory.mkdir()
    first, second = map(Authority, directories)
    ca_file = tmp_path / "ca.pem"
    shutil.copy(second.ca_file, ca_file)
    with ScriptedBackend(answer(200, FOUND_BODY[TCP]), tls=first.server("127.0.0.1")) as backend:
        item = endpoint(TCP, backend.url(), tls_ca_file=str(ca_file))
        handler = launch("--config", write_config(tmp_path, item), "--endpoint", TCP)
        assert handler.ask(TCP, REQUEST[TCP]).startswith(b"400 ")
        renamed(ca_file, first.ca_file.read_text())
        assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]


@pytest.fixture
def connected(tmp_path, launch, backend):
    """A handler whose endpoint is found by the connection's address, and that endpoint."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        item = endpoint(TCP, backend.url(), bind_port=port, hibernate_after=1)
        config = write_config(tmp_path, item)
        yield launch("--config", config, "--mode", TCP, ends=accepted(listener)), item


SLEEP = pytest.mark.parametrize("asleep", [False, True], ids=["awake", "hibernating"])


def fall_asleep(backend) -> None:
    """Wait until the handler hibernates, which ends its connection to the backend."""
    backend.wait_for_end_of(len(backend.connections) - 1)


@SLEEP
def test_an_endpoint_that_moved(tmp_path, connected, backend, asleep):
    """An open connection follows its endpoint's name to another address, asleep or not."""
    handler, item = connected
    backend.script(*[answer(200, FOUND_BODY[TCP])] * 3)
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    for token in ("second", "third"):
        if asleep:
            fall_asleep(backend)
        moved = {**item, "bind-port": 1, "auth-token": token}
        write_config(tmp_path, {**moved, "name": "other", "bind-port": 2}, moved)
        age(tmp_path / "config.json")
        assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    assert tokens(backend) == [b"test-token", b"second", b"third"]
    assert KEPT not in handler.finish().log


@SLEEP
@pytest.mark.parametrize("change", [{"name": "other"}, {"mode": POLICY}], ids=["name", "mode"])
def test_an_endpoint_that_is_gone(tmp_path, connected, backend, asleep, change):
    """An open connection keeps an endpoint that is not in the file any more, and says so."""
    handler, item = connected
    backend.script(*[answer(200, FOUND_BODY[TCP])] * 2)
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    if asleep:
        fall_asleep(backend)
    config = write_config(tmp_path, {**item, "bind-port": 1, **change})
    age(config)
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    assert tokens(backend) == [b"test-token"] * 2
    assert handler.finish().log.count(KEPT) == 1


@SLEEP
def test_another_endpoint_at_the_address(tmp_path, connected, backend, asleep):
    """Whoever listens at the connection's address answers it, whatever the name."""
    handler, item = connected
    backend.script(*[answer(200, FOUND_BODY[TCP])] * 2)
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    if asleep:
        fall_asleep(backend)
    other = {**item, "name": "other", "auth-token": "other"}
    write_config(tmp_path, {**item, "bind-port": 1}, other)
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    assert tokens(backend) == [b"test-token", b"other"]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("name", ["config.json", "token"])
def test_waking_up_to_a_broken_file(tmp_path, launch, backend, mode, name):
    """A handler that wakes goes on with what it had before, through several sleeps."""
    backend.script(*[answer(200, FOUND_BODY[mode])] * 4)
    token = tmp_path / "token"
    token.write_text("secret")
    item = endpoint(mode, backend.url(), auth_token_file=str(token), hibernate_after=1)
    config = write_config(tmp_path, item)
    path = tmp_path / name
    good = path.read_text()
    handler = launch("--config", config, "--endpoint", mode)
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    path.write_text("")
    for _ in range(2):
        fall_asleep(backend)
        assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    path.write_text(good)
    fall_asleep(backend)
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    assert tokens(backend) == [b"secret"] * 4
    assert handler.finish().log.count(KEPT) == 2


def test_a_handover_that_is_none(tmp_path, launch, backend):
    """The environment of a careless administrator opens no file, and closes none."""
    config = write_config(tmp_path, endpoint(TCP, backend.url()))
    config.write_text("{")
    for number in ("0", "1", "2", "3", "99", "-1", "x", "1e3", "9" * 30):
        env = {"POSTFIX_REST_INETD_HANDOVER": number}
        handler = launch("--config", config, "--mode", TCP, "--endpoint", "x", env=env)
        assert handler.ask(TCP, REQUEST[TCP]) == UNUSABLE_CONFIG[TCP]
        reason_told_once(handler.finish().log, 1)
