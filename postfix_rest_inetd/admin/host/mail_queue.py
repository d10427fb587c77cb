# SPDX-License-Identifier: MIT
"""The first mails in Postfix's queue, as postqueue(1) lists them, within a time.

A queue can have any number of mails, so postqueue is stopped when there are enough.
"""

from __future__ import annotations

import json
import os
import select
import shutil
import subprocess
import time
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.host import postconf

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_BYTES = 100_000


class Queued(NamedTuple):
    """A mail: the addresses are what its sender wrote."""

    queue_id: str
    queue: str
    sender: str
    recipients: tuple[str, ...]


def first(timeout_sec: float) -> list[Queued]:
    """The first mails; none if Postfix does not tell them within the time."""
    program = shutil.which("postqueue") or shutil.which("postqueue", path="/usr/sbin")
    if program is None or not postconf.is_configured():
        return []
    output = _beginning([program, "-j"], timeout_sec)
    return list(_parsed(output[: output.rfind(b"\n") + 1]))


def _beginning(command: list[str], timeout_sec: float) -> bytes:
    """What a command prints within the time, up to _MAX_BYTES."""
    output, deadline = b"", time.monotonic() + timeout_sec
    with subprocess.Popen(  # noqa: S603 - no shell
        command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as process:
        try:
            pipe = process.stdout.fileno() if process.stdout is not None else -1
            while len(output) < _MAX_BYTES:
                ready, _, _ = select.select([pipe], [], [], max(0.0, deadline - time.monotonic()))
                data = os.read(pipe, _MAX_BYTES) if ready else b""
                if not data:
                    break
                output += data
        finally:
            process.kill()
    return output


def _parsed(output: bytes) -> Iterator[Queued]:
    """The mails in complete lines; each is an object of JSON (postqueue(1), JSON OBJECT FORMAT)."""
    for line in output.splitlines():
        mail = json.loads(line)
        recipients = tuple(each["address"] for each in mail["recipients"])
        yield Queued(mail["queue_id"], mail["queue_name"], mail["sender"], recipients)
