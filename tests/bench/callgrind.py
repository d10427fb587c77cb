# SPDX-License-Identifier: MIT
"""Counts a handler's instructions with callgrind, under its own unit.

What is counted is all up to the first reply, or each further one on the same connection.

The unit is the installed one. A drop-in puts valgrind in front of the command that systemd has for
it, and takes away only what valgrind cannot run with (it writes code and runs it). So environment,
user, connection and journal are those of a real handler.

callgrind writes what it has counted so far each time that write(2) returns, and the trace of the
system calls tells which of these was the reply, on fd 1. A count is exact: it depends on the
program, its input and the versions of what is installed, not on what else the machine does. What
varies, by two in a thousand, is Python's hash seed.
"""

from __future__ import annotations

import re
import shlex
import socket
from typing import NamedTuple

from integration.product import connect, drop_in, read_line, show, wait_until

from harness.container import Container

DIRECTORY = "/run/callgrind"
UNIT = "postfix-rest-tcp@.service"
END_SEC = 120

BEFORE, LOOKUPS = 5, 40
"""Of the requests on one connection: those after the first that are not counted, and those that
are."""

# The client's port, which systemd tells the handler, names the files. systemd wants % doubled.
_OPTIONS = f"""
--tool=callgrind --vgdb=no --trace-syscalls=yes --dump-after=write
--callgrind-out-file={DIRECTORY}/%%q{{REMOTE_PORT}} --log-file={DIRECTORY}/%%q{{REMOTE_PORT}}.log
"""

# What valgrind cannot live with; the rest of the sandbox stays. It has no say in the count.
_DROP_IN = """\
[Service]
ExecStart=
ExecStart=/usr/bin/valgrind {options} {command}
MemoryDenyWriteExecute=no
SystemCallFilter=
MemoryMax=infinity
ReadWritePaths={directory}
"""

# In this order the parts were written; the last one, at the end, has no number. Only a file that is
# complete has its total.
_PARTS = r"""
cd "$1"
for part in $(ls | grep "^$2\.[0-9]*$" | sort -t. -k2n) "$2"; do
    [ ! -e "$part" ] || echo "$part" $(sed -n 's/^totals: //p' "$part")
done
"""

# The bytes are others after each execve(2). The log tells the pid.
_PROGRAM = """
pid=$(sed -n 's/^==\\([0-9]*\\)==.*/\\1/p;q' "$1/$2.log")
[ -z "$pid" ] || base64 "/proc/$pid/auxv"
"""

_WRITE = re.compile(r"^SYSCALL\[\d+,\d+\]\( *1\) sys_write \( (\d+),", re.MULTILINE)


class Count(NamedTuple):
    """Instructions of one handler."""

    to_reply: int
    """From exec to the last byte of the first reply; when there was none, the same as `in_all`."""
    in_all: int
    """From exec to its end, when the connection was closed after the first reply."""


def command_of(container: Container) -> str:
    """The command that systemd has for the handlers of tcp: endpoints."""
    started = show(container, UNIT.replace("@", "@any"), "ExecStart")["ExecStart"]
    found = re.search(r"argv\[\]=(.*?) ; ", started)
    assert found is not None, f"no command in {started!r}"
    return shlex.join(shlex.split(found[1]))


def prepare(container: Container, command: str, *, follow: bool = False) -> None:
    """Have these handlers started by COMMAND under callgrind from now on.

    FOLLOW: whatever a handler executes runs under callgrind, too, and takes over its files.
    Otherwise a handler that executes something else is not counted, and `count` fails.
    """
    options = " ".join([*_OPTIONS.split(), f"--trace-children={'yes' if follow else 'no'}"])
    text = _DROP_IN.format(options=options, command=command, directory=DIRECTORY)
    container.run("install", "-d", "-m", "1777", DIRECTORY)
    drop_in(container, UNIT, text, "90-callgrind.conf")


def count(container: Container, port: int, request: bytes, expected: bytes) -> Count:
    """Count a handler that answers REQUEST with EXPECTED; both empty: nothing is sent."""
    with connect(container, port) as connection:
        name = str(connection.getsockname()[1])
        if request:
            _ask(connection, request, expected)
    return _at_end(container, name, replied=bool(request))


def count_wake(container: Container, port: int, request: bytes, expected: bytes) -> Count:
    """Count a handler that has hibernated: from the exec with which it began to, to its reply."""
    with connect(container, port) as connection:
        name = str(connection.getsockname()[1])
        _ask(connection, request, expected)
        program = container.shell(_PROGRAM, DIRECTORY, name)

        def is_another() -> bool:
            return container.shell(_PROGRAM, DIRECTORY, name) not in ("", program)

        wait_until(is_another, "a handler that hibernates", END_SEC)
        # What has been counted until then; the log is a new one.
        container.shell(f"cd {DIRECTORY}; rm -f {name} {name}.[0-9]*")
        _ask(connection, request, expected)
    return _at_end(container, name, replied=True)


def count_further(container: Container, port: int, request: bytes, expected: bytes) -> float:
    """Instructions of one further request on an open connection, with its journal entry.

    The first requests, with all that is loaded or made once, are not counted.
    """
    with connect(container, port) as connection:
        name = str(connection.getsockname()[1])
        for _ in range(1 + BEFORE + LOOKUPS):
            _ask(connection, request, expected)
    targets, costs = _parts(container, name)
    replies = [index for index, target in enumerate(targets) if target == "1"]
    assert len(replies) == 1 + BEFORE + LOOKUPS, f"one write for each reply, but {targets}"
    return sum(costs[replies[BEFORE] + 1 : replies[-1] + 1]) / LOOKUPS


def _ask(connection: socket.socket, request: bytes, expected: bytes) -> None:
    connection.settimeout(END_SEC)
    connection.sendall(request)
    reply = read_line(connection)
    assert reply == expected, f"{reply!r} instead of {expected!r}"


def _at_end(container: Container, name: str, *, replied: bool) -> Count:
    """What was counted, when the process that wrote the files with this NAME has ended."""
    targets, costs = _parts(container, name)
    assert not replied or "1" in targets, f"the reply was not written to fd 1, but {targets}"
    to_reply = costs[: targets.index("1") + 1] if replied else costs
    return Count(sum(to_reply), sum(costs))


def _parts(container: Container, name: str) -> tuple[list[str], list[int]]:
    """The fd of each write(2); the instructions up to each, and from the last to the end."""
    costs: list[int] = []

    def is_complete() -> object:
        parts = [line.split() for line in container.shell(_PARTS, DIRECTORY, name).splitlines()]
        costs[:] = [int(cost) for _, *found in parts for cost in found]
        return parts and parts[-1][0] == name and len(costs) == len(parts)

    wait_until(is_complete, "the end of a handler under callgrind", END_SEC)
    targets = _WRITE.findall(container.read(f"{DIRECTORY}/{name}.log"))
    # Each write(2) has to be in both lists, or the parts would be added up wrongly.
    assert len(targets) == len(costs) - 1, f"{targets} {costs}"
    return targets, costs
