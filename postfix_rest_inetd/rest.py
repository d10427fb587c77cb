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
- The response is read by response.py, in the place of http.client's and urllib3's own classes,
  which would guess, decode, pool and retry.
- A response counts only when it is complete: a head that breaks off, or a body that is shorter than
  announced, is a lost connection, whatever the status. The bodies of statuses other than 200 are
  read and thrown away.
"""

from __future__ import annotations

from select import POLLIN, poll
from urllib.parse import quote_from_bytes

from . import model, transport
from .errors import BackendError, InvalidDataError, UnreachableError
from .lean import http_connection
from .response import Response

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .deadline import Deadline
    from .endpoint import Endpoint
    from .transport import Bounded

_OK = 200
# A body of one-byte chunks takes six times its size. With the largest head, this bounds what is
# received, come what may.
_OVERHEAD = 6
_MAX_HEAD_BYTES = 1024 * 1024
_CERTIFICATE_HINT = "; does it ask for a client certificate (tls-cert-file)?"

_BROKEN = (OSError, EOFError)
# For putrequest(): all header fields come from here.
_BARE = {"skip_host": True, "skip_accept_encoding": True}

_HTTPConnection = http_connection()


class _Connection(_HTTPConnection):  # type: ignore[misc, valid-type] # which class, lean.py knows
    """A connection whose socket is made elsewhere, and whose responses are ours."""

    response_class = Response

    def getresponse(self) -> Response:
        """As http.client has it: what urllib3 does beyond that is for its pool."""
        response: Response = super(_HTTPConnection, self).getresponse()  # type: ignore[arg-type]
        return response

    def connect(self) -> None:
        """Refuse to connect without a deadline; `sock` has been set before each request."""
        raise OSError("the connection was closed")


class Client:
    """Asks the backend of one endpoint."""

    __slots__ = ("_connection", "_endpoint", "_fields", "_poll", "_resolver", "_stream", "_trust")

    def __init__(self, endpoint: Endpoint, user_agent: str, token: bytes) -> None:
        """Connect to nothing yet.

        Raises:
            ConfigError: a certificate or key file cannot be used.
        """
        self._endpoint = endpoint
        self._fields = _rendered(_constant_headers(endpoint, user_agent, token))
        self._resolver = transport.Resolver(endpoint.target)
        self._connection = _Connection(endpoint.target.host, endpoint.target.port)
        self._stream: Bounded | None = None
        self._poll = poll()
        self._trust = None
        if endpoint.target.tls:
            from . import tls  # loads OpenSSL, which plain http does not need

            self._trust = tls.Trust(endpoint)

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
        self._stream = None
        self._poll = poll()
        self._connection.close()

    def _idle_stream(self) -> Bounded | None:
        """The kept connection, if there is one and it is fit for use."""
        if self._stream is not None and self._poll.poll(0):
            self.close()
        return self._stream

    def _connect(self, deadline: Deadline) -> Bounded:
        connect = transport.connect if self._trust is None else self._trust.connect
        stream = connect(self._endpoint.target, self._resolver, deadline)
        self._connection.sock = self._stream = stream
        self._poll.register(stream, POLLIN)
        return stream

    def _exchange(
        self, stream: Bounded, request: model.Request, request_id: str, deadline: Deadline
    ) -> model.Response:
        """One request and its response; the connection is closed unless both were complete."""
        stream.deadline = deadline
        stream.allowance = _OVERHEAD * self._endpoint.max_response_bytes + _MAX_HEAD_BYTES
        reusable = False
        try:
            response = self._send(stream, request, request_id, deadline)
            deadline.stage = "reading the response"
            limit = self._endpoint.max_response_bytes
            body = response.read(limit)
            reusable = response.reusable
        except BackendError:
            raise
        except _BROKEN as error:
            if deadline.expired() or isinstance(error, TimeoutError):
                raise deadline.error() from None
            # With TLS 1.3 a refused client learns of it only after its own part of the handshake.
            refused = self._trust is not None and not stream.answered
            hint = _CERTIFICATE_HINT if refused and not self._endpoint.tls_cert_file else ""
            raise _classified(error, deadline.stage, hint) from None
        finally:
            if not reusable:
                self.close()
        if response.status != _OK:
            return model.Response(response.status, b"")
        if len(body) > limit:
            raise InvalidDataError(f"the response is larger than max-response-bytes ({limit})")
        return model.Response(
            response.status,
            body,
            ended_by_close=response.ended_by_close,
            compressed=response.is_compressed(),
        )

    def _send(
        self, stream: Bounded, request: model.Request, request_id: str, deadline: Deadline
    ) -> Response:
        """Send a request, and read the head of its response."""
        endpoint, connection = self._endpoint, self._connection
        deadline.stage = "sending the request"
        body = None
        if isinstance(request, model.PolicyRequest):
            body = form_of(request.attributes)
            connection.putrequest(endpoint.method, endpoint.target.path, **_BARE)
            connection.putheader("Content-Length", str(len(body)))
        else:
            query = f"key={quote_from_bytes(request.key, safe='')}"
            if request.map_name is not None:
                query = f"name={quote_from_bytes(request.map_name, safe='')}&{query}"
            connection.putrequest("GET", endpoint.target.with_query(query), **_BARE)
        connection.putheader("X-Request-Id", request_id)
        connection.endheaders(body)
        stream.flush(self._fields)
        stream.acknowledge_at_once()
        deadline.stage = "waiting for the response"
        return connection.getresponse()


def form_of(attributes: list[tuple[bytes, bytes]]) -> bytes:
    """Attributes as application/x-www-form-urlencoded; a space is %20: all decoders know it."""
    return "&".join(
        [
            f"{quote_from_bytes(name, safe='')}={quote_from_bytes(value, safe='')}"
            for name, value in attributes
        ]
    ).encode("ascii")


class _Collector:
    """Stands for a socket; keeps what is sent."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        """Keep it."""
        self.sent += data


def _rendered(headers: dict[str, str]) -> bytes:
    """Header fields as they are sent, checked by http.client once, instead of for each request."""
    connection = _Connection("localhost")
    connection.sock = collector = _Collector()
    connection.putrequest("GET", "/", **_BARE)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    return collector.sent.partition(b"\r\n")[2].removesuffix(b"\r\n")


def _constant_headers(endpoint: Endpoint, user_agent: str, token: bytes) -> dict[str, str]:
    """The header fields that are the same in each request, in the order in which they are sent.

    A header of the configuration takes the place of one of ours. http.client encodes values as
    ISO 8859-1; that is made to give UTF-8.
    """
    is_policy = endpoint.mode == model.POLICY
    headers = {
        "Accept-Encoding": "identity",
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


def _classified(error: Exception, stage: str, hint: str) -> UnreachableError:
    """What broke, without the words of the backend that an exception may repeat."""
    if isinstance(error, OSError) and error.strerror:
        reason = error.strerror.partition(" (_ssl.c")[0]
        return UnreachableError(f"failed while {stage}: {reason}{hint}")
    return UnreachableError(f"failed while {stage}: the backend closed the connection{hint}")
