# SPDX-License-Identifier: MIT
r"""The completions that the real shells bash, zsh and fish offer when Tab is pressed.

    (completed,) = fish(["postfix-rest-inetd check --"], environment, directory)
    assert "--config" in completed.offered

bash and zsh are interactive, at a terminal of their own. fish says what it would offer with
`complete -C`, which needs no terminal. `environment` has to have the PATH on which the command is;
`directory` is for files, and is the shell's working directory.
"""

from __future__ import annotations

import itertools
import os
import pty
import re
import select
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from harness.process_group import end
from harness.programs import program

COMPLETIONS = Path(__file__).parents[2] / "packaging/completions"
WAIT_SEC = 60
_FILES = tempfile.TemporaryDirectory(prefix="shells-")
"""zsh keeps there which functions there are; looking for them takes longer than all the rest."""


class Completed(NamedTuple):
    """What Tab did.

    Attributes:
        offered: the words, as the shell has them: those of bash are quoted, and lack what is
            before the last character of COMP_WORDBREAKS in the word.
        line: what is on the command line then. fish completes it only if a single word is offered.
        terminal: all that the terminal got; empty for fish.
    """

    offered: set[str]
    line: str
    terminal: bytes = b""


_BASH = r"""
source {completions}/postfix-rest-inetd.bash
offer() {{
    _postfix_rest_inetd "$@"
    ((${{#COMPREPLY[@]}} == 0)) || printf '%s\n' "${{COMPREPLY[@]}}" >&{descriptor}
}}
complete -F offer postfix-rest-inetd
finish() {{ printf 'LINE %s\nEND\n' "$READLINE_LINE" >&{descriptor}; }}
bind -x '"\C-xf": finish'
bind 'set bell-style none'
bind 'set completion-query-items 0'
bind 'set page-completions off'
HISTFILE=
set -u
"""

# Every match that is offered also goes to the pipe, except those that -O, -A or -D asks for.
_ZSH = r"""
fpath=({completions} $fpath)
autoload -Uz compinit
compinit -u -C -d {dump}
compadd() {{
    local -a matches
    if (( ! ${{@[(I)-[OAD]*]}} )); then
        builtin compadd -O matches "$@"
        (( $#matches )) && print -rl -u {descriptor} -- $matches
    fi
    builtin compadd "$@"
}}
finish() {{ print -r -u {descriptor} -- "LINE $BUFFER"; print -u {descriptor} END }}
zle -N finish
bindkey '^Xf' finish
setopt no_list_beep no_beep
unsetopt always_last_prompt
"""


def bash(lines: list[str], environment: dict[str, str], directory: Path) -> list[Completed]:
    """Press Tab at the end of each line in bash."""
    return _at_terminal(["bash", "--norc", "-i"], _BASH, lines, environment, directory)


def zsh(lines: list[str], environment: dict[str, str], directory: Path) -> list[Completed]:
    """Press Tab at the end of each line in zsh."""
    return _at_terminal(["zsh", "-f", "-i"], _ZSH, lines, environment, directory)


def fish(lines: list[str], environment: dict[str, str], directory: Path) -> list[Completed]:
    """What fish offers for each line."""
    script = """source $argv[1]
for line in $argv[2..]
    complete -C $line --escape
    echo
    complete -C $line
    echo
end"""
    file = str(COMPLETIONS / "postfix-rest-inetd.fish")
    done = subprocess.run(
        [program("fish"), "--no-config", "-c", script, file, *lines],
        env={**environment, "HOME": str(directory)},
        cwd=directory,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        timeout=WAIT_SEC,
        check=True,
    )
    assert done.stderr == b""
    output = iter(done.stdout.decode().split("\n"))
    return [_of_fish(line, _words(output), _words(output)) for line in lines]


_LAST_WORD = re.compile(r"(?:\\.|[^ \\])*$")


def _words(output: Iterator[str]) -> list[str]:
    """The words up to an empty line, without descriptions."""
    return [each.partition("\t")[0] for each in itertools.takewhile(bool, output)]


def _of_fish(line: str, quoted: list[str], plain: list[str]) -> Completed:
    if len(quoted) == 1:  # it replaces the last word of the line
        line = _LAST_WORD.sub("", line) + quoted[0]
    return Completed(set(plain), line)


def _at_terminal(
    command: list[str],
    setup: str,
    lines: list[str],
    environment: dict[str, str],
    directory: Path,
) -> list[Completed]:
    file = directory / "setup"
    read_end, write_end = os.pipe()
    file.write_text(
        setup.format(completions=COMPLETIONS, descriptor=write_end, dump=f"{_FILES.name}/dump")
    )
    terminal, slave = pty.openpty()
    process = subprocess.Popen(
        ["setsid", "--ctty", program(command[0]), *command[1:]],
        env={**environment, "TERM": "dumb", "HOME": str(directory), "PS1": "$ "},
        stdin=slave,
        stdout=slave,
        stderr=slave,
        pass_fds=[write_end],
        start_new_session=True,
        cwd=directory,
    )
    os.close(slave)
    os.close(write_end)
    try:
        os.write(terminal, f" . {file}\n\x18f".encode())
        _output(terminal, read_end)
        file.unlink()
        return [_completed(line, terminal, read_end) for line in lines]
    finally:
        end(process)
        os.close(terminal)
        os.close(read_end)
        file.unlink(missing_ok=True)


_COMPLAINT = re.compile(rb"bash: |_postfix[_-]rest[_-]inetd[\w-]*:")


def _completed(line: str, terminal: int, pipe: int) -> Completed:
    os.write(terminal, f"\x15{line}\t\x18f".encode())
    piped, shown = _output(terminal, pipe)
    assert _COMPLAINT.search(shown) is None, shown
    words, _, rest = piped.rpartition("LINE ")
    return Completed(set(words.splitlines()), rest.removesuffix("\nEND\n"), shown)


def _output(terminal: int, pipe: int) -> tuple[str, bytes]:
    """What is on the pipe up to END, and what is on the terminal."""
    data, shown, deadline = b"", b"", time.monotonic() + WAIT_SEC
    while not data.endswith(b"END\n"):
        ready, _, _ = select.select([terminal, pipe], [], [], max(0, deadline - time.monotonic()))
        assert ready, f"the shell does not answer; so far {data!r}, {shown!r}"
        if terminal in ready:
            shown += os.read(terminal, 65536)
        if pipe in ready:
            piece = os.read(pipe, 65536)
            assert piece, f"the shell has ended; so far {data!r}, {shown!r}"
            data += piece
    return data.decode(), shown
