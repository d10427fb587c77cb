# SPDX-License-Identifier: MIT
"""A request to HTTP/1.1: the request line, the header fields and the body. No I/O.

A lookup is `GET target?key=K` or `?name=MAP&key=K`. A policy request is a POST, or a GET if the
endpoint is configured so, with all attributes, in order, as application/x-www-form-urlencoded. All
bytes except the unreserved characters of RFC 3986 are percent-encoded.

http.client checks and writes everything into an object that collects the bytes (stream.py). The
header fields that all requests of an endpoint share are formatted once, and follow the request line
of each request.
"""

from __future__ import annotations

from .. import model
from ..url_parser import quote_from_bytes
from .http_connection import http_connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.client import HTTPConnection

    from ..config.endpoint import Endpoint
    from ..config.target import Target

# For putrequest(): all header fields come from here.
_BARE = {"skip_host": True, "skip_accept_encoding": True}


def put(
    connection: HTTPConnection,
    endpoint: Endpoint,
    target: Target,
    request: model.Request,
    request_id: str,
) -> None:
    """Write a request to a connection, without the header fields that all requests share."""
    body = None
    if isinstance(request, model.PolicyRequest):
        body = form_of(request.attributes)
        connection.putrequest(endpoint.method, target.path, **_BARE)
        connection.putheader("Content-Length", str(len(body)))
    else:
        query = f"key={quote_from_bytes(request.key, safe='')}"
        if request.map_name is not None:
            query = f"name={quote_from_bytes(request.map_name, safe='')}&{query}"
        connection.putrequest("GET", target.with_query(query), **_BARE)
    connection.putheader("X-Request-Id", request_id)
    connection.endheaders(body)


def form_of(attributes: list[tuple[bytes, bytes]]) -> bytes:
    """Attributes as application/x-www-form-urlencoded; a space is %20, which all decoders know."""
    return "&".join(
        [
            f"{quote_from_bytes(name, safe='')}={quote_from_bytes(value, safe='')}"
            for name, value in attributes
        ]
    ).encode("ascii")


def shared_headers(
    endpoint: Endpoint, target: Target, user_agent: str, token: bytes
) -> dict[str, str]:
    """The header fields that all requests to a target share, in the order in which they are sent.

    A header of the configuration replaces one of ours. http.client encodes values as ISO 8859-1, so
    values are prepared such that the result is UTF-8.
    """
    is_policy = not endpoint.is_lookup
    headers = {
        "Accept-Encoding": "identity",
        "Host": target.host_header,
        "User-Agent": user_agent.encode().decode("latin-1"),
        "X-Auth-Token": token.decode("latin-1"),
        "Accept": "text/plain" if is_policy else "application/json",
    }
    if is_policy:
        headers["Content-Type"] = "application/x-www-form-urlencoded"
    if target.basic_auth is not None:
        headers["Authorization"] = target.basic_auth
    ours = {name.lower(): name for name in headers}
    for name, value in endpoint.headers.items():
        headers[ours.get(name.lower(), name)] = value.encode().decode("latin-1")
    return headers


def rendered(headers: dict[str, str]) -> bytes:
    """Header fields as they are sent; http.client checks them once and not for each request."""
    connection = http_connection()("localhost")
    connection.sock = collector = _Collector()
    connection.putrequest("GET", "/", **_BARE)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    return collector.sent.partition(b"\r\n")[2].removesuffix(b"\r\n")


class _Collector:
    """Takes the place of a socket, and collects what is sent."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        """Keep it."""
        self.sent += data
