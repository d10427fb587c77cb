# SPDX-License-Identifier: MIT
"""What a faulty backend does with a request or with a connection.

In raw bytes, BODY stands for a body that is an answer in the mode of the endpoint, LENGTH and
HEXLEN for its length. PADDED is that body with as many blanks as make 64 bytes of it.
"""

from __future__ import annotations

import contextlib
import socket
import ssl

from harness.modes import FOUND_BODY, POLICY
from harness.ports import free_port
from harness.scripted_backend import Connection, ScriptedBackend, Step, response

DRIP_SEC = 0.05

KEY_BYTES = len("case-000000")


class FaultyBackend(ScriptedBackend):
    """A backend of one mode; a request for whose key nothing is planned gets a good answer.

    `plans` is what to do with the first request that has a key. It does not matter when that
    arrives: the client may have given it up long before.
    """

    def __init__(self, mode: str, address: str, *, tls: ssl.SSLContext | None = None) -> None:
        self.mode = mode
        self.plans: dict[str, Step] = {}
        # The places of a World have its port at other addresses.
        super().__init__(default=_by_plan, tls=tls, address=address, port=free_port(address))

    def _serve(self, connection: Connection) -> None:
        # What has been sent before a reset has to be on its way.
        connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        super()._serve(connection)


def good_body(mode: str, value: str) -> bytes:
    """A body that is an answer with VALUE in it."""
    return f"REJECT {value}".encode() if mode == POLICY else f'["{value}"]'.encode()


def _key(connection: Connection) -> str:
    """The key of the request that has just arrived."""
    recorded = reversed(connection.backend.requests)
    raw = next(each.raw for each in recorded if each.connection == connection.number)
    return raw[raw.index(b"case-") :][:KEY_BYTES].decode()


def _by_plan(connection: Connection) -> None:
    connection.backend.plans.pop(_key(connection), answers)(connection)


def fill(connection: Connection, raw: bytes) -> bytes:
    """RAW with the placeholders replaced."""
    body = FOUND_BODY[connection.backend.mode]
    raw = raw.replace(b"HEXLEN", b"%x" % len(body)).replace(b"LENGTH", b"%d" % len(body))
    return raw.replace(b"BODY", body).replace(b"PADDED", body.ljust(64))


def _send(connection: Connection, raw: bytes) -> None:
    if raw:
        connection.send(fill(connection, raw))


def end(connection: Connection) -> None:
    """End the connection in order, with TLS's own end where there is TLS."""
    if isinstance(connection.sock, ssl.SSLSocket):
        connection.sock.settimeout(0)  # it does not wait for the other end
        with contextlib.suppress(OSError, ValueError):
            connection.sock.unwrap()
    connection.close()


def answers(connection: Connection) -> None:
    """Do nothing wrong."""
    connection.send(response(200, good_body(connection.backend.mode, _key(connection))))


def answers_then(step: Step) -> Step:
    """Answer, and do STEP while the connection is idle."""

    def both(connection: Connection) -> None:
        answers(connection)
        step(connection)

    return both


def sends(raw: bytes) -> Step:
    """Send RAW and keep the connection."""
    return lambda connection: _send(connection, raw)


def ends(raw: bytes) -> Step:
    """Send RAW and end the connection in order."""

    def step(connection: Connection) -> None:
        _send(connection, raw)
        end(connection)

    return step


def cuts(raw: bytes) -> Step:
    """Send RAW and close; TLS does not announce it, as if somebody on the way had done it."""

    def step(connection: Connection) -> None:
        _send(connection, raw)
        connection.close()

    return step


def resets(raw: bytes) -> Step:
    """Send RAW and reset the connection."""

    def step(connection: Connection) -> None:
        _send(connection, raw)
        connection.reset()

    return step


def stops(raw: bytes) -> Step:
    """Send RAW and nothing more."""

    def step(connection: Connection) -> None:
        _send(connection, raw)
        connection.wait_for_peer()

    return step


def drips(raw: bytes, *, behind: bytes = b"") -> Step:
    """Send BEHIND at once, then RAW byte by byte."""

    def step(connection: Connection) -> None:
        _send(connection, behind)
        for byte in fill(connection, raw):
            if connection.backend.stopping.wait(DRIP_SEC):
                return
            connection.send(bytes([byte]))

    return step


def repeats(piece: bytes, *, behind: bytes = b"") -> Step:
    """Send BEHIND, then PIECE without end."""

    def step(connection: Connection) -> None:
        _send(connection, behind)
        pieces = piece * (16384 // len(piece) + 1)
        while not connection.backend.stopping.is_set():
            connection.send(pieces)

    return step


def after_first_bytes(step: Step) -> Step:
    """Do STEP as soon as the other end has sent something."""

    def waiting(connection: Connection) -> None:
        connection.sock.recv(65536)
        step(connection)

    return waiting


def refuses(raw: bytes) -> Step:
    """Send RAW to a new connection, before any request, and close it."""

    def step(connection: Connection) -> None:
        if connection.backend._handshake(connection):
            connection.send(raw)
            end(connection)

    return step
