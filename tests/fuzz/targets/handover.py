# SPDX-License-Identifier: MIT
"""Any bytes in the file are the state that was left, or none, and never an exception."""

from __future__ import annotations

import os

from postfix_rest_inetd import handover

MODULES = ("handover",)
_MAGIC = b"postfix-rest-inetd 1"


def run(data: bytes) -> None:
    """DATA is the content of the file, its end behind the magic, and the parts of a state."""
    take(data)
    take(_MAGIC + data)
    mode, name, token, content = (data.split(b"\x1f", 3) + [b""] * 4)[:4]
    state = handover.State(
        mode.decode("utf-8", "replace"), name.decode("utf-8", "replace"), token, content
    )
    handover.leave(state)
    try:
        found = handover.take()
        assert found is not None
        assert parts_of(found) == parts_of(state)
    finally:
        handover.discard()
    assert handover.take() is None


def take(content: bytes) -> None:
    """Look at a file with this content."""
    descriptor = os.memfd_create("fuzz")
    try:
        os.write(descriptor, content)
        os.environ[handover.VARIABLE] = str(descriptor)
        found = handover.take()
        if found is None:
            return
        parts = [part if isinstance(part, bytes) else part.encode() for part in parts_of(found)]
        head, _, rest = content.partition(b"\n")
        assert head == b" ".join([_MAGIC, *[b"%d" % len(part) for part in parts]])
        assert rest == b"".join(parts)
    finally:
        os.environ.pop(handover.VARIABLE, None)
        os.close(descriptor)


def parts_of(state: handover.State) -> tuple[object, ...]:
    """A state as a value."""
    return (state.mode, state.name, state.token, state.content)
