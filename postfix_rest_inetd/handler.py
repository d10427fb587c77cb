# SPDX-License-Identifier: MIT
"""One connection, from its first byte to its end: the loop, and the only module that logs requests.

What holds whatever happens:

- each request gets exactly one reply, in order, and nothing else is ever written;
- the handler never closes first, but after a broken request, a reply that is to close the
  connection (`failure-action`), SIGTERM between requests, or an error of its own;
- a configuration that cannot be used is a temporary error to every request, with the reason in the
  journal once; so is an exception that nobody expected, with exit status 70 after the reply.

It begins when the client has sent something. When the connection has been idle for
`hibernate-after`, the handler starts over as a bare interpreter (restart.py), which begins here
again when more arrives.
"""

from __future__ import annotations

import gc
import os
from time import monotonic_ns

from . import entry, journal, model, restart, verdict
from .connection import IDLE, READY, Connection
from .deadline import Deadline
from .errors import BackendError, BridgeError, ConfigError, ProtocolError
from .protocols import codec_of, recognise

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .config import Config
    from .endpoint import Endpoint
    from .protocols import Codec, Decoder
    from .rest import Client

EXIT_OK = 0
EXIT_SOFTWARE = 70  # sysexits.h: EX_SOFTWARE


class Options:
    """What the command line says, and when the process began (monotonic_ns; 0 is not known)."""

    __slots__ = ("began_ns", "config", "endpoint", "mode", "woken")

    def __init__(self, config: str, mode: str | None = None, endpoint: str | None = None) -> None:
        """`config` is a path; `mode` and `endpoint` restrict the choice of the endpoint."""
        self.config = config
        self.mode = mode
        self.endpoint = endpoint
        self.began_ns = 0
        self.woken = False

    def measure_start(self, measured: entry.Measured, now_ns: int) -> None:
        """Tell the first request of the process how long the process took to be ready for it."""
        if self.began_ns:
            measured.start_usec = max(1, (now_ns - self.began_ns) // 1000)
            measured.woken = self.woken
            self.began_ns = 0


def serve(options: Options, connection: Connection) -> int:
    """Serve a connection on which something has arrived to its end; returns the exit status."""
    try:
        answering: _Answers | _Excuses = _open(options)
    except Exception as error:  # noqa: BLE001 - whatever it is, Postfix must get its replies
        if not isinstance(error, BridgeError):
            restart.retry_if_being_replaced(connection)
        answering = _Excuses(options.mode, error)
    return _converse(connection, answering)


class _Answers:
    """Answers requests by asking the backend.

    Attributes:
        mode: the protocol that is spoken.
        hibernate_after: seconds of idleness, None for never.
        status: the exit status of the process; the connection ends when it is not EXIT_OK.
    """

    __slots__ = ("_client", "_endpoint", "_last", "_options", "hibernate_after", "mode", "status")

    def __init__(self, endpoint: Endpoint, client: Client, options: Options) -> None:
        self._endpoint = endpoint
        self._client = client
        self._options = options
        self._last: tuple[model.Request, model.Reply, entry.Measured] | None = None
        self.mode: str | None = endpoint.mode
        self.hibernate_after: int | None = endpoint.hibernate_after or None
        self.status = EXIT_OK

    def answer(self, codec: Codec, request: model.Request) -> bytes | None:
        """The bytes for Postfix; None for none at all, but the end of the connection."""
        began = monotonic_ns()
        measured = entry.Measured()
        measured.request_id = os.urandom(16).hex()
        self._options.measure_start(measured, began)
        try:
            reply, wire = self._ask(codec, request, measured)
        except Exception as error:  # noqa: BLE001 - see serve()
            self.status = EXIT_SOFTWARE
            measured.detail = entry.of_exception(error)
            reply = verdict.without_backend(model.INTERNAL_ERROR)
            wire = codec.encode(reply)
        measured.elapsed_usec = (monotonic_ns() - began) // 1000
        self._last = (request, reply, measured)
        return None if reply.kind == model.REPLY_NONE else wire

    def record(self) -> None:
        """Tell the operator of the last answer. Postfix has it by now and does not wait."""
        if self._last is not None:
            journal.send(entry.of_request(self._endpoint, *self._last))

    def _ask(
        self, codec: Codec, request: model.Request, measured: entry.Measured
    ) -> tuple[model.Reply, bytes]:
        endpoint = self._endpoint
        began = monotonic_ns()
        try:
            deadline = Deadline(endpoint.request_timeout / 1000)
            try:
                response = self._client.ask(request, measured.request_id, deadline)
            finally:
                measured.backend_usec = (monotonic_ns() - began) // 1000
            measured.status = response.status
            reply = verdict.of_response(endpoint, response)
            return reply, codec.encode(reply)
        except BackendError as error:
            measured.detail = str(error)
            reply = verdict.of_failure(endpoint, error.outcome)
            return reply, codec.encode(reply)

    def broken(self, error: ProtocolError) -> None:
        """Tell the operator of a broken request."""
        name, mode = self._endpoint.name, self._endpoint.mode
        journal.send(entry.of_trouble(name, mode, model.BROKEN_REQUEST, str(error)))


class _Excuses:
    """Answers every request with a temporary error, because there is no usable configuration."""

    __slots__ = ("_outcome", "hibernate_after", "mode", "status")

    def __init__(self, mode: str | None, error: Exception) -> None:
        self.mode = mode
        self.hibernate_after = None  # there is little to free, and the operator would be told again
        self.status = EXIT_OK if isinstance(error, BridgeError) else EXIT_SOFTWARE
        self._outcome = error.outcome if isinstance(error, BridgeError) else model.INTERNAL_ERROR
        detail = str(error) if isinstance(error, BridgeError) else entry.of_exception(error)
        journal.send(entry.of_trouble("", mode, self._outcome, detail))

    def answer(self, codec: Codec, _request: model.Request) -> bytes | None:
        """The bytes for Postfix."""
        return codec.encode(verdict.without_backend(self._outcome))

    def record(self) -> None:
        """Nothing: the operator has been told once, which is enough."""

    def broken(self, error: ProtocolError) -> None:
        """Tell the operator of a broken request."""
        journal.send(entry.of_trouble("", self.mode, model.BROKEN_REQUEST, str(error)))


def _open(options: Options) -> _Answers:
    """Read the configuration, choose the endpoint, and get ready to ask its backend.

    Raises:
        ConfigError: there is nothing to ask.
    """
    from . import config, credentials

    loaded = config.load(options.config)
    endpoint = _choose(loaded, options)
    token = credentials.auth_token_of(endpoint)
    codec_of(endpoint.mode)  # here, where a failure can be mended
    from . import rest  # dear, and of no use where the configuration is not

    return _Answers(endpoint, rest.Client(endpoint, loaded.user_agent, token), options)


def _choose(loaded: Config, options: Options) -> Endpoint:
    from .address import local_address_of
    from .endpoint import select

    try:
        local = local_address_of(0)
    except OSError:
        local = None
    choice = select(loaded.endpoints, local, options.mode, options.endpoint)
    if isinstance(choice, str):
        raise ConfigError(options.config, [("$.endpoints", choice)])
    return choice


def _next_request(connection: Connection, codec: Codec, decoder: Decoder) -> model.Request | None:
    """The next request; should the decoder itself break, the client gets its reply all the same."""
    try:
        return decoder.next_request()
    except ProtocolError:
        raise
    except Exception:
        connection.write(codec.encode(verdict.without_backend(model.INTERNAL_ERROR)))
        raise


def _converse(connection: Connection, answering: _Answers | _Excuses) -> int:
    """Answer what has arrived and what will, until one of the ends that the module names."""
    data = connection.read()
    while answering.mode is None:
        answering.mode = recognise(data)
        if answering.mode is None:
            more = connection.read()
            answering.mode = None if more else model.POLICY
            data += more
    codec = codec_of(answering.mode)
    decoder = codec.Decoder()
    try:
        while data:
            decoder.feed(data)
            while (request := _next_request(connection, codec, decoder)) is not None:
                wire = answering.answer(codec, request)
                delivered = wire is not None and connection.write(wire)
                answering.record()
                if not delivered or answering.status != EXIT_OK:
                    return answering.status
            if not decoder.pending and not _wait(connection, answering):
                break
            data = connection.read()
        decoder.end()
    except ProtocolError as error:
        answering.broken(error)
        reply = verdict.of_broken_request(error.reply_text)
        if connection.write(codec.encode(reply)):
            connection.linger()
    return answering.status


def _wait(connection: Connection, answering: _Answers | _Excuses) -> bool:
    """Wait between requests; False when the connection ends without another one."""
    if not gc.isenabled():
        # The start-up is spared the search for garbage. What it has loaded is none.
        gc.freeze()
        gc.enable()
    found = connection.wait(answering.hibernate_after)
    if found == IDLE:
        restart.restart(connection)  # the connection to the backend ends with this
        answering.hibernate_after = None  # it is not possible
        found = connection.wait()
    return found == READY
