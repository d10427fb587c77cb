# SPDX-License-Identifier: MIT
"""The last good configuration, handed over by a handler that starts over to the one it becomes.

A process loses its memory at exec(2). If the files are unusable when the handler wakes, it uses the
state that it had before, as a handler does that stayed awake. The state is in an unnamed file in
memory (memfd_create(2)). Like the connection, it stays open across exec; the number of its
descriptor is in the environment. The handler's user and root can read it, as they can read the
handler's memory.

Nothing is handed over if the system refuses such a file, or if the state is larger than MAX_BYTES,
because a thousand handlers may hibernate at a time. The handler then depends on the files.
"""

from __future__ import annotations

import os
import stat

VARIABLE = "POSTFIX_REST_INETD_HANDOVER"
FILE_NAME = "postfix-rest-inetd"
"""What /proc/PID/fd calls the file. It is there while the handler hibernates and, if the files are
unusable when it wakes, until they can be used. Its position is 0 as soon as it has been taken, so
that `status` can tell the one from the other (admin/host/connections.py)."""
MAX_BYTES = 64 * 1024

_MAGIC = b"postfix-rest-inetd 1"
_FIRST_DESCRIPTOR = 3


class State:
    """What was in force.

    Attributes:
        mode, name: those of the endpoint.
        token: the token as it is sent.
        content: the content of the configuration file.
    """

    __slots__ = ("content", "mode", "name", "token")

    def __init__(self, mode: str, name: str, token: bytes, content: bytes) -> None:
        """All of it must have been usable."""
        self.mode = mode
        self.name = name
        self.token = token
        self.content = content


def leave(state: State) -> None:
    """Leave a state; it replaces the one that was left before."""
    discard()
    text = _text_of(state)
    if len(text) > MAX_BYTES:
        return
    try:
        descriptor = os.memfd_create(FILE_NAME, 0)  # 0: exec does not close it
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
    """The state that was left, if any; it stays until discard().

    It must be exactly what leave() writes: a file that has been changed is not a state.
    """
    descriptor = _descriptor()
    if descriptor is None:
        return None
    try:
        text = os.pread(descriptor, MAX_BYTES, 0)
        os.lseek(descriptor, 0, os.SEEK_SET)
    except OSError:
        return None
    head, _, rest = text.partition(b"\n")
    parts = []
    try:
        for length in head[len(_MAGIC) :].split():
            parts.append(rest[: int(length)])
            rest = rest[int(length) :]
        mode, name, token, content = parts
        state = State(mode.decode(), name.decode(), token, content)
    except ValueError:
        return None
    return state if _text_of(state) == text else None


def _text_of(state: State) -> bytes:
    """The content of the file."""
    parts = [state.mode.encode(), state.name.encode(), state.token, state.content]
    head = b" ".join([_MAGIC, *[b"%d" % len(part) for part in parts]])
    return b"\n".join([head, b"".join(parts)])


def discard() -> None:
    """Drop the state that was left."""
    descriptor = _descriptor()
    if descriptor is not None:
        os.close(descriptor)
    os.environ.pop(VARIABLE, None)


def _descriptor() -> int | None:
    """The descriptor of the file; None if the environment has none, or that of another file."""
    number = os.environ.get(VARIABLE, "")
    if not (number.isascii() and number.isdigit()) or len(number) > 9:
        return None
    descriptor = int(number)
    if descriptor < _FIRST_DESCRIPTOR:
        return None
    try:
        found = os.fstat(descriptor)
        # Another file of that number must be neither read nor closed.
        is_ours = stat.S_ISREG(found.st_mode) and found.st_nlink == 0
        is_ours = is_ours and os.pread(descriptor, len(_MAGIC), 0) == _MAGIC
    except OSError:
        return None
    return descriptor if is_ours else None
