# SPDX-License-Identifier: MIT
r"""The completions that the real shells bash, zsh and fish offer when Tab is pressed.

    assert "--config" in fish(["postfix-rest-inetd", "check", "--"], PATH=...)

The last word is the one to complete. `environment` has to have the PATH on which the command is.
"""

from __future__ import annotations

import os
import pty
import select
import subprocess
import time
from pathlib import Path

from harness.process_group import end
from harness.programs import program

COMPLETIONS = Path(__file__).parents[2] / "packaging/completions"
WAIT_SEC = 30


def _run(command: list[str], environment: dict[str, str]) -> list[str]:
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=WAIT_SEC,
        check=True,
    )
    assert done.stderr == ""
    return done.stdout.splitlines()


_BASH = """
source "$1"
shift
COMP_WORDS=("$@")
COMP_CWORD=$(($# - 1))
_postfix_rest_inetd
((${#COMPREPLY[@]} == 0)) || printf '%s\\n' "${COMPREPLY[@]}"
"""


def bash(words: list[str], environment: dict[str, str]) -> set[str]:
    """The completions of bash; give `--option=value` in three words, as bash splits it."""
    file = COMPLETIONS / "postfix-rest-inetd.bash"
    command = [program("bash"), "--norc", "-uc", _BASH, "bash", str(file), *words]
    return set(_run(command, environment))


def fish(words: list[str], environment: dict[str, str]) -> set[str]:
    """The completions of fish, without descriptions."""
    file = COMPLETIONS / "postfix-rest-inetd.fish"
    script = 'source $argv[1]; complete -C "$argv[2..]"'
    command = [program("fish"), "--no-config", "-c", script, str(file), *words]
    return {line.partition("\t")[0] for line in _run(command, environment)}


_ZSH = """
fpath=({directory} $fpath)
autoload -Uz compinit
compinit -u -D
# Every match that is offered also goes to {descriptor}, except those that -O, -A or -D asks for.
compadd() {{
    local -a matches
    if (( ! ${{@[(I)-[OAD]*]}} )); then
        builtin compadd -O matches "$@"
        (( $#matches )) && print -rl -u {descriptor} -- $matches
    fi
    builtin compadd "$@"
}}
finish() {{ print -u {descriptor} END }}
comppostfuncs=(finish)
"""


def zsh(words: list[str], environment: dict[str, str], directory: Path) -> set[str]:
    """The completions of zsh at a terminal; DIRECTORY is for files."""
    setup = directory / "setup.zsh"
    read_end, write_end = os.pipe()
    setup.write_text(_ZSH.format(directory=COMPLETIONS, descriptor=write_end))
    terminal, slave = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", program("zsh"), "-f", "-i"],
        env={**environment, "TERM": "dumb", "HOME": str(directory)},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        pass_fds=[write_end],
        start_new_session=True,
    )
    os.close(slave)
    os.close(write_end)
    try:
        os.write(terminal, f"source {setup}\n{' '.join(words)}\t".encode())
        return set(_offered(terminal, read_end))
    finally:
        end(process)
        os.close(terminal)
        os.close(read_end)


def _offered(terminal: int, pipe: int) -> list[str]:
    """The lines on the pipe up to END; what the shell shows on its terminal is thrown away."""
    data, deadline = b"", time.monotonic() + WAIT_SEC
    while not data.endswith(b"END\n"):
        ready, _, _ = select.select([terminal, pipe], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"zsh does not answer; so far {data!r}"
        if terminal in ready:
            os.read(terminal, 65536)
        if pipe in ready:
            piece = os.read(pipe, 65536)
            assert piece, f"zsh has ended; so far {data!r}"
            data += piece
    return data.decode().splitlines()[:-1]
