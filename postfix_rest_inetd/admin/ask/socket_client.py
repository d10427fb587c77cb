# SPDX-License-Identifier: MIT
"""Asks an endpoint as Postfix does: through the socket on which it listens.

One connection serves any number of questions, one at a time, as with Postfix. When the other side
has closed it, the next question opens a new one. No question is asked a second time; `effects` says
when Postfix would do so.

A wildcard address is asked at loopback. The longest wait is the endpoint's request-timeout, which
the handler keeps, and GRACE_SEC for the start of a handler; Postfix itself waits for 100 s.
"""

from __future__ import annotations

import select
import socket
from time import monotonic
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.ask import codec
from postfix_rest_inetd.config.address import LocalAddress
from postfix_rest_inetd.units.advice import command
from postfix_rest_inetd.units.names import socket_of

if TYPE_CHECKING:
    from postfix_rest_inetd import model
    from postfix_rest_inetd.admin.ask.codec import Answer
    from postfix_rest_inetd.admin.ask.record import Record
    from postfix_rest_inetd.config.endpoint import Endpoint

GRACE_SEC = 10.0
PIECE_BYTES = 65536

_IPV4, _IPV6 = 4, 16
_LOOPBACK = {b"\0" * _IPV4: b"\x7f\0\0\1", b"\0" * _IPV6: b"\0" * 15 + b"\1"}


class NoAnswerError(Exception):
    """Postfix gets no reply that it can use.

    Attributes:
        closed: has the connection ended, or could it not be made? Otherwise nothing arrived in
            time, or not a reply.
    """

    def __init__(self, text: str, *, closed: bool) -> None:
        """`text` says why, and what to do if that is known."""
        super().__init__(text)
        self.closed = closed


def reachable(address: LocalAddress) -> LocalAddress:
    """Where to connect to for an address that is listened on."""
    if address.ip in _LOOPBACK:
        return LocalAddress(_LOOPBACK[address.ip], address.port)
    return address


class SocketClient:
    """Asks one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        """Connect to nothing yet."""
        self._endpoint = endpoint
        self._address = reachable(endpoint.address)
        self._socket: socket.socket | None = None
        self._timeout_sec = endpoint.request_timeout / 1000 + GRACE_SEC

    def close(self) -> None:
        """End the connection."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def ask(self, request: model.Request, record: Record) -> Answer:
        """Send a request and wait for the reply.

        Raises:
            NoAnswerError: there is none, or none that Postfix could use.
        """
        data = codec.encode(self._endpoint.mode, request)
        deadline = monotonic() + self._timeout_sec
        complete = False
        try:
            connection = self._connection(deadline, record)
            record.begin("sending the request")
            record.saw("request", data, sent=True)
            connection.sendall(data)
            record.begin("waiting for the reply: the handler, and its backend")
            answer = self._receive(connection, deadline, record)
            complete = True
        except TimeoutError:
            text = f"no reply within {self._timeout_sec:.0f} s"
            raise NoAnswerError(text, closed=False) from None
        except OSError as error:
            raise NoAnswerError(f"the connection broke: {error.strerror}", closed=True) from None
        except codec.ReplyError as error:
            raise NoAnswerError(str(error), closed=False) from None
        finally:
            record.end()
            if not complete:
                self.close()
        return answer

    def _connection(self, deadline: float, record: Record) -> socket.socket:
        if self._socket is not None and not select.select([self._socket], [], [], 0)[0]:
            return self._socket
        self.close()
        record.begin(f"connecting to {self._address}")
        try:
            self._socket = _connected(self._address, deadline - monotonic())
        except OSError as error:
            reason = error.strerror or "no answer in time"
            text = f"cannot connect to {self._address}: {reason}; {_advice(error, self._endpoint)}"
            raise NoAnswerError(text, closed=True) from None
        return self._socket

    def _receive(self, connection: socket.socket, deadline: float, record: Record) -> Answer:
        decoder = codec.ReplyDecoder(self._endpoint.mode)
        while (answer := decoder.next_answer()) is None:
            connection.settimeout(max(0.001, deadline - monotonic()))
            data = connection.recv(PIECE_BYTES)
            if not data:
                where = "in the middle of the reply" if decoder.pending else "without a reply"
                text = f"the connection was closed {where}"
                raise NoAnswerError(text, closed=True)
            record.saw("reply", data, sent=False)
            decoder.feed(data)
        return answer


def may_be_the_handlers(endpoint: Endpoint, answer: Answer) -> bool:
    """Could this action be the handler's own, because its backend has failed?

    The handler's own action is a reply code with a text, or the failure-action. The reply does not
    tell, because the backend may give the same action. The journal does.
    """
    action = answer.text.decode(errors="backslashreplace")
    is_failure = action[:1].isdigit() or action == endpoint.failure_action
    return not endpoint.is_lookup and is_failure


def _connected(address: LocalAddress, timeout_sec: float) -> socket.socket:
    if address.ip is None:
        family: int = socket.AF_UNIX
        name: str | tuple[str, int] = address.path or ""
    else:
        family = socket.AF_INET if len(address.ip) == _IPV4 else socket.AF_INET6
        name = (socket.inet_ntop(family, address.ip), address.port)
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout_sec)
        connection.connect(name)
    except BaseException:
        connection.close()
        raise
    return connection


def _advice(error: OSError, endpoint: Endpoint) -> str:
    """What to do about a connection that cannot be made."""
    unit = socket_of(endpoint.mode, "all")
    if isinstance(error, PermissionError):
        return "the socket belongs to postfix: ask as root"
    if isinstance(error, (ConnectionRefusedError, FileNotFoundError)):
        return f"nobody listens there: {command('status', unit)}"
    return "is the address one of this machine's?"
