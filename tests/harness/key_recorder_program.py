# SPDX-License-Identifier: MIT
"""Tables that record the lookups of Postfix; key_recorder.py is its other end.

A program for any Python from 3.11 on that needs only the standard library. Its argument is the
path of a unix socket to listen on, where it answers as a socketmap; each map name that its table
has also gets a tcp_table of its own, on a free port of loopback. Beside that socket is one with the
suffix `.login`, an authentication server in Dovecot's protocol that lets everybody in.

One JSON object on stdin: {MAP: {KEY: VALUE}}, what is found; null is an error. On stdout,
one a line, in the order of events: {"ports": {MAP: PORT}} first, then for each request
[PROGRAM, MAP, KEY], where PROGRAM is the name of the process that asks through the unix socket, and
empty for a tcp_table. For each further line on stdin, it says null. The end of stdin ends it.
"""

import json
import os
import socket
import struct
import sys
import threading
from pathlib import Path
from socketserver import StreamRequestHandler, ThreadingTCPServer, ThreadingUnixStreamServer
from typing import Any
from urllib.parse import unquote

LOGIN = b"Login"
_HANDSHAKE = b"VERSION\t1\t1\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\t0\nDONE\n"
_output = threading.Lock()


def _say(message: Any) -> None:
    with _output:
        print(json.dumps(message), flush=True)  # noqa: T201 - the protocol


def _reply(table: dict[str, str | None], key: str, words: tuple[str, str, str]) -> str:
    not_found, error, found = words
    if key not in table:
        return not_found
    value = table[key]
    return error if value is None else f"{found}{value}"


class _Socketmap(StreamRequestHandler):
    """One connection of a socketmap's client."""

    def handle(self) -> None:
        peer = self.request.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, 12)
        (pid, _, _) = struct.unpack("3i", peer)
        program = Path(f"/proc/{pid}/comm").read_text(encoding="utf-8").strip()
        while length := self._length():
            name, _, key = self.rfile.read(length + 1)[:-1].decode().partition(" ")
            _say([program, name, key])
            reply = _reply(self.server.tables[name], key, ("NOTFOUND ", "TEMP x", "OK ")).encode()
            self.wfile.write(b"%d:%s," % (len(reply), reply))

    def _length(self) -> int:
        digits = b""
        while (digit := self.rfile.read(1)) not in {b":", b""}:
            digits += digit
        return int(digits or b"0")


class _TcpTable(StreamRequestHandler):
    """One connection of a tcp_table's client."""

    def handle(self) -> None:
        for line in self.rfile:
            key = unquote(line.decode().removeprefix("get ").rstrip("\n"))
            _say(["", self.server.name, key])
            reply = _reply(self.server.table, key, ("500 x", "400 x", "200 "))
            self.wfile.write(f"{reply}\n".encode())


class _Login(StreamRequestHandler):
    """One connection of an smtpd(8) that has logins checked."""

    def handle(self) -> None:
        self.wfile.write(_HANDSHAKE)
        for line in self.rfile:
            verb, number, *_ = line.rstrip(b"\n").split(b"\t")
            if verb == b"AUTH":
                self.wfile.write(b"OK\t%s\tuser=%s\n" % (number, LOGIN))


class _UnixServer(ThreadingUnixStreamServer):
    daemon_threads = True
    request_queue_size = 128


class _TcpServer(ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 128


def main() -> None:
    """Serve until the end of stdin."""
    tables = json.loads(sys.stdin.readline())
    servers: list[Any] = []
    unix = _UnixServer(sys.argv[1], _Socketmap)
    unix.tables = tables
    login = _UnixServer(f"{sys.argv[1]}.login", _Login)
    for path in (unix.server_address, login.server_address):
        os.chmod(path, 0o666)
    ports = {}
    for name, table in tables.items():
        server = _TcpServer(("127.0.0.1", 0), _TcpTable)
        server.name, server.table = name, table
        ports[name] = server.server_address[1]
        servers.append(server)
    for server in (unix, login, *servers):
        threading.Thread(target=server.serve_forever, daemon=True).start()
    _say({"ports": ports})
    for _ in sys.stdin:
        _say(None)


if __name__ == "__main__":
    main()
