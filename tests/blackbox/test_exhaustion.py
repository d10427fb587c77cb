# SPDX-License-Identifier: MIT
"""A handler that runs out of file descriptors or memory: at each point where that can happen.

The kernel limits the handler alone (setrlimit(2)), and the limit goes from what is enough for
nothing to what is enough for everything. In between, each open(2), socket(2) and malloc(3) of a
handler is the first one that fails for some limit.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.handler_process import Handler
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import ScriptedBackend, answer

pytestmark = [
    pytest.mark.skipif(shutil.which("prlimit") is None, reason="prlimit is not installed"),
    pytest.mark.timeout(300),
]

ENDS = {TCP: b"\n", SOCKETMAP: b",", POLICY: b"\n\n"}
TEMPORARY = {TCP: b"400 REST%20", SOCKETMAP: b"TEMP REST ", POLICY: b"action=451 REST "}

MB = 1024 * 1024
DESCRIPTORS = (*range(2, 10), 64)
# A bare Python has a few MB less; below, nothing starts.
MEMORY = (8 * MB, *range(13 * MB, 21 * MB, MB // 3), 1000 * MB)
LONG = json.dumps(["x" * 1000] * 900).encode()

SPINNING_SEC = 2.0
"""A handler without memory that has computed for so long gets nowhere any more. Of some 2000, two
did not end here. If one sleeps, that is a fault of ours. Units do not limit the address space; at
MemoryMax=, the kernel ends a process instead."""


def replies(mode: str, output: bytes) -> list[str]:
    """What the requests of a connection were answered with, each in one well-formed reply."""
    found = []
    while output:
        if output.startswith(FOUND[mode]):
            found.append("right")
            output = output.removeprefix(FOUND[mode])
            continue
        reply, end, output = output.partition(ENDS[mode])
        assert end, reply
        if mode == SOCKETMAP:
            length, _, reply = reply.partition(b":")
            assert len(reply) == int(length)
        assert reply.startswith(TEMPORARY[mode]), reply
        found.append("temporary")
    return found


def tried(
    handler_for: Callable[..., Handler],
    backend: ScriptedBackend,
    mode: str,
    limit: tuple[str, int],
    body: bytes,
) -> list[str]:
    """What becomes of two requests of a handler with a limit, which the backend answers."""
    before = len(backend.requests)
    backend.steps.clear()
    backend.script(*[answer(200, body)] * 2)
    prefix = ["prlimit", "--{}={}".format(*limit), "--"]
    handler = handler_for(mode, launch_with={"prefix": prefix}, max_response_bytes=2 * MB)
    with contextlib.suppress(ConnectionError):  # it may be gone before
        handler.client.send(REQUEST[mode] * 2)
        handler.client.half_close()
    try:
        output = handler.result()[0]
    except TimeoutError:
        used = processor_sec(handler)
        where = Path(f"/proc/{handler.process.pid}/wchan").read_text()
        handler.process.kill()
        assert used > SPINNING_SEC, f"it sleeps, at a limit of {limit}: {where}; {handler.log!r}"
        return ["spinning"]
    found = replies(mode, output)
    assert len(found) <= 2
    assert len(backend.requests) - before <= 2
    return found


def processor_sec(handler: Handler) -> float:
    """How long a handler has used a processor."""
    stat = Path(f"/proc/{handler.process.pid}/stat").read_text()
    user, system = stat.rpartition(")")[2].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "name, limits", [("nofile", DESCRIPTORS), ("as", MEMORY)], ids=["descriptors", "memory"]
)
def test_exhaustion(request, handler_for, backend, mode, name, limits):
    """Each request has one reply that is right or temporary, or the connection is closed."""
    found = [tried(handler_for, backend, mode, (name, limit), FOUND_BODY[mode]) for limit in limits]
    request.node.add_report_section("call", "limits", f"{list(zip(limits, found, strict=True))}")
    assert found.count(["spinning"]) <= (1 if name == "as" else 0)
    assert found[0] == []
    assert found[-1] == ["right", "right"]


def test_a_response_too_large_for_the_memory(request, handler_for, backend):
    """The same when memory ends while a response is read: a lookup is not answered by a part."""
    limits = (*range(17 * MB, 33 * MB, MB), 1000 * MB)
    found = [tried(handler_for, backend, TCP, ("as", limit), LONG) for limit in limits]
    request.node.add_report_section("call", "limits", f"{list(zip(limits, found, strict=True))}")
    assert found.count(["spinning"]) <= 1
    # A value of 900 kB is no answer to Postfix.
    assert found[-1] == ["temporary", "temporary"]
    assert all("right" not in each for each in found)
