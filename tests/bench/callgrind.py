# SPDX-License-Identifier: MIT
"""Counts a handler's instructions with callgrind: under its own unit, to the end of its first reply.

The unit is the installed one. A drop-in puts valgrind in front of the command that systemd has for
it, and takes away only what valgrind cannot run with (it writes code and runs it). So environment,
user, connection and journal are those of a real handler.

callgrind writes what it has counted so far each time that write(2) returns, and the trace of the
system calls tells which of these was the reply, on fd 1. A count is exact: it depends on the
program, its input and the versions of what is installed, not on what else the machine does. What
varies, by a few in a thousand, is Python's hash seed.
"""

from __future__ import annotations

import re
import shlex
from typing import NamedTuple

from harness.container import Container, CommandError
from integration.product import connect, drop_in, read_line, show, wait_for_no_handlers, wait_until

DIRECTORY = "/run/callgrind"
UNIT = "postfix-rest-tcp@.service"
END_SEC = 120

_OPTIONS = f"""
--tool=callgrind --vgdb=no --trace-syscalls=yes --dump-after=write
--callgrind-out-file={DIRECTORY}/out --log-file={DIRECTORY}/log
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

_WRITE = re.compile(r"^SYSCALL\[\d+,\d+\]\( *1\) sys_write \( (\d+),", re.MULTILINE)
_COST = re.compile(r"^totals: (\d+)$", re.MULTILINE)


class Count(NamedTuple):
    """Instructions of one handler."""

    to_reply: int
    """From exec to the last byte of the first reply; when there was none, the same as `in_all`."""
    in_all: int
    """From exec to its end, when the connection was closed after the first reply."""


def prepare(container: Container) -> None:
    """Have the handlers of tcp: endpoints started under callgrind from now on."""
    instance = UNIT.replace("@", "@any")
    started = show(container, instance, "ExecStart")["ExecStart"]
    found = re.search(r"argv\[\]=(.*?) ; ", started)
    assert found is not None, f"no command in {started!r}"
    command = shlex.join(shlex.split(found[1]))
    options = " ".join(_OPTIONS.split())
    text = _DROP_IN.format(options=options, command=command, directory=DIRECTORY)
    container.run("install", "-d", "-m", "1777", DIRECTORY)
    drop_in(container, UNIT, text, "90-callgrind.conf")


def count(container: Container, port: int, request: bytes, expected: bytes) -> Count:
    """Count a handler that answers REQUEST with EXPECTED; both empty: nothing is sent."""
    container.shell(f"rm -f {DIRECTORY}/*")
    with connect(container, port) as connection:
        connection.settimeout(END_SEC)
        if request:
            connection.sendall(request)
            reply = read_line(connection)
            assert reply == expected, f"{reply!r} instead of {expected!r}"
    wait_for_no_handlers(container)
    return _evaluate(container, bool(request))


def _evaluate(container: Container, replied: bool) -> Count:
    log = container.read(f"{DIRECTORY}/log")
    parts = container.shell(f"cd {DIRECTORY}; ls out.* 2>/dev/null | sort -t. -k2n").split()
    costs = []
    for part in (*parts, "out"):
        costs += [int(cost) for cost in _COST.findall(container.read(f"{DIRECTORY}/{part}"))]
    targets = _WRITE.findall(log)
    # Each write(2) has to be in both lists, or the parts would be added up wrongly.
    assert len(targets) == len(parts) == len(costs) - 1, f"{targets} {parts} {costs}"
    in_all = sum(costs)
    if not replied:
        return Count(in_all, in_all)
    reply = targets.index("1")
    return Count(sum(costs[: reply + 1]), in_all)
