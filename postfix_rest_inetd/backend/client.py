# SPDX-License-Identifier: MIT
"""Asks the backend of one target over HTTP/1.1, and decides when its connection is used again.

- There is one connection, without pool, retries, redirects, proxies or cookies. It is kept between
  the requests of one handler while the backend allows that. If it becomes readable while idle, the
  backend has closed it or sent unexpected bytes, and a new connection replaces it.
- A backend may close a kept connection just when a request is on its way. A lookup that dies on a
  kept connection before the first byte of the response is sent once more on a new one. A policy
  request may have been counted already: it is sent once more only if no byte of it had reached the
  backend when that closed (RFC 9110, 9.2.2; Bounded.is_untouched).
- A backend may also close a kept connection with a 408, because it has waited for a request while
  ours was on its way (RFC 9110, 15.5.9). Such a 408 is never the answer to the request, which is
  sent once more under the same conditions.
- Often these conditions cannot be proved, so the client avoids the situation. It keeps a connection
  no longer than `Keep-Alive: timeout=N` allows, less MARGIN_SEC. Without that field, policy
  requests do not use a connection that has been idle for POLICY_IDLE_SEC, which is less than the
  timeout of any common server (gunicorn has 2 s; node, uvicorn and Apache 5 s; nginx 75 s). If a
  backend closes even earlier, or during a request, each later policy request gets a new connection.
- A backend may refuse a large request before it has read all of it, and close the connection. If
  sending fails and a complete head with a 4xx or 5xx has arrived, that is the answer; its body is
  not read.
- response.py reads the response. It replaces the classes of http.client and urllib3, which would
  guess, decode, pool and retry.
- A response counts only when it is complete: a head that breaks off, or a body that is shorter than
  announced, is a lost connection, whatever the status. The bodies of statuses other than 200 are
  read and thrown away.
"""

from __future__ import annotations

from select import POLLIN, poll
from time import monotonic

from .. import model
from ..errors import BackendError, InvalidDataError, UnreachableError
from . import request as requests
from . import stream as streams
from .http_connection import http_connection
from .resolver import Resolver
from .response import ResponseReader

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from ..config.endpoint import Endpoint
    from ..config.target import Target
    from ..deadline import Deadline
    from .stream import Bounded
    from .tls import Trust

# Allows for the transfer to the backend, and for differences between the timers of both sides.
MARGIN_SEC = 1
POLICY_IDLE_SEC = 1

_OK = 200
_ERRORS = 400
_REQUEST_TIMEOUT = 408
# A body in chunks of one byte takes six times its size. Together with the largest head, this limits
# what is received in any case.
_OVERHEAD = 6
_MAX_HEAD_BYTES = 1024 * 1024
# A response whose body was not read is not complete, and must not be stored (RFC 9111, 3.3). Its
# request did not reach the backend as a whole either.
_UNREAD = {b"cache-control": b"no-store"}
_KEPT_HINT = "; it had been kept, and the backend ended it just when the request was on its way"

_BROKEN = (OSError, EOFError)

_HTTPConnection = http_connection()


class _Connection(_HTTPConnection):  # type: ignore[misc, valid-type] # which class, http_connection.py knows
    """A connection that gets its socket from stream.py and its responses from response.py."""

    response_class = ResponseReader

    def getresponse(self) -> ResponseReader:
        """Read a response as http.client does; what urllib3 adds is for its pool."""
        response: ResponseReader = super(_HTTPConnection, self).getresponse()  # type: ignore[arg-type]
        return response

    def connect(self) -> None:
        """Refuse to connect without a deadline; `sock` has been set before each request."""
        raise OSError("the connection was closed")


class _AgainError(UnreachableError):
    """The backend has closed a kept connection, and the request may be sent once more.

    The backend has read nothing of the request, or has answered a lookup with a 408 only.
    """


class Client:
    """Asks the backend of one target of an endpoint.

    Attributes:
        asked, failed: empty, because there is no other target (see backends.Backends).
    """

    asked = failed = ""

    __slots__ = (
        "_connection",
        "_endpoint",
        "_fields",
        "_is_hasty",
        "_poll",
        "_resolver",
        "_stream",
        "_target",
        "_trust",
        "_until",
    )

    def __init__(
        self,
        endpoint: Endpoint,
        target: Target,
        user_agent: str,
        token: bytes,
        trust: Trust | None = None,
    ) -> None:
        """Read the files for TLS, if the target is https; do not connect yet.

        `trust` has read them already, for another target of the endpoint.

        Raises:
            ConfigError: a certificate or key file cannot be used.
        """
        self._endpoint = endpoint
        self._target = target
        headers = requests.shared_headers(endpoint, target, user_agent, token)
        self._fields = requests.rendered(headers)
        self._resolver = Resolver(target)
        self._connection = _Connection(target.host, target.port)
        self._stream: Bounded | None = None
        self._until: float | None = None  # the stream must not be used after this
        self._is_hasty = False  # has the backend closed a stream before that?
        self._poll = poll()
        self._trust = trust if target.tls else None
        if target.tls and trust is None:
            from . import tls  # loads OpenSSL, which plain http does not need

            self._trust = tls.Trust(endpoint)

    def ask(
        self,
        request: model.Request,
        request_id: str,
        deadline: Deadline,
        connecting: Deadline | None = None,
    ) -> model.Response:
        """Send a request and read the whole response.

        `connecting` is an earlier deadline for a new connection, until the request is sent.

        Raises:
            DeadlineError, UnreachableError, InvalidDataError: there is no usable response.
        """
        stream = self._idle_stream()
        if stream is not None:
            stream.begin(deadline)
            try:
                return self._exchange(stream, request, request_id, is_kept=True)
            except UnreachableError as error:
                self._is_hasty = True
                if not isinstance(error, _AgainError) and (
                    stream.answered or isinstance(request, model.PolicyRequest)
                ):
                    raise
        try:
            stream = self._connect(connecting or deadline)
        except BackendError as error:
            error.is_unsent = True
            raise
        stream.deadline = deadline
        return self._exchange(stream, request, request_id, is_kept=False)

    def ask_another(
        self, error: InvalidDataError, _request: model.Request, _id: str, _deadline: Deadline
    ) -> NoReturn:
        """Raise `error`, because there is no other target (see backends.Backends)."""
        raise error

    def close(self) -> None:
        """Close the connection to the backend; the next request opens a new one."""
        self._stream = None
        self._poll = poll()
        self._connection.close()

    def _idle_stream(self) -> Bounded | None:
        """The kept connection, if there is one and it can be used."""
        if self._stream is not None and self._until is not None and monotonic() >= self._until:
            self.close()
        if self._stream is not None and self._poll.poll(0):
            self._is_hasty = True
            self.close()
        return self._stream

    def _connect(self, deadline: Deadline) -> Bounded:
        connect = streams.connect if self._trust is None else self._trust.connect
        stream = connect(self._target, self._resolver, deadline)
        self._connection.sock = self._stream = stream
        self._poll.register(stream, POLLIN)
        return stream

    def _exchange(
        self, stream: Bounded, request: model.Request, request_id: str, *, is_kept: bool
    ) -> model.Response:
        """One request and its response; the connection is closed unless both are complete."""
        limit, deadline = self._endpoint.max_response_bytes, stream.deadline
        stream.allowance = _OVERHEAD * limit + _MAX_HEAD_BYTES
        may_be_kept = False
        try:
            response = self._send(stream, request, request_id, deadline)
            deadline.enter("reading the response")
            body = b"" if stream.failed else response.read(limit)
            is_timeout = is_kept and response.status == _REQUEST_TIMEOUT
            if is_timeout and not response.reusable:
                is_lookup = not isinstance(request, model.PolicyRequest)
                kind = _AgainError if is_lookup or stream.is_untouched() else UnreachableError
                raise kind(f"the backend closed the connection, with a 408{_KEPT_HINT}")
            may_be_kept = response.reusable and self._may_be_kept(response)
        except BackendError:
            raise
        except _BROKEN as error:
            if deadline.expired() or isinstance(error, TimeoutError):
                raise deadline.error() from None
            raise self._lost(stream, error, deadline.stage, is_kept=is_kept) from None
        finally:
            if not may_be_kept:
                self.close()
        if deadline.trace is not None:
            deadline.trace.status(response.status)
        if response.status != _OK:
            caching = _UNREAD if stream.failed else response.caching
            return model.Response(response.status, b"", caching=caching)
        if len(body) > limit:
            raise InvalidDataError(f"the response is larger than max-response-bytes ({limit})")
        return model.Response(
            response.status,
            body,
            ended_by_close=response.ended_by_close,
            compressed=response.is_compressed(),
            caching=response.caching,
        )

    def _may_be_kept(self, response: ResponseReader) -> bool:
        """Can the connection be used again? Also sets the time until which it can."""
        is_policy = not self._endpoint.is_lookup
        announced_sec = response.keep_alive_sec()
        if announced_sec is not None:
            idle_sec: float | None = max(announced_sec - MARGIN_SEC, announced_sec / 2)
        else:
            idle_sec = POLICY_IDLE_SEC if is_policy else None
        self._until = None if idle_sec is None else monotonic() + idle_sec
        return not (is_policy and self._is_hasty)

    def _lost(
        self, stream: Bounded, error: Exception, stage: str, *, is_kept: bool
    ) -> UnreachableError:
        """The error for a connection that broke while a request was on its way."""
        what = _classified(error, stage)
        if stream.answered:
            return UnreachableError(what)
        if is_kept:
            kind = _AgainError if stream.ended and stream.is_untouched() else UnreachableError
            return kind(f"{what}{_KEPT_HINT}")
        # With TLS 1.3, a client learns of a refusal only after its own part of the handshake.
        hint = f"; {self._trust.advice}" if self._trust is not None else ""
        lost = UnreachableError(f"{what}{hint}")
        lost.is_unsent = stream.ended and stream.is_untouched()
        return lost

    def _send(
        self, stream: Bounded, request: model.Request, request_id: str, deadline: Deadline
    ) -> ResponseReader:
        """Send a request, and read the head of its response."""
        deadline.enter("sending the request")
        requests.put(self._connection, self._endpoint, self._target, request, request_id)
        try:
            stream.flush(self._fields)
        except (BrokenPipeError, ConnectionResetError) as error:
            return self._early_response(error)
        stream.acknowledge_at_once()
        deadline.enter("waiting for the response")
        response: ResponseReader = self._connection.getresponse()
        return response

    def _early_response(self, error: Exception) -> ResponseReader:
        """The response of a backend that has refused a request before it had read all of it.

        Raises:
            Exception: `error`, if there is none.
        """
        try:
            response: ResponseReader = self._connection.getresponse()
        except (*_BROKEN, BackendError):
            raise error from None
        # Neither is a response to a partial request.
        if response.status < _ERRORS or response.status == _REQUEST_TIMEOUT:
            raise error
        return response


def _classified(error: Exception, stage: str) -> str:
    """What failed, without texts of the backend that the exception may contain."""
    if isinstance(error, OSError) and error.strerror:
        return f"failed while {stage}: {streams.words_of(error.strerror)}"
    return f"failed while {stage}: the backend closed the connection"
