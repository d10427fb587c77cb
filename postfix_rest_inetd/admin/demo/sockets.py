# SPDX-License-Identifier: MIT
"""The sockets of the demo: systemd-socket-activate owns them, as a .socket unit would.

`listen` starts one listener and returns when it listens; the listener starts the handler of the
demo (handler.py) for each connection. Each line that a listener or a handler writes to standard
error becomes a `Line` event in the queue that `listen` was given; HANDLER_ENDED matches one such
line. `stop` first ends the handlers, each by its process id, so that their parent collects them,
and then the listener. All waits are for events, and have a limit.
"""

from __future__ import annotations

import contextlib
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import IO, TYPE_CHECKING, NamedTuple, cast

from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.admin.demo.backend import Exchange

if TYPE_CHECKING:
    from collections.abc import Callable

    from postfix_rest_inetd.admin.demo.questions import Endpoint

ADDRESS = "127.0.0.1"
COMMAND = "systemd-socket-activate"
HANDLER = "postfix_rest_inetd.admin.demo.handler"
LISTENING = "Listening on "
HANDLER_STARTED = re.compile(r"Spawned .* as PID (\d+)\.")
HANDLER_ENDED = re.compile(r"Child (\d+) died")
CHATTER = re.compile(
    r"Listening on |Communication attempt |Connection from |Spawned |Execing |Executing: |Child "
)

START_TIMEOUT_SEC = 10.0
STOP_TIMEOUT_SEC = 5.0  # a handler finishes its present request: two seconds at most
PORT_ATTEMPTS = 5


class SocketError(CommandError):
    """A listener cannot be started."""


class Line(NamedTuple):
    """A line that a listener or one of its handlers wrote to standard error; None for the end."""

    endpoint: str
    text: str | None


Event = Line | Exchange
# None asks the demo to end. A signal handler puts it here. It does not raise an exception, which
# could be raised anywhere, for example after the start of a listener and before it is recorded.
Events = queue.SimpleQueue[Event | None]


class Listener(NamedTuple):
    """A running systemd-socket-activate and the process ids of its handlers."""

    process: subprocess.Popen[bytes]
    reader: threading.Thread
    handlers: set[int]


def take(events: Events, timeout: float | None = None) -> Event:
    """Wait for an event; raise KeyboardInterrupt when the demo is to end instead."""
    event = events.get(timeout=timeout)
    if event is None:
        raise KeyboardInterrupt
    return event


def collect(events: Events, last: Callable[[Event], bool], timeout: float) -> list[Event]:
    """Take events until `last` is true for one; without `last`, for `timeout` seconds."""
    deadline = time.monotonic() + timeout
    taken: list[Event] = []
    with contextlib.suppress(queue.Empty):
        while not taken or not last(taken[-1]):
            taken.append(take(events, max(0.0, deadline - time.monotonic())))
    return taken


def listen(
    endpoint: Endpoint, port: int, config: Path, events: Events, cleanup: contextlib.ExitStack
) -> int:
    """Start the listener of an endpoint on `port` or, when that is taken, on a free one.

    Return its port; `cleanup` will stop it.
    """
    for _ in range(PORT_ATTEMPTS):
        listener = _start(endpoint, port, config, events)
        cleanup.callback(stop, listener, events)
        said = _said_until_listening(events)
        if said and said[-1].startswith(LISTENING):
            return port
        if not any("Address already in use" in text for text in said):
            reason = said[-1] if said else f"{COMMAND} does not say why"
            raise SocketError(f"{endpoint.name} cannot listen on {ADDRESS}:{port}: {reason}")
        with socket.create_server((ADDRESS, 0)) as free:
            port = free.getsockname()[1]
    raise SocketError(f"{endpoint.name} found no free port in {PORT_ATTEMPTS} attempts")


def _said_until_listening(events: Events) -> list[str]:
    def decided(event: Event) -> bool:
        return isinstance(event, Line) and (event.text or LISTENING).startswith(LISTENING)

    happened = collect(events, decided, START_TIMEOUT_SEC)
    return [event.text for event in happened if isinstance(event, Line) and event.text]


def _start(endpoint: Endpoint, port: int, config: Path, events: Events) -> Listener:
    checkout = Path(__file__).parents[3]
    command = [COMMAND, "--accept", "--inetd", f"--listen={ADDRESS}:{port}"]
    # A handler gets an almost empty environment, and must find the same code as this process.
    command += [f"--setenv=PYTHONPATH={checkout}", sys.executable, "-m", HANDLER]
    command += [f"--config={config}", f"--mode={endpoint.mode}"]
    environment = {"PATH": os.environ.get("PATH", os.defpath), "SYSTEMD_LOG_TARGET": "console"}
    environment |= {"SYSTEMD_LOG_LEVEL": "info", "SYSTEMD_LOG_COLOR": "0"}
    try:
        process = subprocess.Popen(  # noqa: S603 - no shell, and every word is ours
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            cwd=config.parent,  # `python3 -m` looks for modules here first: an empty directory
            env=environment,
            start_new_session=True,  # Ctrl-C must reach only the demo, which ends them in order
        )
    except FileNotFoundError:
        raise SocketError(
            f"{COMMAND} is missing; `apt install systemd` or `packaging/demo` installs it"
        ) from None
    handlers: set[int] = set()
    arguments = (endpoint.name, process, handlers, events)
    reader = threading.Thread(target=_read, args=arguments, daemon=True)
    reader.start()
    return Listener(process, reader, handlers)


def _read(name: str, process: subprocess.Popen[bytes], handlers: set[int], events: Events) -> None:
    with cast("IO[bytes]", process.stderr) as lines:  # it is a pipe: Popen was asked for one
        for line in lines:
            text = line.decode(errors="backslashreplace").rstrip("\n")
            if started := HANDLER_STARTED.match(text):
                handlers.add(int(started[1]))
            elif ended := HANDLER_ENDED.match(text):
                handlers.discard(int(ended[1]))
            events.put(Line(name, text))
    events.put(Line(name, None))


def stop(listener: Listener, events: Events) -> None:
    """End the handlers and their listener; return when they are gone."""
    _end_handlers(listener, events, signal.SIGTERM)
    _end_handlers(listener, events, signal.SIGKILL)
    listener.process.terminate()
    try:
        listener.process.wait(STOP_TIMEOUT_SEC)
    except subprocess.TimeoutExpired:
        listener.process.kill()
        listener.process.wait()
    # A connection accepted meanwhile: the kernel has ended its handler along with the listener.
    listener.reader.join(STOP_TIMEOUT_SEC)


def _end_handlers(listener: Listener, events: Events, number: signal.Signals) -> None:
    for pid in tuple(listener.handlers):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
    deadline = time.monotonic() + STOP_TIMEOUT_SEC
    with contextlib.suppress(queue.Empty):
        while listener.handlers:
            events.get(timeout=max(0.0, deadline - time.monotonic()))
