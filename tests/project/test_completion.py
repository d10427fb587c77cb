# SPDX-License-Identifier: MIT
"""What the shells complete is what the command has: its subcommands, options, endpoints, files."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.command_line import options_of, subcommands
from harness.programs import program
from harness.shells import COMPLETIONS, bash, fish, zsh
from postfix_rest_inetd.admin.cli import COMMANDS

Complete = Callable[..., set[str]]
"""Called with the words behind `postfix-rest-inetd`, the last of which is to be completed."""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """An environment in which the command can be started, and nothing else of the user's."""
    directory = tmp_path_factory.mktemp("bin")
    command = directory / "postfix-rest-inetd"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m postfix_rest_inetd.admin.cli "$@"\n')
    command.chmod(0o755)
    return {"PATH": f"{directory}{os.pathsep}{os.defpath}", "LC_ALL": "C.UTF-8"}


@pytest.fixture(params=["bash", "zsh", "fish"])
def complete(
    request: pytest.FixtureRequest, tmp_path: Path, environment: dict[str, str]
) -> Complete:
    """A shell that completes."""

    def of_shell(*words: str) -> set[str]:
        line = ["postfix-rest-inetd", *words]
        here = {**environment, "HOME": str(tmp_path)}
        if request.param == "zsh":
            return zsh(line, here, tmp_path)
        return (bash if request.param == "bash" else fish)(line, here)

    return of_shell


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A configuration with two endpoints."""
    endpoints = [
        {"name": name, "mode": "tcp-lookup", "target": "http://h/", "auth-token": "t"}
        for name in ("domains", "two words")
    ]
    for port, endpoint in enumerate(endpoints, 9001):
        endpoint["bind-port"] = port
    path = tmp_path / "config.json"
    path.write_text(json.dumps({"endpoints": endpoints}))
    return path


def test_subcommands(complete: Complete) -> None:
    """The subcommands are offered, and no others."""
    assert {word for word in complete("") if not word.startswith("-")} == set(COMMANDS)


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


def unquoted(words: set[str]) -> set[str]:
    """Words as they would be without the shell's quoting."""
    return {word.replace("\\", "") for word in words}


NAMING = [["query"], ["cache", "list"], ["cache", "purge"]]
"""The words behind which there may be the name of an endpoint."""


@pytest.mark.parametrize("words", NAMING, ids=" ".join)
def test_endpoint(complete: Complete, config: Path, words: list[str]) -> None:
    """The endpoints of the configuration that the command line names are offered."""
    command, *arguments = words
    offered = unquoted(complete(command, "--config", str(config), *arguments, ""))
    assert offered == {"domains", "two words"}
    assert complete(*words, "--config", str(config), "do") == {"domains"}


def test_action(complete: Complete) -> None:
    """What `cache` can do is offered, once."""
    assert complete("cache", "") == {"list", "purge"}
    assert complete("cache", "--json", "p") == {"purge"}
    assert complete("cache", "purge", "domains", "") == set()


@pytest.mark.parametrize("content", [None, "{"])
def test_no_endpoint(complete: Complete, tmp_path: Path, content: str | None) -> None:
    """Without a configuration that can be used, nothing is offered, and nothing is said."""
    path = tmp_path / "other.json"
    if content is not None:
        path.write_text(content)
    assert complete("query", "--config", str(path), "") == set()


def test_file(complete: Complete, config: Path) -> None:
    """The value of --config is a file."""
    (offered,) = complete("check", "--config", str(config)[:-3])
    assert Path(offered).name == config.name


def test_bash_equals_sign(environment: dict[str, str], config: Path) -> None:
    """Bash splits `--config=FILE` into three words."""
    words = ["postfix-rest-inetd", "check", "--config", "=", str(config)[:-3]]
    assert bash(words, environment) == {str(config)}


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
