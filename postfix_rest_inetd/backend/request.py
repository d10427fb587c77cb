# SPDX-License-Identifier: MIT
"""A request as HTTP/1.1 has it: its request line, its header fields and its body. No I/O.

Lookups are `GET target?key=K` or `?name=MAP&key=K`; policy requests are POST (or GET, when the
endpoint says so) with all attributes, in order, as application/x-www-form-urlencoded. Everything
but the unreserved characters of RFC 3986 is percent-encoded, byte by byte.

http.client checks and writes it all, into a connection that only collects what is to be sent
(stream.py). The fields that all requests of an endpoint share are written once, and put behind the
request line of each.
"""

from __future__ import annotations

from urllib.parse import quote_from_bytes

from .. import model
from .http_connection import http_connection

TYPE_CHECKING = False
if TYPE_CHECKING:
    from http.client import HTTPConnection

    from ..config.endpoint import Endpoint

# For putrequest(): all header fields come from here.
_BARE = {"skip_host": True, "skip_accept_encoding": True}


def put(
    connection: HTTPConnection, endpoint: Endpoint, request: model.Request, request_id: str
) -> None:
    """Put a request on a connection, but for the fields that all requests share."""
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


def form_of(attributes: list[tuple[bytes, bytes]]) -> bytes:
    """Attributes as application/x-www-form-urlencoded; a space is %20: all decoders know it."""
    return "&".join(
        [
            f"{quote_from_bytes(name, safe='')}={quote_from_bytes(value, safe='')}"
            for name, value in attributes
        ]
    ).encode("ascii")


def shared_headers(endpoint: Endpoint, user_agent: str, token: bytes) -> dict[str, str]:
    """The header fields that are the same in each request, in the order in which they are sent.

    A header of the configuration takes the place of one of ours. http.client encodes values as
    ISO 8859-1; that is made to give UTF-8.
    """
    is_policy = not endpoint.is_lookup
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


def rendered(headers: dict[str, str]) -> bytes:
    """Header fields as they are sent, checked by http.client once, instead of for each request."""
    connection = http_connection()("localhost")
    connection.sock = collector = _Collector()
    connection.putrequest("GET", "/", **_BARE)
    for name, value in headers.items():
        connection.putheader(name, value)
    connection.endheaders()
    return collector.sent.partition(b"\r\n")[2].removesuffix(b"\r\n")


class _Collector:
    """Stands for a socket; keeps what is sent."""

    def __init__(self) -> None:
        self.sent = b""

    def sendall(self, data: bytes) -> None:
        """Keep it."""
        self.sent += data
