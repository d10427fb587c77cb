# SPDX-License-Identifier: MIT
"""A request to the backend over HTTP/1.1: the sole importer of urllib3.

- Lookups are `GET target?key=K` or `?name=MAP&key=K`; policy requests are POST (or GET, when the
  endpoint says so) with all attributes, in order, as application/x-www-form-urlencoded. Everything
  but the unreserved characters of RFC 3986 is percent-encoded, byte by byte.
- One connection, without pool, retries, redirects, proxies or cookies. It is kept between the
  requests of one handler as long as both sides like. One that has become readable while idle has
  been closed by the backend (or holds bytes that nobody asked for) and is replaced. A lookup that
  dies on a kept connection before the first byte of the response is sent once more on a new one; a
  policy request never is, because it may have been counted already.
- The response is read by http.client, which urllib3's connection is made of: urllib3's own response
  would decode, pool and retry, none of which may happen here.
- A response counts only when it is complete: a head that breaks off, or a body that is shorter than
  announced, is a lost connection, whatever the status. The bodies of statuses other than 200 are
  read and thrown away.
"""

from __future__ import annotations

import http.client
from urllib.parse import quote_from_bytes

import urllib3.connection
import urllib3.exceptions
from urllib3.util.wait import wait_for_read

from . import model, transport
from .errors import BackendError, InvalidDataError, UnreachableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .deadline import Deadline
    from .endpoint import Endpoint
    from .transport import Bounded

_OK = 200
# A body of one-byte chunks takes six times its size; http.client takes heads of up to 100 lines of
# 64 KiB, far more than anyone needs. Both together bound what is received, come what may.
_OVERHEAD = 6
_MAX_HEAD_BYTES = 1024 * 1024
_CERTIFICATE_HINT = "; does it ask for a client certificate (tls-cert-file)?"
_BROKEN_OFF = "the connection ended in the middle of the response"
_BROKEN = (OSError, http.client.HTTPException, urllib3.exceptions.HTTPError, ValueError)


class _Connection(urllib3.connection.HTTPConnection):
    """A connection whose socket is made elsewhere, and whose responses are http.client's."""

    def getresponse(self) -> http.client.HTTPResponse:  # type: ignore[override]
        return http.client.HTTPConnection.getresponse(self)

    def connect(self) -> None:
        """Refuse to connect without a deadline; `sock` has been set before each request."""
        raise OSError("the connection was closed")


class Client:
    """Asks the backend of one endpoint."""

    __slots__ = ("_connection", "_context", "_endpoint", "_headers", "_resolver")

    def __init__(self, endpoint: Endpoint, user_agent: str, token: bytes) -> None:
        """Connect to nothing yet.

        Raises:
            ConfigError: a certificate or key file cannot be used.
        """
        self._endpoint = endpoint
        self._headers = _constant_headers(endpoint, user_agent, token)
        self._resolver = transport.Resolver(endpoint.target)
        self._connection = _Connection(endpoint.target.host, endpoint.target.port)
        self._context = None
        if endpoint.target.tls:
            from . import tls  # loads OpenSSL, which plain http does not need

            self._context = tls.context_of(endpoint)

    def ask(self, request: model.Request, request_id: str, deadline: Deadline) -> model.Response:
        """Send a request and read the whole response.

        Raises:
            DeadlineError, UnreachableError, InvalidDataError: there is no usable response.
        """
        stream = self._idle_stream()
        if stream is not None:
            stream.answered = False
            try:
                return self._exchange(stream, request, request_id, deadline)
            except UnreachableError:
                if stream.answered or isinstance(request, model.PolicyRequest):
                    raise
        return self._exchange(self._connect(deadline), request, request_id, deadline)

    def close(self) -> None:
        """Close the connection to the backend; the next request makes a new one."""
        self._connection.close()

    def _idle_stream(self) -> Bounded | None:
        """The kept connection, if there is one and it is fit for use."""
        stream: Bounded | None = self._connection.sock  # type: ignore[assignment]
        if stream is not None and wait_for_read(stream, timeout=0):
            self.close()
            return None
        return stream

    def _connect(self, deadline: Deadline) -> Bounded:
        plain = transport.connect(self._endpoint.target, self._resolver, deadline)
        stream: Bounded = plain
        if self._context is not None:
            from . import tls

            stream = tls.wrap(plain, self._context, self._endpoint.target, deadline)
        self._connection.sock = stream
        return stream

    def _exchange(
        self, stream: Bounded, request: model.Request, request_id: str, deadline: Deadline
    ) -> model.Response:
        """One request and its response; the connection is closed unless both were complete."""
        stream.deadline = deadline
        stream.ended = False
        stream.allowance = _OVERHEAD * self._endpoint.max_response_bytes + _MAX_HEAD_BYTES
        complete = False
        try:
            response = self._send(stream, request, request_id, deadline)
            # http.client takes a head that breaks off for a complete one: "404 Not F" is a 404.
            if stream.ended:
                raise UnreachableError(_BROKEN_OFF)
            result = self._read(stream, response, deadline)
        except BackendError:
            raise
        except _BROKEN as error:
            if deadline.expired() or isinstance(error, TimeoutError):
                raise deadline.error() from None
            # With TLS 1.3 a refused client learns of it only after its own part of the handshake.
            refused = self._context is not None and not stream.answered
            hint = _CERTIFICATE_HINT if refused and not self._endpoint.tls_cert_file else ""
            raise _classified(error, deadline.stage, hint) from None
        else:
            complete = result.status >= _OK  # another response follows one with a lower status
            return result
        finally:
            if not complete:
                self.close()

    def _send(
        self, stream: Bounded, request: model.Request, request_id: str, deadline: Deadline
    ) -> http.client.HTTPResponse:
        endpoint, headers = self._endpoint, {**self._headers, "X-Request-Id": request_id}
        deadline.stage = "sending the request"
        if isinstance(request, model.PolicyRequest):
            body = form_of(request.attributes)
            self._connection.request(endpoint.method, endpoint.target.path, body, headers)
        else:
            query = f"key={quote_from_bytes(request.key, safe='')}"
            if request.map_name is not None:
                query = f"name={quote_from_bytes(request.map_name, safe='')}&{query}"
            self._connection.request("GET", endpoint.target.with_query(query), None, headers)
        stream.acknowledge_at_once()
        deadline.stage = "waiting for the response"
        return self._connection.getresponse()

    def _read(
        self, stream: Bounded, response: http.client.HTTPResponse, deadline: Deadline
    ) -> model.Response:
        deadline.stage = "reading the response"
        limit = self._endpoint.max_response_bytes
        body = response.read(limit + 1)
        response.close()
        if len(body) > limit:
            self.close()  # the rest of it would be taken for the next response
            if response.status == _OK:
                raise InvalidDataError(f"the response is larger than max-response-bytes ({limit})")
        elif response.length or (response.chunked and stream.ended):
            # Not even the last chunk may lack its end: a "0" may be the beginning of "0400".
            raise UnreachableError(_BROKEN_OFF)
        return model.Response(response.status, body if response.status == _OK else b"")


def form_of(attributes: list[tuple[bytes, bytes]]) -> bytes:
    """Attributes as application/x-www-form-urlencoded; a space is %20: all decoders know it."""
    return "&".join(
        [
            f"{quote_from_bytes(name, safe='')}={quote_from_bytes(value, safe='')}"
            for name, value in attributes
        ]
    ).encode("ascii")


def _constant_headers(endpoint: Endpoint, user_agent: str, token: bytes) -> dict[str, str]:
    """The header fields that are the same in each request, in the order in which they are sent.

    A header of the configuration takes the place of one of ours. http.client encodes values as
    ISO 8859-1; that is made to give UTF-8.
    """
    is_policy = endpoint.mode == model.POLICY
    headers = {
        "Host": endpoint.target.host_header,
        "User-Agent": user_agent.encode().decode("latin-1"),
        "X-Auth-Token": token.decode("latin-1"),
        "Accept": "text/plain" if is_policy else "application/json",
    }
    if is_policy:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    if endpoint.target.basic_auth is not None:
        headers["Authorization"] = endpoint.target.basic_auth
    ours = {name.lower(): name for name in headers}
    for name, value in endpoint.headers.items():
        headers[ours.get(name.lower(), name)] = value.encode().decode("latin-1")
    return headers


def _classified(error: Exception, stage: str, hint: str) -> BackendError:
    """What broke, without the words of the backend that an exception may repeat."""
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror.partition(" (_ssl.c")[0]
        return UnreachableError(f"failed while {stage}: {reason}{hint}")
    if isinstance(error, http.client.IncompleteRead):
        return UnreachableError(_BROKEN_OFF)
    if isinstance(error, (OSError, http.client.RemoteDisconnected)):
        return UnreachableError(f"failed while {stage}: the backend closed the connection{hint}")
    return InvalidDataError(
        f"the response is not HTTP/1.1 ({type(error).__name__}); does the target's port speak HTTP?"
    )
