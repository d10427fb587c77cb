# SPDX-License-Identifier: MIT
"""The command line of the handler."""

from __future__ import annotations

import os
import socket
import subprocess
import sys

import pytest

import postfix_rest_inetd
from harness.modes import MODES
from harness.wire import table
from postfix_rest_inetd import __main__ as entry_point
from postfix_rest_inetd.__main__ import UsageError, _cache_directory, _parse

ENDPOINT = {"--endpoint": "x"}

GOOD = {
    "an endpoint": (["--endpoint", "x"], ENDPOINT),
    "in one word": (["--endpoint=x"], ENDPOINT),
    "an equals sign in the value": (["--endpoint=a=b"], {"--endpoint": "a=b"}),
    "the last one counts": (["--endpoint=a", "--endpoint=x"], ENDPOINT),
    "a value that looks like an option": (["--endpoint", "--mode"], {"--endpoint": "--mode"}),
    "everything": (
        ["--config", "/x", "--mode", "policy", "--endpoint", "x", "--cache-directory", "/c"],
        {"--config": "/x", "--mode": "policy", **ENDPOINT, "--cache-directory": "/c"},
    ),
    "a mode in any letter case": (
        ["--mode=TCP-Lookup", "--endpoint=x"],
        {"--mode": "tcp-lookup", **ENDPOINT},
    ),
    "help": (["--help"], {"--help": ""}),
    "version": (["--version"], {"--version": ""}),
    "help, whatever follows": (["--mode", "policy", "--help", "--foo"], {"--help": ""}),
}

BAD = {
    "an unknown option": (["--foo"], "'--foo' is not an option"),
    "its value is not repeated": (["--token=s3cret"], "'--token' is not an option"),
    "a word": (["x"], "'x' is not an option"),
    "an empty word": ([""], "'' is not an option"),
    "the end of options": (["--"], "'--' is not an option"),
    "an abbreviation": (["--conf=x"], "'--conf' is not an option"),
    "a short option": (["-h"], "'-h' is not an option"),
    "help with a value": (["--help=x"], "'--help' is not an option"),
    "no value": (["--config"], "--config needs a value"),
    "an empty value": (["--config="], "--config needs a value"),
    "an empty value of its own": (["--endpoint", ""], "--endpoint needs a value"),
    "an unknown mode": (
        ["--endpoint=x", "--mode=tcp"],
        f"--mode is one of {', '.join(MODES)}",
    ),
    "a relative directory": (
        ["--endpoint=x", "--cache-directory=cache"],
        "--cache-directory is an absolute path",
    ),
    "no endpoint and no socket": (
        ["--config=/x"],
        "standard input is not a socket, so --endpoint is required",
    ),
}


@pytest.fixture(autouse=True)
def no_socket():
    """Standard input is /dev/null, whatever the tests were started with."""
    saved = os.dup(0)
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.close(null)
    yield
    os.dup2(saved, 0)
    os.close(saved)


@pytest.mark.parametrize("arguments, values", table(GOOD))
def test_good(arguments, values):
    """Options have their values behind = or in the next argument."""
    assert _parse(arguments) == values


@pytest.mark.parametrize("arguments, text", table(BAD))
def test_bad(arguments, text):
    """Whatever is not known is an error that names it."""
    with pytest.raises(UsageError) as raised:
        _parse(arguments)
    assert str(raised.value) == text


@pytest.mark.parametrize(
    "option, variable, directory",
    [
        (None, None, None),
        (None, "", None),
        (None, "/var/cache/a", "/var/cache/a"),
        (None, "/var/cache/a:/var/cache/b", "/var/cache/a"),
        (None, "a", None),
        ("/c", None, "/c"),
        ("/c:d", "/var/cache/a", "/c:d"),
    ],
)
def test_cache_directory(monkeypatch, option, variable, directory):
    """The option counts; otherwise the first directory that systemd passes; otherwise none."""
    monkeypatch.delenv("CACHE_DIRECTORY", raising=False)
    if variable is not None:
        monkeypatch.setenv("CACHE_DIRECTORY", variable)
    assert _cache_directory({} if option is None else {"--cache-directory": option}) == directory


def test_socket():
    """A socket tells the endpoint by itself: nothing is required then."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        os.dup2(ours.fileno(), 0)
        assert _parse([]) == {}


def test_closed_standard_input():
    """A closed standard input is no socket."""
    os.close(0)
    try:
        with pytest.raises(UsageError, match="not a socket"):
            _parse([])
    finally:
        assert os.open(os.devnull, os.O_RDONLY) == 0


def run(*arguments):
    """Exit status, standard output and standard error of the handler."""
    command = [sys.executable, "-m", "postfix_rest_inetd", *arguments]
    done = subprocess.run(
        command, stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False
    )
    return done.returncode, done.stdout, done.stderr


def test_help():
    """The help names every option and exits with 0; so does the version."""
    status, output, errors = run("--help")
    assert (status, errors) == (0, "")
    for word in ("--config", "--mode", "--endpoint", "--help", "--version", "socketmap-lookup"):
        assert word in output
    version = f"postfix-rest-inetd {postfix_rest_inetd.__version__}\n"
    assert run("--version") == (0, version, "")


def test_usage_error():
    """A wrong command line is one line on standard error and exit status 64 (EX_USAGE)."""
    expected = "postfix-rest-inetd: '--foo' is not an option; see --help\n"
    assert run("--foo") == (entry_point.EXIT_USAGE, "", expected)
    assert entry_point.EXIT_USAGE == os.EX_USAGE
    assert entry_point.EXIT_SOFTWARE == os.EX_SOFTWARE


def test_end_of_file_at_once():
    """A client that connects and says nothing costs nothing and is no error."""
    assert run("--endpoint=x", "--config=/nonexistent") == (0, "", "")
