# SPDX-License-Identifier: MIT
"""SMTP sessions by swaks(1), with their dialogues."""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import NamedTuple

_SERVER_LINE = re.compile(r"^<[-~*]{1,2}\s+(.*)$")


class Session(NamedTuple):
    """The dialogue: each command (the first, of the connection, is empty) with its reply."""

    exchanges: list[tuple[str, str]]

    def replies(self, verb: str) -> list[str]:
        """The replies to the commands that begin with VERB, in order."""
        return [reply for command, reply in self.exchanges if command.startswith(verb)]


def swaks(
    port: int,
    *recipients: str,
    sender: str = "sender@test.example",
    helo: str = "client.test.example",
    quit_after: str = "RCPT",
) -> Session:
    """Offer a mail for RECIPIENTS; with an empty QUIT_AFTER, also send it."""
    program = shutil.which("swaks")
    assert program is not None, "swaks is missing"
    options = arguments(port, *recipients, sender=sender, helo=helo, quit_after=quit_after)
    done = subprocess.run(
        [program, *options],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        timeout=100,
        check=False,
    )
    return parse(done.stdout.decode(errors="replace"))


def arguments(
    port: int,
    *recipients: str,
    sender: str = "sender@test.example",
    helo: str = "client.test.example",
    quit_after: str = "RCPT",
) -> list[str]:
    """The options of swaks for the same session on another machine."""
    options = ["--server", "127.0.0.1", "--port", str(port), "--timeout", "60"]
    options += ["--helo", helo, "--from", sender, "--to", ",".join(recipients)]
    return [*options, "--quit-after", quit_after] if quit_after else options


def parse(transcript: str) -> Session:
    """The dialogue in the output of swaks."""
    exchanges: list[tuple[str, str]] = [("", "")]
    for line in transcript.splitlines():
        if line.startswith(" -> "):
            exchanges.append((line[4:], ""))
        elif said := _SERVER_LINE.match(line):
            command, reply = exchanges[-1]
            exchanges[-1] = (command, f"{reply}\n{said[1]}".strip())
    assert exchanges[0][1], f"no SMTP session:\n{transcript}"
    return Session(exchanges)
