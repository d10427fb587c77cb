# SPDX-License-Identifier: MIT
"""The mailboxes of test_mail_storm: an LMTP server (RFC 2033) that notes what is delivered.

It takes everything, except for recipients whose names begin with `nobody`: these it refuses for
good. It is a part of the test's process, with a socket in the container's network.
"""

from __future__ import annotations

import re
import socketserver
import threading
import time
from typing import NamedTuple, Self

from integration.product import in_network

from harness.container import Container

NUMBER = "X-Storm-Number"
"""The field of a mail's header that tells which mail it is."""

_NUMBER = re.compile(rb"^%s: (\d+)\r$" % NUMBER.encode(), re.MULTILINE)
_QUEUE_ID = re.compile(rb"^Received:[^;]*?\bid (\w+)", re.MULTILINE)


class Delivery(NamedTuple):
    """A mail that was delivered to a mailbox."""

    mail: int
    mailbox: str
    queue_id: str
    when: float
    """By CLOCK_MONOTONIC."""


class Mailboxes:
    """The server, on PORT, from entering to leaving the context."""

    def __init__(self, container: Container, port: int) -> None:
        self.deliveries: list[Delivery] = []
        deliveries = self.deliveries

        class Handler(_Dialogue):
            def keep(self, found: list[Delivery]) -> None:
                deliveries.extend(found)

        self._server = in_network(container, lambda: _Server(("127.0.0.1", port), Handler))

    def __enter__(self) -> Self:
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(self, *_exception: object) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    request_queue_size = 100
    daemon_threads = True
    allow_reuse_address = True


class _Dialogue(socketserver.StreamRequestHandler):
    disable_nagle_algorithm = True

    def keep(self, found: list[Delivery]) -> None:
        """Note deliveries; this comes before the client learns of them."""
        raise NotImplementedError

    def handle(self) -> None:
        # Postfix may be killed at any moment.
        try:
            self._converse()
        except ConnectionError:
            return

    def _converse(self) -> None:
        self._say("220 mailboxes")
        recipients: list[str] = []
        while line := self.rfile.readline():
            verb = line[:4].upper()
            if verb == b"LHLO":
                self._say("250-mailboxes", "250-PIPELINING", "250 ENHANCEDSTATUSCODES")
            elif verb == b"RCPT":
                recipient = line.partition(b"<")[2].rpartition(b">")[0].decode()
                is_nobody = recipient.startswith("nobody")
                recipients += [] if is_nobody else [recipient]
                self._say("550 5.1.1 nobody" if is_nobody else "250 2.1.5 ok")
            elif verb == b"DATA" and recipients:
                self._say("354 go on")
                self._take(recipients)
                recipients = []
            elif verb == b"QUIT":
                self._say("221 2.0.0 bye")
                return
            else:
                recipients = [] if verb in {b"MAIL", b"RSET"} else recipients
                self._say("503 5.5.1 nobody is left" if verb == b"DATA" else "250 2.0.0 ok")

    def _take(self, recipients: list[str]) -> None:
        lines = []
        while (line := self.rfile.readline()) != b".\r\n":
            if not line:
                # Without its end, it was not delivered.
                raise ConnectionResetError
            lines.append(line)
        mail, queue_id = _identify(b"".join(lines))
        now = time.monotonic()
        self.keep([Delivery(mail, recipient, queue_id, now) for recipient in recipients])
        self._say(*("250 2.0.0 delivered" for _ in recipients))

    def _say(self, *lines: str) -> None:
        self.wfile.write("".join(f"{line}\r\n" for line in lines).encode())


def _identify(text: bytes) -> tuple[int, str]:
    """The number of a mail, and its queue id; -1 if it is none of the test's, as a bounce is."""
    number, queue_id = _NUMBER.search(text), _QUEUE_ID.search(text)
    return int(number[1]) if number else -1, queue_id[1].decode() if queue_id else ""
