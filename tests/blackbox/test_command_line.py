# SPDX-License-Identifier: MIT
"""The command line of the handler: help and version on stdout, mistakes on stderr, status 64."""

from __future__ import annotations

import importlib.metadata
import re

import pytest

from harness.handler_process import endpoint, run, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, REQUEST
from harness.scripted_backend import answer

EX_USAGE = 64


def test_help():
    """--help names every option, on stdout, and needs no connection."""
    result = run("--help")
    assert (result.returncode, result.stderr) == (0, b"")
    for option in ("--config", "--mode", "--endpoint", "--help", "--version", *MODES):
        assert option.encode() in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.decode().splitlines())


def test_version():
    """--version is one line with name and version on stdout."""
    result = run("--version")
    assert (result.returncode, result.stderr) == (0, b"")
    match = re.fullmatch(rb"postfix-rest-inetd (\d+\.\d+\.\d+\S*)\n", result.stdout)
    assert match
    try:
        installed = importlib.metadata.version("postfix-rest-inetd")
    except importlib.metadata.PackageNotFoundError:
        return  # a checkout; where it is installed, both must agree
    assert match[1].decode() == installed


@pytest.mark.parametrize("first", ["--config=/nowhere", "--mode=policy"])
@pytest.mark.parametrize("option", ["--help", "--version"])
def test_help_and_version_behind_other_options(first, option):
    """They do what they say wherever they stand."""
    assert run(first, option).stdout == run(option).stdout


MISTAKES = [
    ("an unknown option", ["--nonsense"], "--nonsense"),
    ("an unknown option with a value", ["--nonsense=1"], "--nonsense"),
    ("an unknown short option", ["-x"], "-x"),
    ("a misspelt option", ["--confg", "x"], "--confg"),
    ("an abbreviated option", ["--conf", "x"], "--conf"),
    ("an extra argument", ["policy"], "policy"),
    ("an extra argument behind options", ["--mode", "policy", "x"], "x"),
    ("an empty argument", [""], ""),
    ("no value", ["--config"], "--config"),
    ("no value for the last option", ["--config", "x", "--mode"], "--mode"),
    ("an empty value", ["--mode="], "--mode"),
    ("an unknown mode", ["--mode", "imap"], "--mode"),
    ("a value for --help", ["--help=x"], "--help"),
    ("no --endpoint, and stdin is no socket", ["--config", "/nowhere"], "--endpoint"),
]


@pytest.mark.parametrize("arguments, told", [m[1:] for m in MISTAKES], ids=[m[0] for m in MISTAKES])
def test_mistakes(arguments, told):
    """A wrong command line is told on stderr, in one line that names it, with status 64."""
    result = run(*arguments)
    assert (result.returncode, result.stdout) == (EX_USAGE, b"")
    assert told.encode() in result.stderr
    assert result.stderr.count(b"\n") == 1
    assert b"Traceback" not in result.stderr


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("joined", [True, False], ids=["--option=value", "--option value"])
def test_both_spellings(tmp_path, backend, launch, mode, joined):
    """--option=value is --option value, and a mode may be written in any letter case."""
    backend.script(answer(200, FOUND_BODY[mode]))
    config = write_config(tmp_path, endpoint(mode, backend.url(), name="a=b"))
    pairs = [("--config", config), ("--mode", mode.upper()), ("--endpoint", "a=b")]
    arguments = [
        part for pair in pairs for part in ([f"{pair[0]}={pair[1]}"] if joined else map(str, pair))
    ]
    assert launch(*arguments).ask(mode, REQUEST[mode]) == FOUND[mode]
