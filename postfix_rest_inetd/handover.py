# SPDX-License-Identifier: MIT
"""What a handler that starts over leaves to the one that it becomes: a configuration that was good.

exec(2) forgets everything. Should the files be unusable when the handler wakes, it goes on with the
state that it had, as a handler does that has stayed awake. The state is in an unnamed file in
memory (memfd_create(2)), which passes through exec as the connection does, and whose number is in
the environment. The handler's user and root can read it, as they can read the handler's memory.

Nothing is left where the system refuses such a file, or where the state is larger than MAX_BYTES,
because a thousand handlers may sleep at a time. A handler that wakes then has the files alone.
"""

from __future__ import annotations

import os
import stat

VARIABLE = "POSTFIX_REST_INETD_HANDOVER"
MAX_BYTES = 64 * 1024

_MAGIC = b"postfix-rest-inetd 1"
_FIRST_DESCRIPTOR = 3


class State:
    """What was in force.

    Attributes:
        mode, name: of the endpoint.
        token: as it is sent.
        content: of the configuration file.
    """

    __slots__ = ("content", "mode", "name", "token")

    def __init__(self, mode: str, name: str, token: bytes, content: bytes) -> None:
        """All of it must have been good."""
        self.mode = mode
        self.name = name
        self.token = token
        self.content = content


def leave(state: State) -> None:
    """Leave a state, in place of what was left before."""
    discard()
    parts = [state.mode.encode(), state.name.encode(), state.token, state.content]
    head = b" ".join([_MAGIC, *[b"%d" % len(part) for part in parts]])
    text = b"\n".join([head, b"".join(parts)])
    if len(text) > MAX_BYTES:
        return
    try:
        descriptor = os.memfd_create("postfix-rest-inetd", 0)  # 0: exec does not close it
    except OSError:
        return
    try:
        written = os.write(descriptor, text)
    except OSError:
        written = 0
    if written == len(text):
        os.environ[VARIABLE] = str(descriptor)
    else:
        os.close(descriptor)


def take() -> State | None:
    """What was left, if anything; it stays until discard()."""
    descriptor = _descriptor()
    if descriptor is None:
        return None
    try:
        text = os.pread(descriptor, MAX_BYTES, 0)
    except OSError:
        return None
    head, _, rest = text.partition(b"\n")
    if not head.startswith(_MAGIC):
        return None
    parts = []
    for length in head[len(_MAGIC) :].split():
        parts.append(rest[: int(length)])
        rest = rest[int(length) :]
    mode, name, token, content = parts
    return State(mode.decode(), name.decode(), token, content)


def discard() -> None:
    """Drop what was left."""
    descriptor = _descriptor()
    if descriptor is not None:
        os.close(descriptor)
    os.environ.pop(VARIABLE, None)


def _descriptor() -> int | None:
    """The descriptor of the file; None when the environment names none, or something else."""
    number = os.environ.get(VARIABLE, "")
    if not (number.isascii() and number.isdigit()) or len(number) > 9:
        return None
    descriptor = int(number)
    if descriptor < _FIRST_DESCRIPTOR:
        return None
    try:
        found = os.fstat(descriptor)
        # Whatever else has that number is not ours to read or to close.
        is_ours = stat.S_ISREG(found.st_mode) and found.st_nlink == 0
        is_ours = is_ours and os.pread(descriptor, len(_MAGIC), 0) == _MAGIC
    except OSError:
        return None
    return descriptor if is_ours else None
