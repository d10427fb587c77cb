# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd __complete`: what shells offer, from real files and a real journal.

What shells make of it is for tests/project/test_completion.py; a real queue and main.cf, for
tests/postfix/test_completion.py.
"""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Collection, Iterator
from pathlib import Path

import pytest

from harness import journald as journald_harness
from harness.activation import package_parent
from harness.journald import Journald
from harness.offered import offered
from postfix_rest_inetd.admin import cli

SEND = """
import json, socket, sys
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("/run/systemd/journal/socket")
for fields in json.loads(sys.argv[1]):
    lines = [f"{name}={value}\\n".encode() for name, value in fields.items()]
    journal.send(b"".join(lines))
"""
REQUEST_ID = "0123456789abcdef" * 2
OURS = {"SYSLOG_IDENTIFIER": "postfix-rest-inetd", "MESSAGE": "x"}
HOSTILE = [
    "$(touch x)@a.example",
    "`touch x`@a.example",
    "-exec@a.example",
    "a;b@a.example",
    "a'b@a.example",
    "\x1b[2J@a.example",
    "\u202egnp@a.example",
    "a b@a.example",
    "~root@a.example",
    "*@a.example",
    "a@a.example\x07",
    "ä@a.example",
]
ENTRIES = [
    {"SYSLOG_IDENTIFIER": "postfix/qmgr", "MESSAGE": "3F2A81C0: from=<a@b.example>, size=1"},
    {
        "SYSLOG_IDENTIFIER": "postfix/smtp",
        "MESSAGE": "3F2A81C0: to=<\x1b[2J@c.example>, relay=none, status=deferred (x)",
    },
    {"SYSLOG_IDENTIFIER": "postfix/smtp", "MESSAGE": "$(touch x): to=<d@c.example>, status=sent"},
    {"SYSLOG_IDENTIFIER": "another", "MESSAGE": "3F2A81C9: to=<forged@c.example>, status=sent"},
    {
        **OURS,
        "POSTFIX_REST_QUEUE_ID": "4dCkzq1RVQz1y",
        "POSTFIX_REST_REQUEST_ID": REQUEST_ID,
        "POSTFIX_REST_OUTCOME": "action",
        "POSTFIX_REST_SENDER": "sender@e.example",
        "POSTFIX_REST_RECIPIENT": "Recipient+x@e.example",
    },
    {**OURS, "POSTFIX_REST_QUEUE_ID": "x; touch y", "POSTFIX_REST_REQUEST_ID": "$(touch x)"},
    *({**OURS, "POSTFIX_REST_SENDER": each, "POSTFIX_REST_RECIPIENT": each} for each in HOSTILE),
]


@pytest.fixture(scope="module")
def journald(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Journald]:
    """A journald that has the entries."""
    with journald_harness.start(tmp_path_factory.mktemp("journald")) as running:
        program = [*running.prefix, sys.executable, "-c", SEND, json.dumps(ENTRIES)]
        subprocess.run(program, check=True, timeout=60)
        running.entries()
        yield running


def of_journal(journald: Journald, typed: str, least: Collection[str] = ()) -> dict[str, str]:
    """What is offered for `trace`."""
    asked = ("subjects", "", typed, "/run/log/journal")
    return offered(*asked, least=least, prefix=tuple(journald.prefix))


def test_subjects(journald: Journald) -> None:
    """Ids and addresses of late are offered, with what became of the mail; nothing hostile is."""
    expected = {
        "4dCkzq1RVQz1y": "action Recipient+x@e.example",
        "3F2A81C0": r"deferred \x1b[2J@c.example",
        "sender@e.example": "address",
        "Recipient+x@e.example": "address",
        "a@b.example": "address",
    }
    assert of_journal(journald, "", least=expected) == expected


def test_begun(journald: Journald) -> None:
    """What was begun is offered, in either case of letters, and only then request ids."""
    for typed, word in (("01", REQUEST_ID), ("recip", "Recipient+x@e.example")):
        assert set(of_journal(journald, typed, least={word})) == {word}
    assert of_journal(journald, "nothing") == {}


def write(directory: Path, *endpoints: dict[str, object]) -> str:
    """A configuration with these endpoints."""
    common = {"mode": "tcp-lookup", "target": "http://h/", "auth-token": "t"}
    document = {"endpoints": [{**common, **each} for each in endpoints]}
    path = directory / "config.json"
    path.write_text(json.dumps(document))
    return str(path)


def test_endpoints(tmp_path: Path) -> None:
    """Names are offered that the command takes, and shows; of namesakes, the addresses."""
    names = ["one", "two", "two", "-f", " blank"]
    config = write(
        tmp_path, *({"name": name, "bind-port": 9001 + n} for n, name in enumerate(names))
    )
    assert offered("endpoints", config) == {
        "one": "tcp-lookup on 127.0.0.1:9001",
        "127.0.0.1:9002": "tcp-lookup, two",
        "127.0.0.1:9003": "tcp-lookup, two",
    }


def test_a_faulty_endpoint(tmp_path: Path) -> None:
    """As in `query`, an endpoint with a problem keeps nobody from asking the others."""
    config = write(
        tmp_path,
        {"name": "one", "bind-port": 9001, "request-timeout": "soon"},
        {"name": "two", "bind-port": 9002},
    )
    assert set(offered("endpoints", config)) == {"one", "two"}


@pytest.mark.parametrize(
    "arguments",
    [
        [],
        ["bogus"],
        ["endpoints", "/nonexistent", "tcp:"],
        ["endpoints", "/dev/zero"],
        ["endpoints", "/"],
        ["endpoints", "a\x07b"],
        ["maps", "", "", "nothing"],
        ["maps", "/nonexistent"],
        ["attributes", "", "sender="],
        ["subjects", "", "", "/nonexistent"],
        ["subjects", "", "\udcff"],
        ["endpoints", "/nonexistent", "", "", "more", "words"],
    ],
    ids=" ".join,
)
def test_silent(arguments: list[str]) -> None:
    """Where there is nothing to offer, nothing is said, and the exit status is 0."""
    assert offered(*arguments, MAIL_CONFIG="/nonexistent") == {}


def test_closed_output() -> None:
    """A shell that does not read the output is left alone."""
    command = [sys.executable, "-m", "postfix_rest_inetd.admin.cli", "__complete", "attributes"]
    read_end, write_end = os.pipe()
    os.close(read_end)
    done = subprocess.run(
        command,
        cwd=package_parent(),
        stdout=write_end,
        stderr=subprocess.PIPE,
        timeout=60,
        check=False,
    )
    os.close(write_end)
    assert (done.returncode, done.stderr) == (0, b"")


def test_asks_no_backend(tmp_path: Path) -> None:
    """Neither a backend nor an endpoint is asked, and nothing is written beside the files."""
    with (
        socket.create_server(("127.0.0.1", 0)) as backend,
        socket.create_server(("127.0.0.1", 0)) as endpoint,
    ):
        backend.settimeout(0)
        endpoint.settimeout(0)
        config = write(
            tmp_path,
            {
                "name": "one",
                "bind-port": endpoint.getsockname()[1],
                "target": f"http://127.0.0.1:{backend.getsockname()[1]}/",
            },
        )
        before = {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()}
        for kind in ("endpoints", "lookups", "maps", "subjects"):
            offered(kind, config, "", "", HOME=str(tmp_path))
        assert {path: path.stat().st_mtime_ns for path in tmp_path.iterdir()} == before
        for server in (backend, endpoint):
            with pytest.raises(BlockingIOError):
                server.accept()


def test_not_shown() -> None:
    """It is for shells: --help does not name it."""
    assert cli.COMPLETE not in cli.parser([]).format_help()


def test_cost() -> None:
    """What Tab waits for is hardly more than the start of the command itself: no urllib3, no http.

    Numbers of modules are compared, because the time depends on what else the machine does.
    """
    program = """
import sys
sys.argv[1:] = sys.argv[1].split()
from postfix_rest_inetd.admin import cli
cli.main(sys.argv[1:])
print(len(sys.modules), "urllib3" in sys.modules or "http.client" in sys.modules)
"""
    counts = {}
    for arguments in ("endpoints --config=/nonexistent", "__complete endpoints /nonexistent"):
        done = subprocess.run(
            [sys.executable, "-c", program, arguments],
            cwd=package_parent(),
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        count, heavy = done.stdout.split()
        assert heavy == "False"
        counts[arguments.partition(" ")[0]] = int(count)
    assert counts["__complete"] < 1.2 * counts["endpoints"]
