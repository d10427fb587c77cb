# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd trace` reads a real journal, within its bounds, and shows it harmlessly."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from harness import journald as journald_harness
from harness.activation import package_parent

SEND = """
import json, socket, sys
journal = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
journal.connect("/run/systemd/journal/socket")
for identifier, message in json.loads(sys.argv[1]):
    journal.send(f"SYSLOG_IDENTIFIER={identifier}\\nMESSAGE={message}\\n".encode())
"""
LINES = [
    ("postfix/smtp", "3F2A81D0: to=<Äß@u.example>, relay=x, status=sent (250 OK)"),
    ("postfix/smtpd", "3F2A81C0: client=x[192.0.2.1]"),
    ("another", "3F2A81C0: to=<b@c.example>, relay=x, status=bounced (forged)"),
    ("postfix/qmgr", "3F2A81C0: from=<\x1b[2J@x.example>, size=1, nrcpt=1 (queue active)"),
    ("postfix-out/smtp", "3F2A81C0: to=<B@c.example>, relay=x, status=deferred (\u202eno)"),
    ("postfix/qmgr", "3F2A81C1: removed"),
]
SENT = "{}: to=<z@c.example>, relay={}, status=sent (250 2.0.0 Ok: queued as {})"
CHAIN = [
    ("postfix/smtp", SENT.format(f"A{number:05}", "f.example[::1]:10024", f"A{number + 1:05}"))
    for number in range(9)
]
CHAIN.append(("postfix/smtp", SENT.format("A00009", "far.example[192.0.2.9]:25", "FFFFF9")))
TRACE = """
import sys
from postfix_rest_inetd.admin import cli
from postfix_rest_inetd.admin.trace import search
search.MAX_LINES = int(sys.argv[1])
sys.exit(cli.main(["trace", "--directory=/run/log/journal", "--config=/x", *sys.argv[2:]]))
"""


@pytest.fixture(scope="module")
def journald(tmp_path_factory):
    """A journald that has the lines."""
    with journald_harness.start(tmp_path_factory.mktemp("journald")) as running:
        program = [*running.prefix, sys.executable, "-c", SEND, json.dumps(CHAIN + LINES)]
        subprocess.run(program, check=True, timeout=60)
        running.entries()
        yield running


def trace(journald, *arguments: str, most: int = 100) -> subprocess.CompletedProcess[str]:
    """Run the command, which reads at most so many lines of Postfix."""
    return subprocess.run(
        [*journald.prefix, sys.executable, "-c", TRACE, str(most), *arguments],
        cwd=package_parent(),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_screen(journald):
    """The lines of Postfix's programs and instances are shown, and made printable; no others."""
    done = trace(journald, "3F2A81C0")
    assert (done.returncode, done.stderr) == (0, "")
    assert "client=x[192.0.2.1]" in done.stdout
    assert r"from=<\x1b[2J@x.example>" in done.stdout
    assert "\nDeferred by smtp for B@c.example: \\u202eno. Postfix decided" in done.stdout
    assert "forged" not in done.stdout
    assert "removed" not in done.stdout


def test_not_ascii(journald):
    """An address of RFC 6531 is found, in both cases; what is not UTF-8 is told so."""
    for address in ("Äß@u.example", "äß@U.example"):
        (mail,) = json.loads(trace(journald, address, "--json").stdout)["mails"]
        assert (mail["queue_id"], mail["fate"]) == ("3F2A81D0", "accepted")
    done = trace(journald, "\udcff@u.example")
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not UTF-8" in done.stderr


def test_chain(journald):
    """A mail is followed both ways, for a number of queue ids; the output says where that ends."""
    mails = json.loads(trace(journald, "A00002", "--json", most=1000).stdout)["mails"]
    names = [f"A{number:05}" for number in range(6)]
    assert [mail["queue_id"] for mail in mails] == names
    assert [mail["came_from"] for mail in mails[:2]] == [
        [],
        [{"queue_id": "A00000", "kind": "handed on"}],
    ]
    shown = trace(journald, "A00000", most=1000).stdout
    assert "Before, it was A00000: see above.\n" in shown
    assert "\n-> It goes on as A00001: see below.\n" in shown
    assert "\n-> It goes on as A00006: trace that as well.\n" in shown
    assert "Note: not all queue ids of these mails are shown: trace A00006." in shown
    shown = trace(journald, "A00009", most=1000).stdout
    assert (
        "\n-> It goes on as FFFFF9: that is an id of far.example[192.0.2.9]:25, and this journal "
        "has nothing about it.\n"
    ) in shown


def test_bound(journald):
    """The newest lines are read; the output says that there are more."""
    (mail,) = json.loads(trace(journald, "b@c.example", "--json", most=2).stdout)["mails"]
    assert [event["program"] for event in mail["events"]] == ["smtp"]
    done = trace(journald, "b@c.example", most=2)
    assert "Note: only the last 2 lines of Postfix, those since " in done.stdout


def test_nothing(journald):
    """Without a mail, the exit status is 1; where Postfix's lines may be is said, if none is."""
    done = trace(journald, "3F2A81C5")
    assert (done.returncode, done.stdout) == (1, "")
    assert "lines of Postfix" not in done.stderr
    done = trace(journald, "3F2A81C0", "--until=-1h")
    assert (done.returncode, done.stdout) == (1, "")
    assert "/var/log/mail.log" in done.stderr
