# SPDX-License-Identifier: MIT
"""The URL of a backend, http or https, parsed when the configuration is read.

The parts are ready to be sent. User information becomes basic authentication (RFC 7617), and is in
no other part. Paths and queries can also contain secrets, so `origin` is the part of a target that
may be shown.
"""

from __future__ import annotations

from ..url_parser import quote, unquote_to_bytes, urlsplit
from .address import parse_ip

# RFC 3986: characters that a path and a query may contain. `%` is one because the URL is encoded.
_PATH_SAFE = "/%:@!$&'()*+,;=~"
_QUERY_SAFE = _PATH_SAFE + "?"
_DEFAULT_PORTS = {"http": 80, "https": 443}
_HOST_CHARACTERS = "abcdefghijklmnopqrstuvwxyz0123456789-._"  # urlsplit gives lower case
_MAX_HOST_CHARACTERS = 253


class Target:
    """Where requests go.

    Attributes:
        tls: is the scheme https?
        host: the host name as an A-label, or the IP literal without brackets.
        port: the TCP port.
        path: the path and the query, percent-encoded; never empty.
        host_header: the value of the Host header.
        basic_auth: the value of the Authorization header, or None.
        origin: scheme, host and port, for people to read.
    """

    __slots__ = ("basic_auth", "host", "host_header", "origin", "path", "port", "tls")

    def __init__(self, url: str) -> None:
        """Parse a URL.

        Raises:
            ValueError: it cannot be used; the text says why, without the URL.
        """
        if not url.isprintable() or " " in url:
            raise ValueError("a URL has no blanks and no control characters; write them as %XX")
        try:
            parts = urlsplit(url)
            port = parts.port
        except ValueError as error:
            raise ValueError("this is not a URL: a bracket or the port is wrong") from error
        if parts.scheme not in _DEFAULT_PORTS:
            raise ValueError("a target begins with http:// or https://")
        if parts.fragment:
            raise ValueError("the part from # on is never sent to a server; remove it or write %23")
        if port == 0:
            raise ValueError("there is no port 0")
        self.tls = parts.scheme == "https"
        self.host = _host(parts.hostname or "", parts.netloc)
        self.port = port or _DEFAULT_PORTS[parts.scheme]
        self.path = quote(parts.path or "/", _PATH_SAFE)
        if parts.query:
            self.path += "?" + quote(parts.query, _QUERY_SAFE)
        shown = f"[{self.host}]" if ":" in self.host else self.host
        is_default = self.port == _DEFAULT_PORTS[parts.scheme]
        self.host_header = shown if is_default else f"{shown}:{self.port}"
        self.origin = f"{parts.scheme}://{self.host_header}"
        self.basic_auth = _basic_auth(parts.username, parts.password)

    def with_query(self, query: str) -> str:
        """The path and the query of the target, with `query` appended."""
        return f"{self.path}{'&' if '?' in self.path else '?'}{query}"


def _host(host: str, netloc: str) -> str:
    if not host:
        raise ValueError("the host is missing")
    if not host.isascii():
        try:
            host = host.encode("idna").decode("ascii")
        except UnicodeError as error:
            raise ValueError("the host is not a valid internationalised name") from error
    if ":" in host or "[" in netloc:
        # Some versions of urlsplit drop characters beside the brackets.
        before, _, rest = netloc.rpartition("@")[2].partition("[")
        after = rest.partition("]")[2]
        if parse_ip(host) is None or before or (after and not after.startswith(":")):
            raise ValueError("this is not a valid IPv6 address (zone indices are not supported)")
    elif host.strip(_HOST_CHARACTERS) or len(host) > _MAX_HOST_CHARACTERS:
        raise ValueError("this is not a valid host name")
    return host


def _basic_auth(user: str | None, password: str | None) -> str | None:
    if user is None:
        return None
    from binascii import b2a_base64

    credentials = unquote_to_bytes(user) + b":" + unquote_to_bytes(password or "")
    return "Basic " + b2a_base64(credentials, newline=False).decode("ascii")
