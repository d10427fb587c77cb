# SPDX-License-Identifier: MIT
"""Asking the backend itself, without a socket and without a handler's process.

Request, deadline, verdict and the bytes for Postfix are the handler's own (rest, deadline, verdict,
protocols): what comes out is what a handler would answer. It runs as the user who asks, outside of
the handler's sandbox; so the two may differ in what they can reach and read.

The stages of the handler's Deadline are the steps that the operator sees. What is sent and received
is watched at the stream, under TLS.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from postfix_rest_inetd import model, verdict
from postfix_rest_inetd.admin.ask import codec as postfix_codec
from postfix_rest_inetd.admin.ask.record import masked
from postfix_rest_inetd.admin.ask.socket_client import NoAnswerError
from postfix_rest_inetd.backend import client
from postfix_rest_inetd.config import credentials
from postfix_rest_inetd.deadline import Deadline
from postfix_rest_inetd.errors import BackendError
from postfix_rest_inetd.protocols import codec_of

if TYPE_CHECKING:
    from postfix_rest_inetd.admin.ask.codec import Answer
    from postfix_rest_inetd.admin.ask.record import Record
    from postfix_rest_inetd.backend.stream import Bounded
    from postfix_rest_inetd.config.endpoint import Endpoint

_SECRET_HEADERS = {b"x-auth-token", b"authorization", b"cookie", b"set-cookie"}


class DirectClient:
    """Asks the backend of one endpoint; the connection to it is kept."""

    def __init__(self, endpoint: Endpoint, user_agent: str) -> None:
        """Connect to nothing yet.

        Raises:
            ConfigError: a token, certificate or key file cannot be used.
        """
        token = credentials.auth_token_of(endpoint)
        self._endpoint = endpoint
        self._client = _WatchedClient(endpoint, user_agent, token)
        self._secret = token
        self._names = _SECRET_HEADERS | {name.lower().encode() for name in endpoint.headers}

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def ask(self, request: model.Request, record: Record) -> Answer:
        """Ask the backend, and turn its response into what Postfix would read.

        Raises:
            NoAnswerError: the endpoint's failure-action is to close the connection.
        """
        endpoint, codec = self._endpoint, codec_of(self._endpoint.mode)
        taps: list[tuple[str, bool, bytes]] = []
        self._client.taps = taps
        request_id = os.urandom(16).hex()
        try:
            deadline = _StepDeadline(endpoint.request_timeout / 1000, record)
            response = self._client.ask(request, request_id, deadline)
            record.note("response", f"HTTP status {response.status}")
            reply = verdict.of_response(endpoint, response)
            wire = codec.encode(reply)
            deadline.remaining_sec()
        except BackendError as error:
            record.note("failure", str(error))
            reply = verdict.of_failure(endpoint, error.outcome)
            wire = codec.encode(reply)
        finally:
            record.end()
            for name, sent, data in taps:
                record.saw(name, data, sent=sent)
            record.traffic = [
                piece._replace(data=masked(piece.data, self._names, self._secret))
                for piece in record.traffic
            ]
            record.note("request id", request_id)
        record.note("outcome", reply.outcome)
        if reply.kind == model.REPLY_NONE:
            raise NoAnswerError("failure-action is close: the connection ends", closed=True)
        record.saw("reply", wire, sent=False)
        decoder = postfix_codec.ReplyDecoder(endpoint.mode)
        decoder.feed(wire)
        answer = decoder.next_answer()
        if answer is None:
            raise AssertionError("the codec has made half a reply")
        return answer


class _StepDeadline(Deadline):
    """A deadline whose stages are the steps of a record."""

    __slots__ = ("_record",)

    def __init__(self, timeout_sec: float, record: Record) -> None:
        self._record = record
        super().__init__(timeout_sec)

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "stage" and value != "starting":  # which takes no time
            self._record.begin(str(value))


class _WatchedClient(client.Client):
    """The handler's client, with an eye on the bytes that it sends and receives."""

    taps: list[tuple[str, bool, bytes]]

    def _connect(self, deadline: Deadline) -> Bounded:
        stream = super()._connect(deadline)
        receive, transmit = stream.receive, stream.transmit

        def watched_receive() -> bytes:
            data = receive()
            if data:
                self.taps.append(("HTTP response", False, data))
            return data

        def watched_transmit(data: bytes) -> None:
            self.taps.append(("HTTP request", True, data))
            transmit(data)

        # On the stream itself, whose class is another with TLS.
        setattr(stream, "receive", watched_receive)  # noqa: B010 - a method, to mypy
        setattr(stream, "transmit", watched_transmit)  # noqa: B010
        return stream
