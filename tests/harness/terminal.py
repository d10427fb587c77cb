# SPDX-License-Identifier: MIT
"""The commands of postfix-rest-inetd(8) on a real terminal, and every byte that it gets from them.

All commands of a list run in one process, one after the other, because a start takes its time.
Standard input is empty, or what a test gives to all of them.
"""

from __future__ import annotations

import fcntl
import json
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import tempfile
import termios
import time
from collections.abc import Sequence

from harness.handler_process import base_environment
from harness.process_group import end

WAIT_SEC = 60

_PROGRAM = """
import json, sys
from postfix_rest_inetd.admin import cli
for arguments in json.loads(sys.argv[1]):
    sys.stdin.seek(0)
    try:
        cli.main(arguments)
    except SystemExit:
        pass
    print(flush=True)
"""
_COLOUR = re.compile(rb"\x1b\[[0-9;]*m")
_WIPE = b"\r\x1b[K"
# Controls of ASCII but for tab and line feed, those of C1, separators of lines, directions, and
# bytes that are not UTF-8 (PEP 383).
_CONTROL = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\udc80-\udcff]"
)


def shown(
    commands: Sequence[Sequence[str]], stdin: bytes = b"", prefix: Sequence[str] = ()
) -> bytes:
    """What a terminal gets from COMMANDS, standard error included."""
    ours, theirs = pty.openpty()
    with tempfile.TemporaryFile() as source:
        source.write(stdin)
        process = subprocess.Popen(
            [*prefix, sys.executable, "-c", _PROGRAM, json.dumps(commands)],
            stdin=source,
            stdout=theirs,
            stderr=theirs,
            env={
                **base_environment(),
                "TERM": "xterm",
                "LC_ALL": "C.UTF-8",
                "HOME": "/nonexistent",
            },
            start_new_session=True,
            cwd="/",
        )
    os.close(theirs)
    try:
        return _read(ours)
    finally:
        os.close(ours)
        end(process)


def conversation(
    command: Sequence[str],
    question: bytes,
    answer: bytes,
    *,
    columns: int = 80,
    environment: dict[str, str] | None = None,
) -> tuple[int, str]:
    """The exit status and the screen of a command on a terminal that asks a QUESTION."""
    return dialogue(command, [(question, answer)], columns=columns, environment=environment)


def dialogue(
    command: Sequence[str],
    answers: Sequence[tuple[bytes, bytes]],
    *,
    columns: int = 80,
    environment: dict[str, str] | None = None,
) -> tuple[int, str]:
    """The exit status and the screen of a command on a terminal, which asks several questions.

    ANSWERS are pairs of a question and its answer, which is typed when the question is there; what
    is typed appears on the screen, and a Ctrl-C in it interrupts the command.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", 24, columns, 0, 0))
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=environment,
        start_new_session=True,
        preexec_fn=_take_the_terminal,  # noqa: PLW1509
    )
    os.close(theirs)
    try:
        screen = b""
        for question, answer in answers:
            part = _read(ours, question)
            screen += part
            if question not in part:
                break
            os.write(ours, answer)
        screen += _read(ours)
        return process.wait(WAIT_SEC), screen.decode().replace("\r\n", "\n")
    finally:
        os.close(ours)
        end(process)


def resized(
    command: Sequence[str],
    sizes: Sequence[tuple[int, int]],
    awaited: bytes,
    environment: dict[str, str] | None = None,
) -> tuple[int, list[str]]:
    """What a command that goes on shows at each size, columns and rows; then it is interrupted.

    At each size, its output is read until it has AWAITED. Returns its exit status as well.
    """
    ours, theirs = pty.openpty()
    process, screens = None, []
    try:
        for columns, rows in sizes:
            fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("4H", rows, columns, 0, 0))
            process = process or subprocess.Popen(
                command, stdout=theirs, env=environment, start_new_session=True
            )
            screens.append(_read(ours, awaited).decode().replace("\r\n", "\n"))
        os.killpg(process.pid, signal.SIGINT)
        return process.wait(WAIT_SEC), screens
    finally:
        os.close(theirs)
        os.close(ours)
        end(process)


def _take_the_terminal() -> None:
    """Standard input becomes the terminal that sends signals, and that /dev/tty is."""
    fcntl.ioctl(0, termios.TIOCSCTTY, 0)


def _read(terminal: int, until: bytes | None = None) -> bytes:
    data, deadline = b"", time.monotonic() + WAIT_SEC
    while True:
        ready, _, _ = select.select([terminal], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"the commands do not end; so far {data!r}"
        try:
            data += os.read(terminal, 65536)
        except OSError:  # EIO: the last process has closed the other end
            return data
        if until is not None and until in data:
            return data


def controlled_by(output: bytes) -> list[str]:
    """The lines of a terminal's input that have more than text, colours, tabs and line ends."""
    plain = _COLOUR.sub(b"", output).replace(_WIPE, b"").replace(b"\r\n", b"\n")
    lines = plain.decode(errors="surrogateescape").split("\n")
    return [line for line in lines if _CONTROL.search(line)]
