# SPDX-License-Identifier: MIT
"""The demo: an embedded REST backend, three endpoints, one question of each kind.

Nothing is simulated but Postfix: systemd-socket-activate owns the sockets as .socket units
would (demo.sockets), it starts the real handler for each connection, and that asks a REST
backend (demo.backend). Everything is on loopback and in a private temporary directory, and is
gone afterwards. Only the main thread prints (demo.screen); what happens elsewhere reaches it as
events through one queue.

Exit status: 0, with --once only when every answer was the right one, byte by byte; 1 when one
was not or the demo could not start; 2 for a usage error; 130 when interrupted before the
questions were over.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import queue
import secrets
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.demo import backend as demo_backend
from postfix_rest_inetd.admin.demo import screen
from postfix_rest_inetd.admin.demo.questions import ENDPOINTS, QUESTIONS, Question
from postfix_rest_inetd.admin.demo.sockets import (
    ADDRESS,
    HANDLER_ENDED,
    Event,
    Events,
    Line,
    SocketError,
    collect,
    listen,
    take,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

DEFAULT_PORT = 9001
REQUEST_TIMEOUT_MSEC = 2000
REPLY_TIMEOUT_SEC = 15.0  # a loaded machine may need seconds to start Python
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main(arguments: Sequence[str] | None = None, prog: str = "packaging/demo") -> int:
    """Run the demo as a program of its own; return its exit status."""
    parser = argparse.ArgumentParser(
        prog=prog,
        description="A REST backend and three endpoints on loopback: one question of each kind, "
        "step by step. Then it stays up for questions of your own until Ctrl-C.",
    )
    add_arguments(parser)
    return run(parser.parse_args(arguments), prog)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line knows."""
    last = len(ENDPOINTS) - 1

    def first_port(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= 65535 - last:
            raise argparse.ArgumentTypeError(f"{text} is not a port from 1 to {65535 - last}")
        return int(text)

    parser.add_argument(
        "--once",
        action="store_true",
        help="end after the questions; exit status 0 when the answers were right",
    )
    parser.add_argument(
        "--port",
        type=first_port,
        default=DEFAULT_PORT,
        metavar="N",
        help=f"listen on the ports N to N+{last} (default {DEFAULT_PORT})",
    )


def run(arguments: argparse.Namespace, prog: str = "postfix-rest-inetd demo") -> int:
    """Show the demo; return the exit status."""
    options = _Options(arguments.once, arguments.port)
    events: Events = queue.SimpleQueue()
    for number in STOP_SIGNALS:
        signal.signal(number, lambda *_: events.put(None))
    try:
        with contextlib.ExitStack() as cleanup:
            return _run(options, events, cleanup)
    except SocketError as error:
        print(f"{prog}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:  # `packaging/demo | head`; the rest of the output goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


class _Options(NamedTuple):
    once: bool
    port: int


def _run(options: _Options, events: Events, cleanup: contextlib.ExitStack) -> int:
    token = secrets.token_hex(16)
    directory = cleanup.enter_context(tempfile.TemporaryDirectory(prefix="postfix-rest-demo-"))
    config = Path(directory, "config.json")
    backend = cleanup.enter_context(demo_backend.serving(token, events.put))
    ports: dict[str, int] = {}
    for wanted, endpoint in enumerate(ENDPOINTS, options.port):
        port = ports[endpoint.name] = listen(endpoint, wanted, config, events, cleanup)
        if port != wanted:
            screen.port_taken(endpoint.name, wanted, port)
    # In time: a handler reads it when a connection arrives.
    config.write_text(json.dumps(_config(ports, backend, token), indent=2) + "\n")
    screen.banner(ports, backend, config)
    wrong = [
        number
        for number, question in enumerate(QUESTIONS, 1)
        if not _ask(number, question, ports[question.endpoint], events)
    ]
    screen.summary(wrong)
    if options.once:
        return 1 if wrong else 0
    screen.invitation(ports)
    with contextlib.suppress(KeyboardInterrupt):
        while True:
            screen.event(_living(take(events)))
    screen.farewell()
    return 0


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
    """Ask, show each step, and tell whether the reply was the right one."""
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
    """Send a request as Postfix does; return all that comes back.

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


if __name__ == "__main__":
    sys.exit(main())
