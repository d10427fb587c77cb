# SPDX-License-Identifier: MIT
"""The REST backend that runs inside a container; container_backend.py is its other end.

A program for any Python from 3.11 on that needs only the standard library. One JSON object a line
on stdin: {"routes": {PATH: ROUTE}} replaces the table (the first line must), {"release": true} lets
requests continue that a route holds. One a line on stdout: {"port": N, "pid": P} first, {"done":
true} for each line of stdin, and {"request": ...} for each HTTP request, as it arrives. The end of
stdin ends it.
"""

import base64
import contextlib
import json
import os
import socket
import struct
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote

_AT_ONCE = struct.pack("ii", 1, 0)

_output = threading.Lock()
_released = threading.Condition()
_state: dict[str, Any] = {"routes": {}, "releases": 0}


def _say(message: dict[str, Any]) -> None:
    with _output:
        print(json.dumps(message), flush=True)  # noqa: T201 - the protocol


def _parameter(wanted: str, query: str) -> str:
    pairs = (part.partition("=") for part in query.split("&"))
    return next((unquote(value) for name, _, value in pairs if name == wanted), "")


def _route_of(path: str, query: str) -> dict[str, Any]:
    missing = {"status": 404, "body": "no such route"}
    route = _state["routes"].get(path, missing)
    chosen = route["maps"].get(_parameter("name", query), missing) if "maps" in route else {}
    return {**route, **chosen}


def _answer(route: dict[str, Any], query: str, body: bytes) -> tuple[int, bytes]:
    if "actions" in route:
        value = _parameter(route["attribute"], body.decode())
        return 200, route["actions"].get(value, route["otherwise"]).encode()
    if "table" not in route:
        return route["status"], route["body"].encode()
    values = route["table"].get(_parameter("key", query))
    if isinstance(values, int):
        return values, b""
    return (404, b"not found") if values is None else (200, json.dumps(values).encode())


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def _serve(self) -> None:
        path, _, query = self.path.partition("?")
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        with _released:
            route = _route_of(path, query)
            releases = _state["releases"]
        headers = {name.lower(): value for name, value in self.headers.items()}
        text = base64.b64encode(body).decode()
        _say({"request": [self.command, path, query, headers, text, self.client_address[:2]]})
        if route.get("hold"):
            with _released:
                _released.wait_for(lambda: _state["releases"] > releases)
        if headers.get("x-auth-token") not in route.get("tokens", [headers.get("x-auth-token")]):
            route = {"status": 403, "body": ""}
        time.sleep(route.get("delay_sec", 0))
        self.close_connection = "raw" in route
        if "raw" in route:
            self._break_off(route["raw"].encode("latin-1"), with_reset=route["reset"])
        else:
            self._respond(*_answer(route, query, body), route.get("headers", {}))

    def _break_off(self, data: bytes, *, with_reset: bool) -> None:
        with contextlib.suppress(ConnectionError):
            self.wfile.write(data)
            if with_reset:
                # What socketserver does at the end would send a FIN first.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
                os.close(self.connection.detach())

    def _respond(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        # A handler whose deadline has passed is gone; that is its right.
        with contextlib.suppress(ConnectionError):
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

    do_GET = do_POST = _serve  # noqa: N815 - http.server's names

    def log_message(self, *_arguments: object) -> None:
        """Print nothing: each request is reported."""


class _Server(ThreadingHTTPServer):
    # A thousand handlers may connect at once.
    request_queue_size = 4096
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """Print nothing: a handler may be killed in the middle of a request."""


def _obey(line: str) -> None:
    command = json.loads(line)
    with _released:
        if "routes" in command:
            _state["routes"] = command["routes"]
        if "release" in command:
            _state["releases"] += 1
            _released.notify_all()
    _say({"done": True})


def main() -> None:
    """Serve on 127.0.0.1 and the port given as the argument, 0 for a free one."""
    server = _Server(("127.0.0.1", int(sys.argv[1])), _Handler)
    _say({"port": server.server_address[1], "pid": os.getpid()})
    # Connections wait until there are routes: "no such route" is a 404, which bounces mail.
    _obey(sys.stdin.readline())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin:
        _obey(line)
    os._exit(0)


if __name__ == "__main__":
    main()
