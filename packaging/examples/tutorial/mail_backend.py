# SPDX-License-Identifier: MIT
"""Tables and a policy for Postfix, from a file in JSON."""

import hmac
import json
import os
import re
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

DATA = Path("/etc/mail-backend.json")
TOKEN = Path(os.environ["CREDENTIALS_DIRECTORY"], "token")
TOKEN = TOKEN.read_text().strip()
# An answer to a lookup may be used again for a minute, or
# for a day while this program is down.
CACHING = "max-age=60, stale-if-error=86400"


class Handler(BaseHTTPRequestHandler):
    """Answers the requests on one connection."""

    protocol_version = "HTTP/1.1"  # keeps connections open
    wbufsize = -1  # head and body leave together

    def do_GET(self) -> None:
        """Answer a lookup."""
        url = urlsplit(self.path)
        query = parse_qs(url.query, keep_blank_values=True)
        name = query.get("name", [url.path.strip("/")])[0]
        table = json.loads(DATA.read_text()).get(name)
        if table is None:
            self.answer(404, "there is no such table")
            return
        key = query["key"][0].lower()
        plain = re.sub("^(.+?)[+].*@", lambda m: m[1] + "@", key)
        values = table.get(key) or table.get(plain, [])
        self.answer(200, json.dumps(values))

    def do_POST(self) -> None:
        """Answer a policy request."""
        size = int(self.headers["Content-Length"])
        form = parse_qs(self.rfile.read(size).decode())
        sender = form.get("sender", [""])[0].lower()
        blocked = json.loads(DATA.read_text())["blocked"]
        if sender in blocked:
            self.answer(200, "REJECT " + blocked[sender][0])
        else:
            self.answer(200, "DUNNO")

    def answer(self, status: int, text: str) -> None:
        """Send a response; only a client with the token gets TEXT."""
        token = self.headers.get("X-Auth-Token", "")
        if not TOKEN or not hmac.compare_digest(token, TOKEN):
            status, text = 403, "wrong token"
        body = text.encode()
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if self.command == "GET" and status == 200:
            self.send_header("Cache-Control", CACHING)
        self.end_headers()
        self.wfile.write(body)


ThreadingHTTPServer.request_queue_size = 128  # for bursts
ThreadingHTTPServer(("127.0.0.1", 8080), Handler).serve_forever()
