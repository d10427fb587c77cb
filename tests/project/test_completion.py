# SPDX-License-Identifier: MIT
"""What the shells complete is what the command has, and what it takes.

Words that come from elsewhere (config.json, main.cf, the journal, the queue) arrive as they are,
and nothing in them is evaluated. Which words the command gives: tests/blackbox/admin/
test_completion.py and tests/postfix/test_completion.py.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.activation import package_parent
from harness.command_line import options_of, subcommands
from harness.programs import program
from harness.shells import COMPLETIONS, Completed, bash, fish, zsh
from postfix_rest_inetd.admin.ask.question import DEFAULTS
from postfix_rest_inetd.admin.checks import parts
from postfix_rest_inetd.admin.cli import COMMANDS
from postfix_rest_inetd.admin.migration.main_cf import PURPOSES
from postfix_rest_inetd.admin.statistics import groups, times
from postfix_rest_inetd.model import MODES

SHELLS = {"bash": bash, "zsh": zsh, "fish": fish}
Complete = Callable[..., set[str]]
"""Called with the words behind `postfix-rest-inetd`, the last of which is to be completed."""
Press = Callable[..., list[Completed]]
"""Called with lines behind `postfix-rest-inetd `, at the end of each of which Tab is pressed."""

COMMAND = "postfix-rest-inetd "
MAIN_CF = """\
compatibility_level = 3.6
virtual_alias_maps = socketmap:inet:127.0.0.1:9002:alias
virtual_mailbox_maps = socketmap:inet:127.0.0.1:9002:mailbox
virtual_mailbox_domains = proxy:tcp:127.0.0.1:9001
relay_domains = tcp:127.0.0.1:9009
relay_recipient_maps = socketmap:inet:127.0.0.1:9009:elsewhere
smtpd_recipient_restrictions = reject_unauth_destination,
    check_policy_service inet:127.0.0.1:9003
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the command can be started, and nothing else of the user's.

    There is a main.cf. The command says with which arguments it is run.
    """
    directory = tmp_path_factory.mktemp("bin")
    command = directory / "postfix-rest-inetd"
    command.write_text(
        f"""#!/bin/sh
[ "$1" = __complete ] || {{ printf '%s\\0' "$@" >{directory}/arguments; exit; }}
exec {sys.executable} -m postfix_rest_inetd.admin.cli "$@"
"""
    )
    command.chmod(0o755)
    postfix = directory / "etc"
    postfix.mkdir()
    (postfix / "main.cf").write_text(MAIN_CF)
    (postfix / "master.cf").touch()
    return {
        "PATH": f"{directory}{os.pathsep}{os.defpath}:/usr/sbin",
        "PYTHONPATH": str(package_parent()),
        "LC_ALL": "C.UTF-8",
        "MAIL_CONFIG": str(postfix),
    }


@pytest.fixture(params=SHELLS)
def press(request: pytest.FixtureRequest, tmp_path: Path, environment: dict[str, str]) -> Press:
    """A shell in which Tab is pressed."""
    shell = SHELLS[request.param]
    return lambda *lines: shell([COMMAND + line for line in lines], environment, tmp_path)


@pytest.fixture
def complete(press: Press) -> Complete:
    """A shell that completes."""

    def of_shell(*words: str) -> set[str]:
        (completed,) = press(" ".join(words))
        return completed.offered

    return of_shell


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with an endpoint of each mode."""
    endpoints: list[dict[str, object]] = [
        {"name": name, "target": "http://h/", "auth-token": "t"}
        for name in ("domains", "two words", "decisions")
    ]
    for port, (endpoint, mode) in enumerate(zip(endpoints, MODES, strict=True), 9001):
        endpoint["bind-port"], endpoint["mode"] = port, mode
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"endpoints": endpoints}))
    return path


def test_subcommands(press: Press) -> None:
    """The subcommands are offered, and no others; so are the options without a subcommand."""
    commands, options, begun = press("", "--", "che")
    assert {word for word in commands.offered if not word.startswith("-")} == set(COMMANDS)
    assert options.offered == {"--help", "--version"}
    assert begun.line.strip() == f"{COMMAND}check"


@pytest.mark.parametrize("file", ["_postfix-rest-inetd", "postfix-rest-inetd.fish"])
def test_summaries(file: str) -> None:
    """Beside a subcommand, zsh and fish show what --help says of it."""
    text = COMPLETIONS.joinpath(file).read_text(encoding="utf-8")
    summaries = [summary for _, summary in COMMANDS.values()]
    assert [summary for summary in summaries if f"{summary}'" not in text] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_options(complete: Complete, command: str) -> None:
    """A subcommand's long options are offered, and no others."""
    options = {o for o in options_of(subcommands()[command]) if o.startswith("--")}
    # zsh adds a = to an option with a value itself.
    offered = {word.removesuffix("=") for word in complete(command, "--")}
    assert offered == {*options, "--help"}


def plain(words: set[str]) -> set[str]:
    """Words without the quoting of bash, and without the option that fish repeats."""
    return {re.sub(r"^--[a-z-]+=|\\", "", word) for word in words}


def test_endpoint(press: Press, config: Path) -> None:
    """The endpoints of the configuration that the command line names are offered.

    The answers of a policy endpoint are never stored, so `cache` has none of them.
    """
    lines = [
        f"query --config {config} ",
        f"query --config={config} ",
        f"query -v --config {config} do",
    ]
    lines += [f"cache --config {config} {action} " for action in ("list", "purge")]
    lines += [f"token {action} --config {config} " for action in ("new", "use")]
    offered = [plain(done.offered) for done in press(*lines)]
    all_of_them, again, begun, listed, purged, made, used = offered
    assert all_of_them == again == made == used == {"domains", "two words", "decisions"}
    assert begun == {"domains"}
    assert listed == purged == {"domains", "two words"}


def test_action(press: Press) -> None:
    """What `cache` can do is offered, once; nothing is offered where nothing is known."""
    lines = [
        "cache ",
        "cache --json p",
        "token --no-probe ",
        "cache purge domains ",
        "query domains ",
        "apply ",
        "edit ",
    ]
    # zsh offers options where there is nothing else.
    offered = [{word for word in done.offered if word[0] != "-"} for done in press(*lines)]
    actions, begun, of_tokens, *others = offered
    assert actions == {"list", "purge"}
    assert begun == {"purge"}
    assert of_tokens == {"new", "use"}
    assert others == [set()] * 4


@pytest.mark.parametrize("content", [None, "{"])
def test_no_endpoint(press: Press, tmp_path: Path, content: str | None) -> None:
    """Without a configuration that can be used, nothing is offered, and nothing is said."""
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content)
    (done,) = press(f"query --config {path} ")
    assert done.offered == set()
    assert b"postfix-rest-inetd:" not in done.terminal


def test_main_cf(press: Press, config: Path) -> None:
    """What main.cf calls our endpoints is offered if it was begun; so are the names of its maps."""
    before = f"query --config {config} "
    lines = [f"{before}socketmap:inet:127.0.0.1:9002:a", f"{before}proxy:", f"{before}inet:"]
    lines += [f"{before}'two words' --map ", f"{before}--map ", f"{before}domains --map "]
    lines += [f"cache --config {config} purge two\\ words key --map m"]
    table, proxied, policy, of_it, of_all, of_other, of_cache = press(*lines)
    assert table.line.strip() == f"{COMMAND}{before}socketmap:inet:127.0.0.1:9002:alias"
    assert proxied.line.strip() == f"{COMMAND}{before}proxy:tcp:127.0.0.1:9001"
    assert policy.line.strip() == f"{COMMAND}{before}inet:127.0.0.1:9003"
    assert of_it.offered == of_all.offered == {"alias", "mailbox"}
    assert of_other.offered == set()
    assert of_cache.offered == {"mailbox"}


def test_attributes(press: Press) -> None:
    """The attributes that Postfix sends are offered, and the values of those that have few."""
    lines = [
        "query --attribute ",
        "query --attribute=protocol_s",
        "query --attribute protocol_state=E",
    ]
    lines += ["query --attribute sender="]
    names, begun, states, sender = press(*lines)
    assert names.offered == {f"{name}=" for name in DEFAULTS}
    assert begun.line == f"{COMMAND}query --attribute=protocol_state="
    values = {word.rpartition("=")[2] for word in states.offered}
    assert values == {"EHLO", "ETRN", "END-OF-MESSAGE"}
    assert sender.offered == set()


CHOICES = {
    "stats --by ": set(groups.GROUPS),
    "stats --by=": set(groups.GROUPS),
    "setup --mode ": set(MODES),
    "check --only ": set(parts.PARTS),
    "setup --for ": set(PURPOSES),
}
"""The values of options that have only a few."""


def test_choices(press: Press) -> None:
    """All values of an option that has only a few are offered."""
    offered = [plain(done.offered) for done in press(*CHOICES)]
    assert dict(zip(CHOICES, offered, strict=True)) == CHOICES


def test_lists(press: Press) -> None:
    """Behind a comma, what the list does not have yet is offered."""
    begun, more = press("check --only=config,so", "setup --for alias,domain,")
    assert begun.line.rstrip(" ,") == f"{COMMAND}check --only=config,sockets"
    assert {word.rpartition(",")[2] for word in more.offered} == {*PURPOSES} - {"alias", "domain"}


def test_times(press: Press) -> None:
    """Times are offered, which the command takes; one with blanks is one word."""
    offered, begun = press("trace --since ", "stats --until 1")
    words = plain(offered.offered)
    assert {"today", "yesterday", "-1h", "1 hour ago"} <= words
    for word in words:
        times.parse(word, time.time())
    assert shlex.split(begun.line)[-2:] == ["--until", "1 hour ago"]


def test_nothing(press: Press, tmp_path: Path) -> None:
    """Where a URL or a new name is typed, nothing is offered; above all no file."""
    (tmp_path / "a-file").touch()
    lines = [f"setup --{option}{end}" for option in ("url", "name", "address") for end in " ="]
    assert [done.offered for done in press(*lines, "demo --port ")] == [set()] * 7


FILES = ["check --config ", "setup --token-file=", "stats --state ", "endpoints --output="]
FILES += ["stats --known ", "migrate "]


def test_file(press: Press, tmp_path: Path) -> None:
    """Where a file is wanted, files are offered; where it is a directory, only directories."""
    (tmp_path / "wanted file").touch()
    (tmp_path / "wanted").mkdir()
    for done, line in zip(press(*(f"{line}wanted\\ " for line in FILES)), FILES, strict=True):
        words = shlex.split(done.line.replace("=", " "))
        assert words[-1] == "wanted file", line
    (done,) = press("trace --directory wan")
    assert {word.rstrip("/") for word in done.offered} == {"wanted"}


NAMES = [
    "a'b\"c $(touch EVALUATED) d",
    "b`touch EVALUATED`",
    "c:d=e@f:g h",
    "d\\back\\\\slash",
    "e*?[x]{y,z}~",
    "f;touch EVALUATED|x&<>",
    "h#é",
    "i%s%n",
]
"""Names that mean something else to a shell unless they are quoted, each with a first letter."""


def arguments_of(shell: str, line: str, environment: dict[str, str], directory: Path) -> list[str]:
    """What the command gets if a shell runs the line."""
    (Path(environment["PATH"].partition(":")[0]) / "arguments").unlink(missing_ok=True)
    command = [program(shell), "-c", line]
    subprocess.run(command, env=environment, cwd=directory, timeout=60, check=True)
    told = Path(environment["PATH"].partition(":")[0]) / "arguments"
    return told.read_text().split("\0")[:-1]


@pytest.mark.parametrize("shell", SHELLS)
def test_arrives(shell: str, environment: dict[str, str], tmp_path: Path) -> None:
    """Whatever is in a name, it is offered as one word, which arrives as it is."""
    endpoints = [
        {"name": name, "mode": "tcp-lookup", "target": "http://h/", "auth-token": "t"}
        | {"bind-port": port}
        for port, name in enumerate(NAMES, 9001)
    ]
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"endpoints": endpoints}))
    lines = [f"{COMMAND}query --config {path} {name[0]}" for name in NAMES]
    lines += [
        f"{COMMAND}query --config {path} c:d=",
        f"{COMMAND}query --config {path} c:d\\=e@f:g\\ ",
    ]
    if shell != "fish":  # which says what it offers, but not what becomes of a quoted word
        lines += [f'{COMMAND}query --config {path} "{name[0]}' for name in NAMES]
        lines += [f"{COMMAND}query --config {path} '{name[0]}" for name in NAMES if "'" not in name]
    for line, done in zip(lines, SHELLS[shell](lines, environment, tmp_path), strict=True):
        begin = line.split(" ")[-1] if "\\" not in line else "c"
        (name,) = [each for each in NAMES if each[0] == begin.strip("\"'")[0]]
        found = arguments_of(shell, done.line, environment, tmp_path)
        assert found == ["query", "--config", str(path), name], line
    assert not (tmp_path / "EVALUATED").exists()


LINES = [
    "'a[$(touch EVALUATED)]' ",
    "query --config '$(touch EVALUATED)' ",
    "query --config `touch EVALUATED` ",
    "query 'a[$(touch EVALUATED)]' --map ",
    "query --attribute '$(touch EVALUATED)",
    "trace '$(touch EVALUATED)",
    "cache $((EVALUATED=1)) ",
]
"""Lines that nobody has run yet. Tab in zsh expands a command in the last word, for any program."""


def test_typed(press: Press, tmp_path: Path) -> None:
    """What was typed is not evaluated before Enter is pressed, and nothing is said about it."""
    for line, done in zip(LINES, press(*LINES), strict=True):
        assert not (tmp_path / "EVALUATED").exists(), line
        said = done.terminal.decode().replace(line, "")
        assert not re.search("postfix.rest.inetd.*: |: line |not found|EVALUATED:", said), line


def test_bash_finds_it(environment: dict[str, str], tmp_path: Path) -> None:
    """bash-completion loads the file by the name that it has."""
    directory = tmp_path / "completions"
    directory.mkdir()
    (directory / "postfix-rest-inetd.bash").symlink_to(COMPLETIONS / "postfix-rest-inetd.bash")
    library = Path("/usr/share/bash-completion/bash_completion")
    if not library.exists():
        give_up = pytest.fail if os.environ.get("CI") == "true" else pytest.skip
        give_up("bash-completion is not installed")
    script = 'source "$1"; _completion_loader postfix-rest-inetd; complete -p postfix-rest-inetd'
    command = ["bash", "--norc", "-c", script, "bash", str(library)]
    variables = {**environment, "BASH_COMPLETION_USER_DIR": str(tmp_path)}
    shown = subprocess.check_output(command, env=variables, text=True, timeout=60)
    assert shown == "complete -F _postfix_rest_inetd postfix-rest-inetd\n"


def test_shellcheck() -> None:
    """The file for bash, which has no first line that names a shell, passes shellcheck too."""
    command = [program("shellcheck"), str(COMPLETIONS / "postfix-rest-inetd.bash")]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert (done.stdout, done.returncode) == ("", 0)
