# SPDX-License-Identifier: MIT
"""The package is replaced while handlers run: what is installed answers, and no mixture of two.

The handlers here run a copy of the package (harness/package_copy.py).
"""

from __future__ import annotations

import functools
import os
import shutil
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
from blackbox.support import INTERNAL_ERROR, UNUSABLE_CONFIG, policy_reply, tcp_reply

from harness.handler_process import endpoint, package_parent, write_config
from harness.modes import FOUND, FOUND_BODY, POLICY, REQUEST, TCP
from harness.package_copy import copy_package
from harness.package_copy import upgrade as install
from harness.process_group import stop
from harness.rewriting import renamed as put
from harness.scripted_backend import answer


@pytest.fixture
def copy(tmp_path) -> Path:
    """A copy of the package in a directory that can be imported from."""
    return copy_package(tmp_path / "lib")


def upgrade(package: Path) -> None:
    """Replace all modules by those of a new version, whose replies tell that it is the new one."""
    install(package)
    codec = package / "protocols/tcp_table.py"
    put(codec, codec.read_text().replace("%s %s\\n", "%s new-%s\\n"))


NEW = b"200 new-value\n"
WAIT_SEC = 30


@pytest.fixture
def handler(request, tmp_path, copy, launch, backend):
    """A handler of the copy, which has been asked nothing yet, and hibernates where a test says so.

    Replacing all modules may take a second.
    """
    backend.script(*[answer(200, FOUND_BODY[TCP])] * 2)
    seconds = getattr(request, "param", 0)
    config = write_config(tmp_path, endpoint(TCP, backend.url(), hibernate_after=seconds))
    env = {"PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    return launch("--config", config, "--endpoint", TCP, env=env)


def test_before_the_first_request(handler, copy):
    """A connection that was opened before an upgrade is answered by the new version."""
    assert not handler.pending(0.5)  # the old version waits
    upgrade(copy)
    assert handler.ask(TCP, REQUEST[TCP]) == NEW


@pytest.mark.parametrize("handler", [1], indirect=True)
def test_while_it_hibernates(handler, copy, backend):
    """The new version wakes."""
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    backend.wait_for_end_of(0)
    assert not handler.pending(0.5)
    upgrade(copy)
    assert handler.ask(TCP, REQUEST[TCP]) == NEW


def test_while_it_is_awake(handler, copy):
    """A handler that has loaded all it needs goes on as it is."""
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    upgrade(copy)
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]


def test_while_it_is_awake_and_then_reconfigured(tmp_path, handler, copy, backend):
    """The new version reads a new configuration, for which the old one may lack modules by now."""
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    upgrade(copy)
    write_config(tmp_path, endpoint(TCP, backend.url("/other"), hibernate_after=0))
    assert handler.ask(TCP, REQUEST[TCP]) == NEW


def upgrade_while_unusable(tmp_path, handler, copy) -> None:
    """Replace the package while no configuration can be used, and repair the configuration then."""
    config = tmp_path / "config.json"
    usable = config.read_text()
    config.write_text("{")
    assert handler.ask(TCP, REQUEST[TCP]) == UNUSABLE_CONFIG[TCP]
    upgrade(copy)
    put(config, usable)


def test_while_it_has_no_usable_configuration(tmp_path, handler, copy):
    """The new version answers when the configuration is repaired."""
    upgrade_while_unusable(tmp_path, handler, copy)
    assert handler.ask(TCP, REQUEST[TCP]) == NEW


def stop_with_a_request(handler) -> None:
    """Have a request and then SIGTERM arrive as if in one moment."""
    stop(handler.process)
    handler.send(REQUEST[TCP])
    handler.terminate()
    handler.process.send_signal(signal.SIGCONT)


def test_sigterm_before_the_first_request(handler, copy):
    """A request that arrives together with SIGTERM is answered by the new version as well."""
    assert not handler.pending(0.5)
    upgrade(copy)
    stop_with_a_request(handler)
    assert handler.result() == (NEW, 0, handler.log)
    assert handler.log.count("\n") == 1


def test_sigterm_when_the_configuration_is_repaired(tmp_path, handler, copy):
    """What it takes to read the configuration is not loaded of two versions."""
    upgrade_while_unusable(tmp_path, handler, copy)
    stop_with_a_request(handler)
    assert handler.result()[:2] == (NEW, 0)
    assert ".py:" not in handler.log


@pytest.mark.parametrize("action", ["REJECT 5.7.1 no", "permit_mynetworks, reject"])
@pytest.mark.parametrize("mode, fields", [(POLICY, {}), (TCP, {"access_table": True})])
def test_an_action_of_another_kind_than_before(
    tmp_path, copy, launch, backend, mode, fields, action
):
    """What only some actions need is loaded before a new version can do without it."""
    body = '["{}"]' if mode == TCP else "{}"
    reply = functools.partial(tcp_reply, 200) if mode == TCP else policy_reply
    backend.script(*(answer(200, body.format(each).encode()) for each in ("DUNNO", action)))
    config = write_config(tmp_path, endpoint(mode, backend.url(), **fields))
    env = {"PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    env["PYTHONPROFILEIMPORTTIME"] = "1"  # each module that is loaded is told on stderr
    handler = launch("--config", config, "--endpoint", mode, env=env)
    assert handler.ask(mode, REQUEST[mode]) == reply("DUNNO")
    handler.wait_for_log("postfix_rest_inetd.restrictions")
    (copy / "enhanced_status.py").unlink()
    (copy / "restrictions.py").unlink()
    assert handler.ask(mode, REQUEST[mode]) == reply(action)


@pytest.fixture
def sharing(tmp_path, copy, launch, backend):
    """Handlers of the copy that share a directory."""
    (tmp_path / "shared").mkdir()
    config = write_config(tmp_path, endpoint(TCP, backend.url()))
    options = ("--config", config, "--endpoint", TCP, "--cache-directory", tmp_path / "shared")
    env = {"PYTHONPATH": str(copy.parent), "PYTHONDONTWRITEBYTECODE": "1"}
    return lambda: launch(*options, env=env)


FRESH = b"Cache-Control: max-age=600"


def test_after_stored_answers(sharing, copy, backend):
    """A handler that has not asked a backend yet lacks what it takes: the new version answers."""
    backend.script(answer(200, FOUND_BODY[TCP], FRESH), answer(200, FOUND_BODY[TCP]))
    assert sharing().ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    handler = sharing()
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    upgrade(copy)
    assert handler.ask(TCP, b"get another\n") == NEW


@pytest.mark.parametrize("is_first", [True, False])
def test_nothing_is_stored_by_two_versions(sharing, copy, backend, is_first):
    """What it takes to store an answer, or to use one, is not loaded after an upgrade."""
    backend.script(answer(200, FOUND_BODY[TCP]), answer(200, FOUND_BODY[TCP], FRESH))
    handler = sharing()
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    if not is_first:
        backend.script(answer(200, FOUND_BODY[TCP], FRESH))
        assert sharing().ask(TCP, b"get another\n") == FOUND[TCP]
    (copy / "cache/memory.py").write_text("raise RuntimeError\n")
    put(copy / "cache/memory.py", "raise RuntimeError\n")
    assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    handler.half_close()
    assert "RuntimeError" not in handler.finish().log


def test_half_of_an_upgrade(handler, copy):
    """Modules of two versions never answer, even if all of them can be loaded."""
    old = (copy / "verdict.py").read_text()
    upgrade(copy)
    new = (copy / "verdict.py").read_text()
    put(copy / "verdict.py", old)
    handler.send(REQUEST[TCP])
    assert not handler.pending(0.7)
    put(copy / "verdict.py", new)
    assert handler.read_reply(TCP) == NEW


@pytest.mark.parametrize("module", ["handler", "backend/client", "protocols/tcp_table"])
def test_in_the_middle_of_an_upgrade(handler, copy, module):
    """A module that is not there yet is waited for: the request is answered, not failed."""
    path = copy / f"{module}.py"
    text = path.read_text()
    path.unlink()
    handler.send(REQUEST[TCP])
    assert not handler.pending(0.7)
    put(path, text)
    assert handler.read_reply(TCP) == FOUND[TCP]


def test_a_broken_package(handler, copy):
    """What stays broken is told in the end, with a temporary error to Postfix."""
    put(copy / "backend/client.py", "raise RuntimeError\n")
    assert handler.ask(TCP, REQUEST[TCP]) == INTERNAL_ERROR[TCP]
    assert handler.wait() == 70
    handler.wait_for_log("RuntimeError")


@pytest.mark.parametrize("version", ["0.1.0", "0.2.0"])
def test_a_module_of_any_directory_is_waited_for(tmp_path, copy, backend, version):
    """What systemd starts waits as well, before it has loaded anything that could.

    It is found then, even if VERSION is installed in the end, which has it in the old place only.
    """
    backend.script(answer(200, FOUND_BODY[TCP]))
    config = write_config(tmp_path, endpoint(TCP, backend.url()))
    text = (package_parent() / "systemd/handler").read_text()
    known = '"/usr/lib/python3/dist-packages",'
    assert known in text
    others = [f"{path}/" for path in sys.path if path.endswith("-packages")]
    program, former = (tmp_path / f"usr/{name}/handler" for name in ("libexec", "lib"))
    for path in (program, former):
        path.parent.mkdir(parents=True)
    program.write_text(text.replace(known, f"*{[str(copy.parent), *others]!r},"))
    shutil.copy(program, former)
    missing = copy / "marks.py"
    put(copy / "backend/new.py", "")
    text = missing.read_text()
    missing.unlink()
    os.utime(copy, (1, 1))  # only of another directory can it tell that something happens
    ours, theirs = socket.socketpair()
    with ours, theirs:
        command = [sys.executable, "-IBS", program, "--config", config, "--endpoint", TCP]
        process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=subprocess.PIPE)
        theirs.close()
        ours.sendall(REQUEST[TCP])
        ours.settimeout(0.7)
        with pytest.raises(TimeoutError):
            ours.recv(1)
        if version == "0.1.0":
            program.unlink()
        put(missing, text)
        ours.settimeout(WAIT_SEC)
        assert ours.recv(100) == FOUND[TCP]
        ours.shutdown(socket.SHUT_WR)
        process.communicate(timeout=WAIT_SEC)
    assert process.returncode == 0
