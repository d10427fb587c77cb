# SPDX-License-Identifier: MIT
"""Asks the backends of an endpoint, without a socket and without a handler's process.

The answer comes from the same code as in a handler (answering.py), so it is the one that a handler
would give. But it runs as the present user, outside the handler's sandbox, so the two may differ in
what they can reach and read. Later changes of the endpoint's files have no effect.

The outcome shows whether an answer is the backend's, whatever its words are.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd import answering
from postfix_rest_inetd.admin.ask import codec as postfix_codec
from postfix_rest_inetd.admin.ask.socket_client import NoAnswerError
from postfix_rest_inetd.backend import client_of
from postfix_rest_inetd.config import credentials
from postfix_rest_inetd.protocols import codec_of

if TYPE_CHECKING:
    from postfix_rest_inetd import model
    from postfix_rest_inetd.admin.ask.codec import Answer
    from postfix_rest_inetd.admin.ask.record import Record
    from postfix_rest_inetd.backend.backends import Backends
    from postfix_rest_inetd.backend.client import Client
    from postfix_rest_inetd.config.endpoint import Endpoint
    from postfix_rest_inetd.deadline import Deadline, Trace

_SECRET_HEADERS = {b"x-auth-token", b"authorization", b"cookie", b"set-cookie"}


class DirectClient:
    """Asks the backends of one endpoint; the connections to them are kept."""

    def __init__(self, endpoint: Endpoint, user_agent: str) -> None:
        """Connect to nothing yet.

        Raises:
            ConfigError: a token, certificate or key file, or a target, cannot be used.
        """
        token = credentials.auth_token_of(endpoint)
        self._endpoint = endpoint
        self._client = client_of(endpoint, user_agent, token)
        self._secret = token
        self._names = _SECRET_HEADERS | {name.lower().encode() for name in endpoint.headers}

    def close(self) -> None:
        """End the connection."""
        self._client.close()

    def ask(self, request: model.Request, record: Record) -> Answer:
        """Ask the backend, and turn its response into the reply that Postfix would read.

        Raises:
            NoAnswerError: the endpoint's failure-action is to close the connection.
        """
        try:
            made = self.answer(request, _Recorder(record))
        finally:
            record.end()
            record.mask(self._names, self._secret)
        if made.facts.target:
            record.note("target", made.facts.target)
        if made.facts.failed:
            record.note("failed", made.facts.failed)
        if made.facts.detail:
            record.note("failure", made.facts.detail)
        record.note("request id", made.facts.request_id)
        record.note("outcome", made.reply.outcome)
        record.outcome = made.reply.outcome
        if made.wire is None:
            raise NoAnswerError("failure-action is close: the connection ends", closed=True)
        record.saw("reply", made.wire, sent=False)
        decoder = postfix_codec.ReplyDecoder(self._endpoint.mode)
        decoder.feed(made.wire)
        answer = decoder.next_answer()
        if answer is None:
            raise AssertionError("the codec has made half a reply")
        return answer

    def answer(self, request: model.Request, trace: Trace | None = None) -> answering.Answer:
        """The answer of a handler, with the facts that it would log."""
        source, codec = _AsRead(self._endpoint, self._client), codec_of(self._endpoint.mode)
        return answering.answer(source, self._endpoint, codec, request, trace)


class _AsRead:
    """An endpoint and its client, which never change: an answering.Source."""

    problem = None
    shared = None  # the answer is always asked

    def __init__(self, endpoint: Endpoint, client: Client | Backends) -> None:
        self.endpoint = endpoint
        self._client = client

    def client(self) -> Client | Backends:
        """The client for the backend."""
        return self._client

    def has_changed(self, _deadline: Deadline) -> bool:
        """The endpoint and its client never change."""
        return False


class _Recorder:
    """Records what happens: a deadline.Trace."""

    def __init__(self, record: Record) -> None:
        self._record = record

    def stage(self, name: str) -> None:
        """Record a step."""
        self._record.begin(name)

    def sent(self, data: bytes) -> None:
        """Record the request, for -v."""
        self._record.saw("HTTP request", data, sent=True)

    def received(self, data: bytes) -> None:
        """Record a piece of the response, for -v."""
        self._record.saw("HTTP response", data, sent=False)

    def status(self, status: int) -> None:
        """Add a note, which helps to find the request in the backend's log."""
        self._record.note("response", f"HTTP status {status}")
