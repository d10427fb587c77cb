# SPDX-License-Identifier: MIT
"""The REST backend of the demo: the smallest form of what the author of a backend writes.

A lookup is answered with 200 and a JSON array of strings, which is empty for an unknown key; 404 is
for an unknown path or map. Keys are looked up in lower case, and addresses also without their
extension, because Postfix leaves both to the backend. Cache-Control says how long the answer to a
lookup may be used again. The policy route gets Postfix's attributes as
a form, and answers with 200 and one line, the action. X-Auth-Token must be right; otherwise the
answer is 403, and Postfix sees a configuration error.

    GET  /domains?key=K                              tcp-lookup
    GET  /maps?name=domain|mailbox|alias&key=K       socketmap-lookup
    POST /policy                                     policy

Requests that concern the domain BROKEN are answered with 500, to show what happens if a backend
fails. Each request is passed to `report` before its response is sent, so the report is available
when the reply arrives.
"""

from __future__ import annotations

import contextlib
import hmac
import json
import re
import socketserver
import threading
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qs, urlsplit

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

BROKEN = "broken.example"
MAPS = {
    "domain": {"example.org": ["example.org"], "example.net": ["example.net"]},
    "mailbox": {
        "alice@example.org": ["example.org/alice/"],
        "bob@example.org": ["example.org/bob/"],
        "carol@example.net": ["example.net/carol/"],
    },
    "alias": {
        "info@example.org": ["alice@example.org", "bob@example.org"],
        "postmaster@example.net": ["carol@example.net"],
    },
}
CACHING = "max-age=60, stale-if-error=86400"
POLICIES = {  # by the domain of the sender; all others get DUNNO: no objection
    "spam.example": "REJECT mail from spam.example is not welcome here",
    "grey.example": "DEFER_IF_PERMIT please come back later",
}
# The handler never sends more: 512 KiB of attributes, three bytes for each when encoded.
MAX_BODY_BYTES = 3 * 512 * 1024


class Exchange(NamedTuple):
    """One HTTP request and the response to it."""

    method: str
    target: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: HTTPStatus
    answer: bytes


class _Server(ThreadingHTTPServer):
    """An HTTP server on a free loopback port that knows its token and its reporter."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, token: str, report: Callable[[Exchange], None]) -> None:
        self.token = token
        self.report = report
        super().__init__(("127.0.0.1", 0), _Handler)

    def server_bind(self) -> None:
        """Bind without HTTPServer's search for a host name, which may wait for a DNS."""
        socketserver.TCPServer.server_bind(self)
        self.server_name, self.server_port = "127.0.0.1", self.server_address[1]

    def handle_error(self, request: object, client_address: object) -> None:
        """Print nothing when a client closes the connection early: the handler reports it."""


class _Handler(BaseHTTPRequestHandler):
    """One connection of a handler, kept alive between requests as HTTP/1.1 does."""

    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body are sent together
    server: _Server

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        self._respond(b"", lambda: _lookup(url.path, url.query))

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not (length.isascii() and length.isdigit()) or int(length) > MAX_BODY_BYTES:
            self.close_connection = True  # the body is not read
            self._respond(b"", lambda: (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, b""))
            return
        body = self.rfile.read(int(length))
        self._respond(body, lambda: _policy(self.path, body))

    def _respond(self, body: bytes, answer: Callable[[], tuple[HTTPStatus, bytes]]) -> None:
        token = self.headers.get("X-Auth-Token", "")
        right = hmac.compare_digest(token.encode(), self.server.token.encode())
        status, content = answer() if right else (HTTPStatus.FORBIDDEN, b"")
        headers = tuple(self.headers.items())
        self.server.report(Exchange(self.command, self.path, headers, body, status, content))
        self.send_response(status)
        kind = "application/json" if self.command == "GET" else "text/plain; charset=utf-8"
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        if self.command == "GET" and status == HTTPStatus.OK:
            self.send_header("Cache-Control", CACHING)
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: object) -> None:
        """Print nothing: requests are reported, not logged."""


def _lookup(path: str, query: str) -> tuple[HTTPStatus, bytes]:
    parameters = parse_qs(query, keep_blank_values=True)
    key = parameters.get("key", [""])[0]
    name = "domain" if path == "/domains" else parameters.get("name", [""])[0]
    if _domain(key) == BROKEN:
        return HTTPStatus.INTERNAL_SERVER_ERROR, b""
    table = MAPS.get(name) if path in {"/domains", "/maps"} else None
    if table is None:
        return HTTPStatus.NOT_FOUND, b""
    key = key.lower()
    plain = re.sub(r"^(.+?)\+.*@", r"\1@", key)
    values: list[str] = table.get(key) or table.get(plain, [])
    return HTTPStatus.OK, json.dumps(values).encode()


def _domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _policy(path: str, body: bytes) -> tuple[HTTPStatus, bytes]:
    if path != "/policy":
        return HTTPStatus.NOT_FOUND, b""
    form = parse_qs(body.decode(errors="replace"), keep_blank_values=True)
    sender, recipient = (form.get(name, [""])[0] for name in ("sender", "recipient"))
    if BROKEN in {_domain(sender), _domain(recipient)}:
        return HTTPStatus.INTERNAL_SERVER_ERROR, b""
    return HTTPStatus.OK, POLICIES.get(_domain(sender), "DUNNO").encode()


@contextlib.contextmanager
def serving(token: str, report: Callable[[Exchange], None]) -> Iterator[int]:
    """Serve on a loopback port, which is yielded, until the context ends."""
    with _Server(token, report) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1})
        thread.start()
        try:
            yield server.server_port
        finally:
            server.shutdown()
            thread.join()
