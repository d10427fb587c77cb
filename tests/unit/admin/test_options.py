# SPDX-License-Identifier: MIT
"""An option means the same in all commands, and so does an exit status."""

from __future__ import annotations

import argparse
import re
from collections import defaultdict

import pytest

from harness.command_line import subcommands
from postfix_rest_inetd.admin.cli import COMMANDS, _module, parser

LONG_AND_SHORT = {
    "--dry-run": "-n",
    "--help": "-h",
    "--quiet": "-q",
    "--verbose": "-v",
    "--yes": "-y",
}
"""As apt-get(8), certbot(1), grep(1) and rsync(1) have them; no other option has a letter."""

REPORTS = {"cache", "check", "endpoints", "query", "stats", "status", "trace"}
"""Commands whose output is a report that programs read."""
CHANGING = {"apply", "cache", "setup"}
"""Commands that change something without an editor in which one could still change one's mind."""
SHARED = {0, 1, 2, 78, 130}
"""Exit statuses of many commands."""


def options() -> dict[str, dict[str, argparse.Action]]:
    """By the long form of an option, the commands that have it, and what it is there."""
    found: dict[str, dict[str, argparse.Action]] = defaultdict(dict)
    for command, each in subcommands().items():
        for action in each._actions:
            if action.option_strings:
                found[action.option_strings[-1]][command] = action
    return found


def test_same_text() -> None:
    """What several commands have has one text, one kind of value, and one default."""
    several = {name: by for name, by in options().items() if len(by) > 1}
    assert {"--config", "--since", "--until", "--json", "--yes", "--dry-run"} <= set(several)
    for name, by_command in several.items():
        kinds = {(a.help, a.metavar, a.nargs, a.const, a.default) for a in by_command.values()}
        assert len(kinds) == 1, name


def test_same_arguments() -> None:
    """Neither does an argument differ, such as ENDPOINT; KEY is only for one of the actions."""
    helps = defaultdict(set)
    for each in subcommands().values():
        for action in each._actions:
            if not action.option_strings and action.metavar != "KEY":
                helps[action.metavar].add(action.help)
    assert [metavar for metavar, texts in helps.items() if len(texts) > 1] == []


def test_letters() -> None:
    """A letter belongs to one option, and all commands that have the option have its letter."""
    for name, by_command in options().items():
        wanted = [LONG_AND_SHORT[name], name] if name in LONG_AND_SHORT else [name]
        for command, action in by_command.items():
            assert action.option_strings == wanted, command


@pytest.mark.parametrize("option, commands", [("--json", REPORTS), ("--dry-run", CHANGING)])
def test_who_has_it(option: str, commands: set[str]) -> None:
    """A report can be had as JSON, and what would be changed can be seen first."""
    assert set(options()[option]) == commands


def test_config_is_last() -> None:
    """What one hardly ever needs is at the end of --help."""
    for command, each in subcommands().items():
        names = [action.option_strings[-1] for action in each._actions if action.option_strings]
        if "--config" in names:
            assert names[-1] == "--config", command


def test_help_says_something() -> None:
    """Each option and argument of each command has a text, which is no sentence."""
    for each in subcommands().values():
        for action in each._actions:
            text = action.help or ""
            assert text, action
            assert not text.endswith("."), action


def test_exit_statuses() -> None:
    """A status that is not for all has one meaning, and belongs to one command."""
    owners = defaultdict(set)
    for command in COMMANDS:
        for status, meaning in _module(command).EXIT_STATUS.items():
            assert meaning
            if status not in SHARED:
                owners[status].add(command)
    assert owners == {3: {"stats"}, 75: {"query"}, 77: {"status"}}


@pytest.mark.parametrize("columns", [60, 80])
def test_width(columns: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """--help fits the screen, except for commands that one may want to copy."""
    monkeypatch.setenv("COLUMNS", str(columns))
    for command, each in subcommands().items():
        _, _, text = each.format_help().partition("\n\n")  # without the usage
        before, _, after = text.partition("\nexamples:\n")
        rest = after.partition("\n\n")[2]
        long = [line for line in f"{before}\n{rest}".splitlines() if len(line) > columns]
        assert long == [], command


def test_commands_in_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """The list of commands has one line for each: its name and its summary."""
    monkeypatch.setenv("COLUMNS", "80")
    lines = parser([]).format_help().splitlines()
    for command, (_, summary) in COMMANDS.items():
        begin = rf"    {command} +{re.escape(summary)}"
        assert [line for line in lines if re.fullmatch(begin, line)], command
