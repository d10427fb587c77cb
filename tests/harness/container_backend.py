# SPDX-License-Identifier: MIT
"""A REST backend on the loopback of a container; its routes and its record are in the test.

It is a process of its own (container_backend_program.py, run by the container's Python) and can be
stopped and started again on the same port, as real backends are while mail flows. Its record is
kept. Frozen, it does not answer, while the kernel accepts connections for it. `answer`, `lookup`,
`maps`, `actions`, `permitting`, `held`, `guarded` and `dropped` make routes.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any, Self

from harness.process_group import end
from harness.rest_backend import Recorded

if TYPE_CHECKING:
    from harness.container import Container

WAIT_SEC = 30
FREEZE = """
kill -STOP "$1"
while grep -h ^State: /proc/"$1"/task/*/status | grep -qv stopped; do :; done
"""
_PROGRAM = Path(__file__).with_name("container_backend_program.py")

Route = Mapping[str, Any]


def answer(
    body: str = "",
    status: int = 200,
    *,
    delay_sec: float = 0,
    headers: Mapping[str, str] | None = None,
) -> Route:
    """Every request of the path gets this answer after DELAY_SEC."""
    return {"body": body, "status": status, "delay_sec": delay_sec, "headers": dict(headers or {})}


def lookup(table: Mapping[str, Sequence[str] | int], *, delay_sec: float = 0) -> Route:
    """A lookup service: the values of the key in TABLE as a JSON array, 404 for any other key.

    A number instead of values is the status of a response without a body.
    """
    return {"table": dict(table), "delay_sec": delay_sec}


def maps(routes: Mapping[str, Route]) -> Route:
    """For socketmap lookups: one of ROUTES by the map's name, 404 for any other name."""
    return {"maps": dict(routes)}


def permitting(route: Route, cache_control: str) -> Route:
    """ROUTE, with the header field Cache-Control in each response."""
    return {**route, "headers": {**route.get("headers", {}), "Cache-Control": cache_control}}


def held(route: Route) -> Route:
    """ROUTE, but each request waits until `Backend.release()` or a stop."""
    return {**route, "hold": True}


def guarded(route: Route, *tokens: str) -> Route:
    """ROUTE for a request with one of TOKENS; a 403 for any other."""
    return {**route, "tokens": tokens}


def dropped(raw: str = "", *, with_reset: bool = False) -> Route:
    """Each request is read, RAW sent as it is, and the connection closed, or reset."""
    return {"raw": raw, "reset": with_reset}


def actions(attribute: str, table: Mapping[str, str], otherwise: str = "DUNNO") -> Route:
    """A policy service: the action in TABLE for what the request has in ATTRIBUTE."""
    return {"actions": dict(table), "attribute": attribute, "otherwise": otherwise}


class Backend:
    """A backend that runs, with ROUTES by path; a path without a route is answered with 404."""

    def __init__(self, container: Container, routes: Mapping[str, Route]) -> None:
        self._requests: list[Recorded] = []
        self.port = 0
        self._pid = 0
        self._container = container
        self._routes = dict(routes)
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._changed = threading.Condition()
        self._done = 0
        self._over = False
        self.start()

    def url(self, path: str = "/") -> str:
        """The target for an endpoint."""
        return f"http://127.0.0.1:{self.port}{path}"

    # -- its life

    def start(self) -> None:
        """Start it, on the previous port if there is one; returns when it accepts connections."""
        assert self._process is None or self._process.poll() is not None, "it runs already"
        # After a reboot of the container, say, the process is gone without a stop.
        self.stop()
        source = _PROGRAM.read_text(encoding="utf-8")
        program = ["/usr/bin/python3", "-I", "-c", source, str(self.port)]
        pipe = subprocess.PIPE
        self._over = False
        self._process = self._container.popen(*program, stdin=pipe, stdout=pipe, stderr=None)
        begun = json.loads(self._output().readline() or '{"port": 0, "pid": 0}')
        self.port, self._pid = begun["port"], begun["pid"]
        assert self.port, "the backend does not start; its reason stands on stderr"
        self._reader = threading.Thread(target=self._read, args=(self._output(),), daemon=True)
        self._reader.start()
        self.set_routes(self._routes)

    def stop(self) -> None:
        """Kill it, if it runs: its connections break, and new ones are refused."""
        if self._process is None:
            return
        process, self._process = self._process, None
        end(process)
        if self._reader is not None:
            self._reader.join(WAIT_SEC)
        for stream in (process.stdin, process.stdout):
            if stream is not None:
                stream.close()

    def freeze(self) -> None:
        """Stop all its threads (SIGSTOP); returns when they have stopped."""
        self._container.shell(FREEZE, str(self._pid))

    def thaw(self) -> None:
        """Let it continue, with all that has arrived in the meantime."""
        assert self._process is not None, "the backend does not run"
        # nsenter(1), between the two, has stopped as well.
        os.killpg(self._process.pid, signal.SIGCONT)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_exception: object) -> None:
        self.stop()

    # -- what it answers

    def set_routes(self, routes: Mapping[str, Route]) -> None:
        """Replace all routes; this applies to every request that arrives from now on."""
        self._routes = dict(routes)
        if self._process is not None:
            self._command({"routes": self._routes})

    def release(self) -> None:
        """Let the requests continue that are held now."""
        self._command({"release": True})

    def _command(self, command: Mapping[str, Any]) -> None:
        assert self._process is not None, "the backend does not run"
        assert self._process.stdin is not None
        expected = self._done + 1
        self._process.stdin.write(json.dumps(command).encode() + b"\n")
        self._process.stdin.flush()
        self._wait(lambda: self._done >= expected, "the backend to obey")

    # -- what it was asked

    @property
    def requests(self) -> list[Recorded]:
        """What arrived, in order; all that was answered is there.

        The program reports a request before it answers, and what it reports is read by a thread: so
        that it has read as far as this, the program is asked something.
        """
        if self._process is not None and not self._over:
            self._command({})
        return self._requests

    def wait_for_requests(self, count: int) -> list[Recorded]:
        """Wait until COUNT requests have arrived in total, and return all of them."""
        self._wait(lambda: len(self._requests) >= count, f"{count} requests")
        return list(self._requests)

    def _wait(self, condition: Callable[[], bool], what: str) -> None:
        with self._changed:
            self._changed.wait_for(lambda: condition() or self._over, WAIT_SEC)
            state = (
                "its process is gone" if self._over else f"{len(self._requests)} requests so far"
            )
            assert condition(), f"waited in vain for {what} ({state})"

    def _output(self) -> IO[bytes]:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout

    def _read(self, stream: IO[bytes]) -> None:
        for line in stream:
            message = json.loads(line)
            with self._changed:
                if "request" in message:
                    *fields, body, connection = message["request"]
                    recorded = Recorded(*fields, base64.b64decode(body), tuple(connection))
                    self._requests.append(recorded)
                else:
                    self._done += 1
                self._changed.notify_all()
        with self._changed:
            self._over = True
            self._changed.notify_all()
