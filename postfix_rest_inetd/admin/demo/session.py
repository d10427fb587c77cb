# SPDX-License-Identifier: MIT
"""One run of the demo: a REST backend, three endpoints, one question of each kind.

Only Postfix is simulated. systemd-socket-activate owns the sockets as .socket units would
(sockets.py) and starts the real handler for each connection, which asks a REST backend
(backend.py). Everything is on loopback and in a private temporary directory, which is removed
afterwards. Only the main thread prints (screen.py); other threads send it events through a queue.
"""

from __future__ import annotations

import contextlib
import json
import queue
import secrets
import signal
import socket
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.demo import backend as demo_backend
from postfix_rest_inetd.admin.demo import screen
from postfix_rest_inetd.admin.demo.questions import ENDPOINTS, QUESTIONS
from postfix_rest_inetd.admin.demo.sockets import (
    ADDRESS,
    HANDLER_ENDED,
    Line,
    SocketError,
    collect,
    listen,
    take,
)

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.demo.questions import Question
    from postfix_rest_inetd.admin.demo.sockets import Event, Events

REQUEST_TIMEOUT_MSEC = 2000
REPLY_TIMEOUT_SEC = 15.0  # a loaded machine may need seconds to start Python
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def run(first_port: int, *, once: bool) -> bool:
    """Show the demo; returns whether every answer was right, byte for byte.

    Without ONCE, it then stays up until one of STOP_SIGNALS comes.

    Raises:
        SocketError: an endpoint cannot listen.
        KeyboardInterrupt: one of STOP_SIGNALS came before the questions were over.
    """
    events: Events = queue.SimpleQueue()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: events.put(None))
    with contextlib.ExitStack() as cleanup:
        return _run(first_port, events, cleanup, once=once)


def _run(first_port: int, events: Events, cleanup: contextlib.ExitStack, *, once: bool) -> bool:
    token = secrets.token_hex(16)
    directory = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="postfix-rest-demo-"))
    config = Path(directory, "config.json")
    backend = cleanup.enter_context(demo_backend.serving(token, events.put))
    ports: dict[str, int] = {}
    for wanted, endpoint in enumerate(ENDPOINTS, first_port):
        port = ports[endpoint.name] = listen(endpoint, wanted, config, events, cleanup)
        if port != wanted:
            screen.port_taken(endpoint.name, wanted, port)
    # This is early enough: a handler reads it when a connection arrives.
    config.write_text(json.dumps(_config(ports, backend, token), indent=2) + "\n")
    screen.banner(ports, backend, config)
    wrong = [
        number
        for number, question in enumerate(QUESTIONS, 1)
        if not _ask(number, question, ports[question.endpoint], events)
    ]
    screen.summary(wrong)
    if once:
        return not wrong
    screen.invitation(ports)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            screen.event(_living(take(events)))
    screen.farewell()
    return not wrong


def _config(ports: dict[str, int], backend: int, token: str) -> dict[str, object]:
    return {
        "endpoints": [
            {
                "name": endpoint.name,
                "mode": endpoint.mode,
                "target": f"http://{ADDRESS}:{backend}{endpoint.path}",
                "bind-address": ADDRESS,
                "bind-port": ports[endpoint.name],
                "auth-token": token,
                "request-timeout": REQUEST_TIMEOUT_MSEC,
            }
            for endpoint in ENDPOINTS
        ]
    }


def _ask(number: int, question: Question, port: int, events: Events) -> bool:
    """Ask, and show each step; returns whether the reply was right."""
    screen.question(number, question, f"{ADDRESS}:{port}")
    started = time.monotonic()
    reply = _reply(port, question.request)
    elapsed = time.monotonic() - started

    def ended(event: Event) -> bool:
        if not isinstance(event, Line) or event.endpoint != question.endpoint:
            return False
        return event.text is None or HANDLER_ENDED.match(event.text) is not None

    happened = collect(events, ended, REPLY_TIMEOUT_SEC)
    screen.answer(question, reply, elapsed, happened)
    return reply == question.reply


def _reply(port: int, request: bytes) -> bytes:
    """Send a request as Postfix does; returns all data that arrives.

    The half-close after the first bytes shows whether anything follows the reply.
    """
    pieces: list[bytes] = []
    with (
        contextlib.suppress(OSError),  # an incomplete reply is shown as such
        socket.create_connection((ADDRESS, port), timeout=REPLY_TIMEOUT_SEC) as connection,
    ):
        connection.sendall(request)
        while piece := connection.recv(65536):
            if not pieces:
                connection.shutdown(socket.SHUT_WR)
            pieces.append(piece)
    return b"".join(pieces)


def _living(event: Event) -> Event:
    if isinstance(event, Line) and event.text is None:
        raise SocketError(f"the listener of {event.endpoint} has ended")
    return event
