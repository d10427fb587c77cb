# SPDX-License-Identifier: MIT
"""An ordinary HTTP backend on loopback, as its author would write one: http.server and a table.

A test fills `routes`: a path leads to an `Answer`, or to a function from the `Recorded` request to
one; a path without a route is answered with 404. `requests` has what arrived, in order.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote_to_bytes

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


class Recorded(NamedTuple):
    """A request as the backend saw it."""

    method: str
    path: str
    query: str
    """As it was sent: not decoded."""
    headers: Mapping[str, str]
    """By lower-case name."""
    body: bytes
    connection: tuple[str, int]
    """The client's address: equal for the requests of one connection."""

    def key(self) -> bytes:
        """The decoded query parameter `key` of a lookup."""
        pairs = dict(part.split("=", 1) for part in self.query.split("&"))
        return unquote_to_bytes(pairs["key"])

    def attributes(self) -> list[tuple[str, str]]:
        """The attributes of a policy request, in order."""
        return parse_qsl(self.body.decode(), keep_blank_values=True, strict_parsing=True)


class Answer(NamedTuple):
    """An answer of the backend, and the delay before it."""

    status: int
    body: bytes
    delay_sec: float = 0


Route = Answer | Callable[[Recorded], Answer]


class RestBackend:
    """The table of routes, the record of requests, and the address to reach the backend."""

    def __init__(self) -> None:
        self.routes: dict[str, Route] = {}
        self.requests: list[Recorded] = []
        self.port = 0
        self.stopping = threading.Event()

    @property
    def url(self) -> str:
        """The target for an endpoint, without a path."""
        return f"http://127.0.0.1:{self.port}"

    def answer(self, request: Recorded) -> Answer:
        """Record REQUEST and look up its answer."""
        self.requests.append(request)
        route = self.routes.get(request.path, Answer(404, b"no such route"))
        answer = route if isinstance(route, Answer) else route(request)
        if answer.delay_sec:
            self.stopping.wait(answer.delay_sec)
        return answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    backend: RestBackend

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        headers = {name.lower(): value for name, value in self.headers.items()}
        request = Recorded(self.command, path, query, headers, body, self.client_address[:2])
        answer = self.backend.answer(request)
        # A handler whose deadline has passed is gone; that is its right.
        with contextlib.suppress(ConnectionError):
            self.send_response(answer.status)
            self.send_header("Content-Length", str(len(answer.body)))
            self.end_headers()
            self.wfile.write(answer.body)

    do_GET = do_POST = _serve  # noqa: N815  (http.server's names)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  (http.server's name)
        """Print nothing: `requests` is the record."""


@contextlib.contextmanager
def rest_backend() -> Iterator[RestBackend]:
    """Run a backend on a free port."""
    backend = RestBackend()
    handler = type("Handler", (_Handler,), {"backend": backend})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        server.daemon_threads = True
        backend.port = server.server_address[1]
        # Shutting down waits for one poll.
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield backend
        finally:
            backend.stopping.set()
            server.shutdown()
            thread.join()
