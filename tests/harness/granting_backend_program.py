# SPDX-License-Identifier: MIT
"""The REST backend for long loads; granting_backend.py is its other end.

A program for any Python from 3.11 on that needs only the standard library. It answers lookups below
`/` for each endpoint, `/ENDPOINT?key=KEY&name=MAP`. A key says what the answer is to be:
KIND-MAX_AGE-STALE-NUMBER, where KIND is `found`, `absent` or `changing` (the one and the other,
second by second), and the next two are numbers, or `no` for an answer that must not be stored.

A value is the running number of the answer, the map, the key and the token of the request, so no
two are alike. Before it sends one, it prints a line of JSON: [TIME, ENDPOINT, MAP, KEY, TOKEN,
VALUE or null], where TIME is that of CLOCK_MONOTONIC. The first line is {"port": N, "pid": P}.

One word a line on stdin is how it answers from then on: `well`, `slow` (well, each answer SLOW_SEC
after it was noted), `status` (500), `half` (a response that is not complete), `junk` (a body that
cannot be used). It prints the word when it is so.
"""

import contextlib
import itertools
import json
import os
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl

SLOW_SEC = 1.0
DELAYS_SEC = {0: 0.5, 5: 0.1}
"""By the last digit of an answer's number: how long it is under way, so that things can happen."""

_output = threading.Lock()
_numbers = itertools.count()
_state = {"word": "well"}


def _say(message: object) -> None:
    with _output:
        print(json.dumps(message), flush=True)  # noqa: T201 - the protocol


def _permission(key: str) -> dict[str, str]:
    _, max_age, stale, _ = key.split("-")
    if max_age == "no":
        return {"Cache-Control": "no-store"}
    return {"Cache-Control": f"max-age={max_age}, stale-if-error={stale}"}


def _is_found(key: str) -> bool:
    kind = key.partition("-")[0]
    return kind == "found" or (kind == "changing" and int(time.monotonic()) % 2 == 0)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        # A handler that was killed is gone.
        with contextlib.suppress(ConnectionError):
            self._answer(_state["word"])

    def _answer(self, word: str) -> None:
        if word not in {"well", "slow"}:
            body = b"[" if word == "junk" else b""
            self._respond(500 if word == "status" else 200, body, {}, missing=int(word == "half"))
            return
        path, _, query = self.path.partition("?")
        asked = dict(parse_qsl(query, keep_blank_values=True))
        key, map_name = asked["key"], asked.get("name", "")
        token = self.headers["X-Auth-Token"]
        number = next(_numbers)
        value = f"{number}.{os.getpid()}.{map_name}.{key}.{token}" if _is_found(key) else None
        _say([time.monotonic(), path.strip("/"), map_name, key, token, value])
        time.sleep(SLOW_SEC if word == "slow" else DELAYS_SEC.get(number % 10, 0))
        body = b"" if value is None else json.dumps([value]).encode()
        self._respond(404 if value is None else 200, body, _permission(key))

    def _respond(self, status: int, body: bytes, fields: dict[str, str], missing: int = 0) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) + missing))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = missing > 0

    def log_message(self, *_arguments: object) -> None:
        """Print nothing but answers."""


class _Server(ThreadingHTTPServer):
    # Hundreds of handlers may connect at once.
    request_queue_size = 4096
    daemon_threads = True

    def handle_error(self, *_arguments: object) -> None:
        """Print nothing: a handler may be killed in the middle of a request."""


def main() -> None:
    """Serve on 127.0.0.1 and the port given as the argument, 0 for a free one."""
    server = _Server(("127.0.0.1", int(sys.argv[1])), _Handler)
    _say({"port": server.server_address[1], "pid": os.getpid()})
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin:
        _state["word"] = line.strip()
        _say(line.strip())
    os._exit(0)


if __name__ == "__main__":
    main()
