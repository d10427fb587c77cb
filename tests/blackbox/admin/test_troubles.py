# SPDX-License-Identifier: MIT
"""What the commands say where another program would print a traceback: a sentence, and status 1.

The situations are real ones: no room for the output, no standard output at all, a Python module
that is not installed, files that an ordinary user may not read.
"""

from __future__ import annotations

import importlib.util
import json
import os
import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.endpoints import entry
from harness.scripted_backend import Connection, ScriptedBackend

COMMANDS = {
    "check": ["check", "--config=config.json"],
    "check --json": ["check", "--json", "--config=config.json"],
    "check --probe": ["check", "--probe", "--config=config.json"],
    "config-schema": ["config-schema"],
    "endpoints": ["endpoints", "--config=config.json"],
    "migrate": ["migrate", "config.json"],
    "query": ["query", "--config=config.json", "example", "x"],
    "query --direct": ["query", "--direct", "--config=config.json", "example", "x"],
    "stats": ["stats", "--directory=."],
    "stats --json": ["stats", "--json", "--directory=."],
    "edit": ["edit", "--config=config.json"],
    "help": ["check", "--help"],
    "version": ["--version"],
}


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with a good config.json, of which nobody is asked."""
    (tmp_path / "config.json").write_text(json.dumps({"endpoints": [entry(request_timeout=500)]}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDITOR", "true")


def command(*arguments: str) -> list[str]:
    """The command line of an interpreter that has the checkout's modules first."""
    return [sys.executable, "-m", "postfix_rest_inetd.admin.cli", *arguments]


def run(
    arguments: list[str], stdout: str = "", path: str = "", **options: object
) -> subprocess.CompletedProcess[str]:
    """What a command says; STDOUT is a redirection of the shell, PATH comes first for modules."""
    checkout = str(Path(__file__).parents[3])
    modules = os.pathsep.join(filter(None, (path, checkout)))
    line = ["sh", "-c", f'exec "$@" {stdout}', "sh", *command(*arguments)]
    return subprocess.run(
        line,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        env={**os.environ, "PYTHONPATH": modules},
        **options,  # type: ignore[call-overload]
    )


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_closed_output(arguments: list[str]) -> None:
    """Without a standard output, nothing is said, and the exit status is as ever."""
    expected = run(arguments)
    done = run(arguments, ">&-")
    assert (done.returncode, done.stdout) == (expected.returncode, "")
    assert done.stderr == expected.stderr


@pytest.mark.parametrize("arguments", COMMANDS.values(), ids=COMMANDS)
def test_no_room_for_the_output(arguments: list[str]) -> None:
    """A full disk is told in one sentence."""
    done = run(arguments, ">/dev/full")
    assert done.returncode != 0
    assert "Traceback" not in done.stderr
    assert "No space left on device" in done.stderr


def test_no_room_for_the_copy() -> None:
    """`edit` on a full disk: a sentence, nothing left behind, and the file as it was."""
    before = Path("config.json").read_text()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    done = run(["edit", "--config=config.json"], preexec_fn=limit)
    assert done.returncode == 1
    assert done.stderr.startswith("postfix-rest-inetd edit: config.json cannot be edited: ")
    assert done.stderr.count("\n") == 1
    assert os.listdir() == ["config.json"]
    assert Path("config.json").read_text() == before


@pytest.mark.parametrize(
    "module, arguments",
    [("urllib3", "query --direct"), ("systemd", "stats")],
)
def test_missing_module(tmp_path: Path, module: str, arguments: str) -> None:
    """A module that is not installed is told with its package."""
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('no', name='{module}')\n")
    done = run(COMMANDS[arguments], path=str(tmp_path))
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert module in done.stderr


def test_check_without_urllib3(tmp_path: Path) -> None:
    """`check` goes on, and says that no request can be answered."""
    (tmp_path / "urllib3.py").write_text("raise ModuleNotFoundError('no', name='urllib3')\n")
    done = run(["check", "--probe", "--config=config.json"], path=str(tmp_path))
    assert (done.returncode, done.stderr) == (1, "")
    assert "ok       example: tcp-lookup on 127.0.0.1:9000" in done.stdout
    assert "error    urllib3: the Python module urllib3 cannot be loaded by" in done.stdout
    assert "Install the package python3-urllib3." in done.stdout


def test_a_newer_urllib3(tmp_path: Path) -> None:
    """A version that the short import does not know is worth a note, and no more."""
    spec = importlib.util.find_spec("urllib3")
    assert spec is not None
    assert spec.submodule_search_locations
    installed = Path(spec.submodule_search_locations[0])
    copy = tmp_path / "modules" / "urllib3"
    copy.parent.mkdir()
    copy.symlink_to(installed)
    arguments = ["check", "--config=config.json"]
    assert "urllib3" not in run(arguments, path=str(copy.parent)).stdout
    copy.unlink()
    copy.mkdir()
    for each in installed.iterdir():
        if each.name not in ("_version.py", "__pycache__"):
            (copy / each.name).symlink_to(each)
    version = "__version__ = '99.1.0'\nversion = __version__\n__version_tuple__ = (99, 1, 0)\n"
    (copy / "_version.py").write_text(version)
    done = run(arguments, path=str(copy.parent))
    assert (done.returncode, done.stderr) == (0, "")
    assert "note     urllib3: version 99.1.0 is not loaded the short way" in done.stdout
    assert run([*arguments, "--strict"], path=str(copy.parent)).returncode == 0


UNREADABLE = ["check", "check --probe", "endpoints", "migrate", "query", "query --direct", "edit"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("name", UNREADABLE)
def test_unreadable_file(tmp_path: Path, name: str) -> None:
    """An ordinary user is told what may not be read."""
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    (tmp_path / "config.json").chmod(0o600)
    done = run(COMMANDS[name], user=65534, group=65534, extra_groups=[])
    assert done.returncode not in (0, 2)
    said = done.stdout + done.stderr
    assert "Traceback" not in said
    assert "Permission denied" in said


def test_interrupted() -> None:
    """Ctrl-C while `check` waits for a backend: no traceback, and status 130."""
    asked = threading.Event()

    def silent(connection: Connection) -> None:
        asked.set()
        connection.backend.stopping.wait(60)

    with ScriptedBackend(silent) as backend:
        document = {"endpoints": [entry(target=backend.url(), request_timeout=60_000)]}
        Path("config.json").write_text(json.dumps(document))
        arguments = command("check", "--probe", "--config=config.json")
        pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
        # A shell starts what runs in the background with Ctrl-C ignored, and that is inherited.
        pipes["preexec_fn"] = lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
        with subprocess.Popen(arguments, **pipes) as process:
            assert asked.wait(60)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, b"")
