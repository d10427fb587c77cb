# SPDX-License-Identifier: MIT
"""Every command in every kind of trouble: the shape of what it says, and its exit status.

The rows are cli.COMMANDS, so a new command is covered as soon as it stands there. The situations
are real ones: no room for the output, no standard output at all, a Python module that is not
installed, files that an ordinary user may not read.
"""

from __future__ import annotations

import fcntl
import importlib.util
import json
import os
import re
import resource
import select
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from harness.command_line import options_of, subcommands
from harness.endpoints import raw_endpoint
from harness.other_user import skip_unless_python_is_for_everybody
from harness.scripted_backend import Connection, ScriptedBackend
from postfix_rest_inetd.admin import cli

CONFIG = "config.json"
PARSERS = subcommands()

ARGUMENTS = {
    "new|use": "new",
    "ENDPOINT": "example",
    "KEY": "x",
    "FILE": CONFIG,
    "SUBJECT": "a@example.org",
}
"""What stands for an argument of a command, by the name that its --help gives to it."""

FURTHER = {
    "apply": ["--dry-run"],
    "cache": ["--cache-directory=."],
    "demo": ["--once"],
    "setup": "--dry-run --no-probe --mode=policy --url=http://127.0.0.1:1/ --no-token".split(),
}
"""Without which a command would not end, or would look elsewhere on the machine."""

WITHOUT_ARGUMENTS = ("cache",)
"""What does something else without its arguments."""

STATUSES = {"query": 75}
"""What a command exits with when it cannot do its work, where that is not 1."""

UNSEEN = {"status": 77}
"""What a command exits with that is right without what may not be read."""

ALARMS = {"stats": 3}
"""What a command exits with if more has failed than an option allows."""

DO_NOT_NEED_A_CONFIGURATION = {
    "check": "tells the problems of a configuration as findings, with status 1",
    "edit": "is what a configuration is corrected with",
    "status": "shows the problems of a configuration as findings, with status 1",
    "setup": "makes one where there is none; a broken one is in test_setup.py",
}

REFUSE_A_BROKEN_ONE = ("setup",)
"""Which of these have the exit status of a configuration with errors all the same."""

NEED_SYSTEMD = {"apply": "works on the installed configuration only: integration/test_apply.py"}
FIND_NOTHING = {"trace": "needs a journal with mails: test_trace.py"}
"""What has nothing to print here."""
NEED_A_TOKEN_FILE = {"token": "does nothing for another endpoint: test_token.py"}


def line_of(command: str) -> list[str]:
    """A command line that is right, for a configuration in the working directory."""
    parser = PARSERS[command]
    options = options_of(parser)
    words = [command, *FURTHER.get(command, [])]
    words += [f"--config={CONFIG}"] * ("--config" in options)
    words += ["--directory=."] * ("--directory" in options)
    arguments = [action for action in parser._actions if not action.option_strings]
    if command in WITHOUT_ARGUMENTS:
        return words
    return words + [ARGUMENTS[action.metavar] for action in arguments]


LINES = {command: line_of(command) for command in cli.COMMANDS}
VARIANTS = {
    **{
        c: line
        for c, line in LINES.items()
        if c not in {*NEED_SYSTEMD, *FIND_NOTHING, *NEED_A_TOKEN_FILE}
    },
    "cache list": ["cache", "list", "example", "--cache-directory=.", f"--config={CONFIG}"],
    "cache purge": ["cache", "purge", "--cache-directory=."],
    "check --json": [*LINES["check"], "--json"],
    "check --probe": [*LINES["check"], "--probe"],
    "query --direct": [*LINES["query"], "--direct"],
    "stats --json": [*LINES["stats"], "--json"],
    "check --help": ["check", "--help"],
    "--version": ["--version"],
    "no arguments": [],
}
READERS = {
    c: line
    for c, line in LINES.items()
    if any(CONFIG in word for word in line) and c not in FIND_NOTHING
}
WRITERS = {c: line for c, line in LINES.items() if "--output" in options_of(PARSERS[c])}


def rows(lines: dict[str, list[str]]) -> pytest.MarkDecorator:
    """A test for each of these command lines."""
    return pytest.mark.parametrize("line", lines.values(), ids=lines)


def failed(line: list[str]) -> int:
    """The exit status of a command that cannot do its work."""
    return STATUSES.get(line[0] if line else "", cli.EXIT_FAILED)


def messages(errors: str) -> list[str]:
    """The messages on standard error, each of which is a line that begins with our name."""
    lines = errors.splitlines()
    assert [text for text in lines if not text.startswith("postfix-rest-inetd: ")] == []
    return [text.removeprefix("postfix-rest-inetd: ") for text in lines]


def timeless(output: str) -> str:
    """An output without the times of day."""
    return re.sub(r"\d\d:\d\d:\d\d", "", output)


@pytest.fixture(autouse=True)
def working_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory with a good config.json, of which nobody is asked."""
    (tmp_path / CONFIG).write_text(json.dumps({"endpoints": [raw_endpoint(request_timeout=500)]}))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EDITOR", "true")
    monkeypatch.delenv("PYTHONUNBUFFERED", raising=False)  # operators have output in blocks


def command(*arguments: str) -> list[str]:
    """The command line of an interpreter that has the checkout's modules first."""
    return [sys.executable, "-m", "postfix_rest_inetd.admin.cli", *arguments]


def run(
    arguments: list[str], redirections: str = "", path: str = "", **options: object
) -> subprocess.CompletedProcess[str]:
    """What a command says; REDIRECTIONS are a shell's, PATH comes first for modules."""
    checkout = str(Path(__file__).parents[3])
    modules = os.pathsep.join(filter(None, (path, checkout)))
    line = ["sh", "-c", f'exec "$@" {redirections}', "sh", *command(*arguments)]
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


# -- the command line


@rows(LINES)
def test_usage_error(line: list[str]) -> None:
    """An unknown option: the usage, one message, status 2."""
    done = run([*line, "--no-such-option"])
    usage, name, said = done.stderr.rpartition("postfix-rest-inetd: ")
    assert (done.returncode, done.stdout) == (2, "")
    assert usage.startswith("usage: postfix-rest-inetd ")
    assert name + said == "postfix-rest-inetd: unrecognized arguments: --no-such-option\n"


@pytest.mark.parametrize("arguments", [["frobnicate"], ["--frobnicate"]])
def test_no_command(arguments: list[str]) -> None:
    """With an unknown command, it is the same."""
    done = run(arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].startswith("postfix-rest-inetd: ")


@pytest.mark.parametrize("command", ["", *cli.COMMANDS])
def test_help_fits_the_screen(command: str) -> None:
    """--help has 80 columns at most, and names the exit statuses that this file tests."""
    done = run([command, "--help"] if command else ["--help"])
    assert (done.returncode, done.stderr) == (0, "")
    assert [text for text in done.stdout.splitlines() if len(text) > 80] == []
    if command:
        told = done.stdout.partition("\nexit status:\n")[2]
        statuses = {0, 2, 130, failed([command])}
        statuses |= {table[command] for table in (UNSEEN, ALARMS) if command in table}
        needs_one = command in READERS and command not in DO_NOT_NEED_A_CONFIGURATION
        if needs_one or command in NEED_SYSTEMD or command in REFUSE_A_BROKEN_ONE:
            statuses.add(cli.EXIT_CONFIG)
        explained = {int(status) for status in re.findall(r"^  (\d+) ", told, re.MULTILINE)}
        assert (statuses - explained, explained - statuses - {1}) == (set(), set())


# -- the output


@rows(VARIANTS)
def test_closed_output(line: list[str]) -> None:
    """Without a standard output, nothing is said, and the exit status is as ever."""
    expected = run(line)
    done = run(line, ">&-")
    assert (done.returncode, done.stdout, done.stderr) == (
        *(expected.returncode, "", expected.stderr),
    )


@rows(READERS)
def test_closed_errors(line: list[str]) -> None:
    """Messages do not go to standard output where there is no standard error."""
    Path(CONFIG).unlink()
    expected = run(line)
    done = run(line, "2>&-")
    assert (done.returncode, timeless(done.stdout), done.stderr) == (
        *(expected.returncode, timeless(expected.stdout), ""),
    )


@rows(VARIANTS)
def test_no_room_for_the_output(line: list[str]) -> None:
    """A full disk is told in one sentence."""
    done = run(line, ">/dev/full")
    told = ["the output cannot be written: No space left on device"]
    assert (messages(done.stderr), done.returncode) == (told, failed(line))


@rows(VARIANTS)
def test_nobody_reads_on(line: list[str]) -> None:
    """As in `... | head -1`: it ends without a word."""
    ours, theirs = os.pipe()
    os.close(ours)
    given = {"stdout": theirs, "stderr": subprocess.PIPE, "timeout": 60}
    done = subprocess.run(command(*line), check=False, **given)
    os.close(theirs)
    assert (done.stderr, done.returncode) == (b"", failed(line))


@rows(WRITERS)
def test_no_place_for_a_file(line: list[str]) -> None:
    """A file that cannot be written is named with the reason."""
    done = run([*line, "--output=/nonexistent/x"])
    told = ["/nonexistent/x: No such file or directory"]
    assert (messages(done.stderr), done.returncode, done.stdout) == (told, failed(line), "")


def test_no_room_for_the_copy() -> None:
    """`edit` on a full disk: a sentence, nothing left behind, and the file as it was."""
    before = Path(CONFIG).read_text()

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))

    done = run(["edit", f"--config={CONFIG}"], preexec_fn=limit)
    assert done.returncode == 1
    (told,) = messages(done.stderr)
    assert told.startswith("config.json cannot be edited: ")
    assert os.listdir() == [CONFIG]
    assert Path(CONFIG).read_text() == before


# -- the configuration

UNUSABLE = {
    "missing": (None, ["config.json: cannot be read: No such file or directory"]),
    "no JSON": ('{"endpoints": [', ["config.json:1:16: "]),
    "several problems": (
        '{"endpoints": [\n {"name": "e", "mode": "policy", "target": 1, "bind-port": 0}\n]}',
        [
            "config.json:2:2: $.endpoints[0].auth-token: ",
            "config.json:2:34: $.endpoints[0].target: ",
            "config.json:2:47: $.endpoints[0].bind-port: ",
        ],
    ),
    "no file": ("directory", ["config.json: cannot be read: Is a directory"]),
}


@pytest.mark.parametrize("content, expected", UNUSABLE.values(), ids=UNUSABLE)
@rows({c: line for c, line in READERS.items() if c not in DO_NOT_NEED_A_CONFIGURATION})
def test_unusable_configuration(line: list[str], content: str | None, expected: list[str]) -> None:
    """Status 78, a message for each problem with its place, and nothing on standard output."""
    Path(CONFIG).unlink()
    if content == "directory":
        Path(CONFIG).mkdir()
    elif content is not None:
        Path(CONFIG).write_text(content)
    done = run(line)
    told = messages(done.stderr)
    assert (done.returncode, done.stdout) == (78, "")
    assert all(text.startswith(begin) for text, begin in zip(told, expected, strict=False)), told
    # `migrate` may add an advice.
    assert len(expected) <= len(told) <= len(expected) + (line[0] == "migrate")


def test_check_of_an_unusable_configuration() -> None:
    """For `check`, the problems are what it was asked for: findings, with status 1."""
    Path(CONFIG).write_text("{")
    done = run(LINES["check"])
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout.startswith("error    config.json:1:2: ")


NAMED = {
    **READERS,
    "stats --known": [*LINES["stats"], "--prometheus", f"--known={CONFIG}"],
    "stats --state": [*LINES["stats"], "--prometheus", f"--state={CONFIG}"],
}
"""Command lines with a file that is read."""


def naming(name: str, path: str) -> list[str]:
    """A command line with PATH for the file that it reads."""
    return [word.replace(CONFIG, path) for word in NAMED[name]]


@pytest.mark.parametrize("path", ["fifo", "/dev/zero", "/dev/stdin"])
@pytest.mark.parametrize("name", NAMED)
def test_no_regular_file(tmp_path: Path, name: str, path: str) -> None:
    """What may have no end is not read; `/dev/stdin` is /dev/null here."""
    if path == "fifo":
        os.mkfifo("fifo")
    elif "--state" in name:
        (tmp_path / "state").symlink_to(path)
        path = "state"
    done = run(naming(name, path))
    is_config = name in READERS and name not in DO_NOT_NEED_A_CONFIGURATION
    assert done.returncode == (cli.EXIT_CONFIG if is_config else cli.EXIT_FAILED)
    messages(done.stderr)
    assert "not a regular file" in done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMED)
def test_a_read_that_fails(name: str) -> None:
    """An error of read(2), which does not tell the name of a file: it is not one of the output."""
    path = "/proc/self/mem"
    if "--state" in name:
        Path("state").symlink_to(path)
        path = "state"
    done = run(naming(name, path))
    told = done.stdout + done.stderr
    assert path in told
    assert "Input/output error" in told
    assert "output cannot be written" not in told


@pytest.mark.skipif(not os.access("/proc/kmsg", os.R_OK), reason="/proc/kmsg cannot be read here")
@rows(READERS)
def test_file_that_waits(line: list[str]) -> None:
    """A regular file of /proc that blocks its readers."""
    path = "/proc/kmsg"
    done = run([word.replace(CONFIG, path) for word in line])
    assert done.returncode != 0 or line[0] == "edit"
    messages(done.stderr)


@rows(READERS)
def test_no_working_directory(tmp_path: Path, line: list[str]) -> None:
    """A relative path, and the working directory was removed."""
    gone = tmp_path / "gone"
    gone.mkdir()
    os.chdir(gone)
    gone.rmdir()
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])}
    done = subprocess.run(
        command(*line), capture_output=True, text=True, timeout=60, check=False, env=environment
    )
    assert done.returncode in (cli.EXIT_FAILED, cli.EXIT_CONFIG)
    assert len(messages(done.stderr)) == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@rows(READERS)
def test_unreadable_file(tmp_path: Path, line: list[str]) -> None:
    """An ordinary user is told what may not be read."""
    skip_unless_python_is_for_everybody()
    for directory in (tmp_path, *tmp_path.parents[:2]):
        directory.chmod(0o755)
    (tmp_path / CONFIG).chmod(0o600)
    done = run(line, user=65534, group=65534, extra_groups=[])
    if line[0] == "cache":  # the directory matters first
        told = [".: only root may use it; run this as root"]
        assert (messages(done.stderr), done.returncode) == (told, cli.EXIT_FAILED)
        return
    expected = cli.EXIT_FAILED if line[0] in DO_NOT_NEED_A_CONFIGURATION else cli.EXIT_CONFIG
    assert done.returncode == UNSEEN.get(line[0], expected)
    messages(done.stderr)
    assert "Permission denied" in done.stdout + done.stderr


# -- modules that are missing

MODULES = {"urllib3": {"query --direct"}, "systemd": {"stats", "stats --json"}}
"""Which command lines cannot do without a module."""


@pytest.mark.parametrize("module", MODULES)
@rows(VARIANTS)
def test_missing_module(tmp_path: Path, module: str, line: list[str]) -> None:
    """A module that is not installed is told by those who need it, and missed by nobody else."""
    expected = run(line)
    (tmp_path / f"{module}.py").write_text(f"raise ModuleNotFoundError('no', name='{module}')\n")
    done = run(line, path=str(tmp_path))
    told = messages(done.stderr)
    (name,) = [name for name, each in VARIANTS.items() if each == line]
    if name in MODULES[module]:
        assert (done.returncode, len(told)) == (failed(line), 1)
        assert module in told[0]
    elif name == "cache" or name.startswith(("check", "demo")):  # which tell it in their own ways
        assert "Traceback" not in done.stdout
    else:
        assert (done.returncode, done.stderr) == (expected.returncode, expected.stderr)


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


# -- Ctrl-C


INTERRUPTED_ELSEWHERE = {
    **NEED_SYSTEMD,
    **FIND_NOTHING,
    **NEED_A_TOKEN_FILE,
    "demo": "test_demo.py, test_early_end",
    "edit": "Ctrl-C goes to the editor",
    "query": "below, while it waits",
    "setup": "test_setup.py, at a question: what it writes has room in a pipe",
    "stats": "test_stats.py, --follow",
}


def started(arguments: list[str], stdout: int) -> subprocess.Popen[bytes]:
    """A command that Ctrl-C will reach.

    A shell starts what runs in the background with Ctrl-C ignored, and that is inherited.
    """
    return subprocess.Popen(
        command(*arguments),
        stdout=stdout,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),  # noqa: PLW1509
    )


@rows({c: line for c, line in LINES.items() if c not in INTERRUPTED_ELSEWHERE})
def test_interrupted(line: list[str]) -> None:
    """Ctrl-C while nobody reads what a command writes: no traceback, and status 130."""
    endpoints = [raw_endpoint(name=f"endpoint-{n}", bind_port=10000 + n) for n in range(300)]
    Path(CONFIG).write_text(json.dumps({"endpoints": endpoints}))
    ours, theirs = os.pipe()
    fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, 4096)  # less than what it writes
    with started(line, theirs) as process:
        os.close(theirs)
        assert select.select([ours], [], [], 60)[0]
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    os.close(ours)
    assert (process.returncode, errors) == (130, b"")


@rows({name: VARIANTS[name] for name in ("check --probe", "query --direct")})
def test_interrupted_while_a_backend_is_asked(line: list[str]) -> None:
    """The same while a backend is silent."""
    asked = threading.Event()

    def silent(connection: Connection) -> None:
        asked.set()
        connection.backend.stopping.wait(60)

    with ScriptedBackend(silent) as backend:
        document = {"endpoints": [raw_endpoint(target=backend.url(), request_timeout=60_000)]}
        Path(CONFIG).write_text(json.dumps(document))
        with started(line, subprocess.PIPE) as process:
            assert asked.wait(60)
            process.send_signal(signal.SIGINT)
            _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, b"")


def test_interrupted_while_a_handler_is_asked() -> None:
    """The same while a handler is silent."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        document = {"endpoints": [raw_endpoint(bind_port=listener.getsockname()[1])]}
        Path(CONFIG).write_text(json.dumps(document))
        with started(LINES["query"], subprocess.PIPE) as process:
            listener.settimeout(60)
            connection, _ = listener.accept()
            with connection:
                assert connection.recv(100) == b"get x\n"
                process.send_signal(signal.SIGINT)
                _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (130, b"")
