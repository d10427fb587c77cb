# SPDX-License-Identifier: MIT
"""What stops the commands, and what does not. A program stands for systemctl.

Ctrl-C while a command runs stops them, and what is left is told. The end of the terminal or of the
pipe does not: a socket that was stopped is started again.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from postfix_rest_inetd.admin.command_error import EXIT_INTERRUPTED

PROGRAM = """
import os, signal, sys
from postfix_rest_inetd.admin.application import session
from postfix_rest_inetd.admin.checks.steps import Command
signal.signal(signal.SIGINT, signal.default_int_handler)
commands = [Command("daemon-reload"), Command("restart", ("a.socket",)), Command("start", ("b",))]
try:
    session._run(commands)
except KeyboardInterrupt:
    sys.exit(130)
except BrokenPipeError:
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    sys.exit(1)
"""


def test_interrupted(tmp_path: Path) -> None:
    """The first command is done, the second one is interrupted, and the third one is not begun."""
    ready = tmp_path / "ready"
    os.mkfifo(ready)
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\n[ "$1" = restart ] || exit 0\necho >{ready}\nexec sleep 60\n')
    systemctl.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE, text=True
    ) as process:
        ready.read_text()
        process.send_signal(signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    assert process.returncode == EXIT_INTERRUPTED
    assert said.splitlines() == [
        "systemctl daemon-reload: done",
        "systemctl restart a.socket: ",
        "",
        "Interrupted. Not done:",
        "    systemctl restart a.socket",
        "    systemctl start b",
    ]


def test_nobody_reads(tmp_path: Path) -> None:
    """SIGHUP, and a pipe that is closed: all commands are run, once."""
    ready, done = tmp_path / "ready", tmp_path / "done"
    os.mkfifo(ready)
    systemctl = tmp_path / "systemctl"
    first = f"if [ $1 = daemon-reload ]; then echo >{ready}; cat {ready} >/dev/null; fi"
    systemctl.write_text(f"#!/bin/sh\n{first}\necho $1 >>{done}\n")
    systemctl.chmod(0o755)
    environment = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    with subprocess.Popen(
        [sys.executable, "-c", PROGRAM], env=environment, stdout=subprocess.PIPE
    ) as process:
        ready.read_text()
        assert process.stdout is not None
        process.stdout.close()
        process.send_signal(signal.SIGHUP)
        ready.write_text("on")
        status = process.wait(timeout=60)
    assert (status, done.read_text().split()) == (1, ["daemon-reload", "restart", "start"])
