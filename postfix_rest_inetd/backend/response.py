# SPDX-License-Identifier: MIT
"""One HTTP/1.x response, read according to RFC 9112 or refused: no partial response, no guess.

This replaces the response class of http.client, which accepts a truncated head as a complete one
("404 Not F" would bounce mail), and guesses when the framing is wrong. http.client also parses
header fields with the parser for mail. To load that would be an eighth of the work of a handler
until its first reply, and to run it a large part of the work of a lookup on a kept connection.

- The head: `HTTP/1.x` and three digits, fields with a name and a colon, an empty line; at most
  MAX_HEAD_BYTES and MAX_FIELDS. Each line may end in CR LF or in LF. It does not matter how TCP has
  split the bytes.
- Interim responses (1xx) are skipped, at most MAX_INTERIM (RFC 9110, 15.2). 101 is not one of them:
  it answers an Upgrade that was not sent. Nothing that follows it on the connection is read.
- The body: chunked, or by Content-Length, or until the backend closes; none after 101, 204 and 304.
  Transfer-Encoding takes precedence over Content-Length, and chunked is the only known coding.
  Lengths that are not numbers or contradict each other are refused.
- `reusable` is true if the response is complete, nothing follows it, and the backend keeps the
  connection open (RFC 9112, 9.3).

A stream that ends too early raises UnreachableError, or EOFError before the first byte. Data that
is not a response raises InvalidDataError. The texts contain nothing that the backend sent.
"""

from __future__ import annotations

from ..errors import InvalidDataError, UnreachableError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import NoReturn

    from .stream import Bounded

MAX_HEAD_BYTES = 64 * 1024
MAX_FIELDS = 100  # as http.client
MAX_INTERIM = 20

_MAX_CHUNK_LINE_BYTES = 4096  # a length, and extensions, which are rare
_MAX_DIGITS = 16
_STATUS_DIGITS = 3

_SWITCHING, _OK, _NO_CONTENT, _NOT_MODIFIED = 101, 200, 204, 304
_VERSION = b"HTTP/1."
# RFC 9110, 5.6.2
_TOKEN = b"!#$%&'*+-.^_`|~0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_HEX_DIGITS = b"0123456789ABCDEFabcdef"
# What decides whether an answer may be stored (RFC 9111).
CACHING = frozenset((b"age", b"cache-control", b"date", b"expires", b"pragma", b"vary"))
_WANTED = CACHING | frozenset(
    (b"connection", b"content-encoding", b"content-length", b"keep-alive", b"transfer-encoding")
)
_COMPRESSIONS = (b"gzip", b"x-gzip", b"deflate", b"compress", b"x-compress", b"br", b"zstd")

BROKEN_OFF = "the connection ended in the middle of the response"


class ResponseReader:
    """A response that is being read from a stream, on behalf of http.client.

    Attributes:
        status: of the head, once that has been read.
        reusable: may the connection be used for the next request?
        ended_by_close: was the end of the connection the only sign that the body was complete?
        caching: the header fields of CACHING, by name in lower case; lines of one name are joined
            by a comma (RFC 9110, 5.3).
    """

    __slots__ = (
        "_buffer",
        "_fields",
        "_is_old",
        "_stream",
        "caching",
        "ended_by_close",
        "reusable",
        "status",
    )

    # With True, http.client would close the connection before the body has been read.
    will_close = False

    def __init__(self, sock: Bounded, **_of_no_use: object) -> None:
        """Read nothing yet."""
        self._stream = sock
        self._buffer = bytearray()
        self._is_old = False  # HTTP/1.0
        self.status = 0
        self.reusable = False
        self.ended_by_close = False

    def begin(self) -> None:
        """Read the head; http.client calls this.

        Raises:
            EOFError, BackendError: see the module.
        """
        self.status = self._read_head()
        passed_over = 0
        while self.status < _OK and self.status != _SWITCHING:
            passed_over += 1
            if passed_over > MAX_INTERIM:
                _refuse(f"it has more than {MAX_INTERIM} interim responses before it")
            self.status = self._read_head()

    def isclosed(self) -> bool:
        """Tell http.client that the next request can be sent."""
        return True

    def close(self) -> None:
        """Do nothing: the client closes the connection."""

    def read(self, limit: int) -> bytes:
        """The body, or its first `limit` + 1 bytes if it is longer than `limit`.

        Raises:
            BackendError: see the module.
        """
        if self.status < _OK or self.status in (_NO_CONTENT, _NOT_MODIFIED):
            body, complete = b"", self.status >= _OK
        elif (coding := self._fields.get(b"transfer-encoding")) is not None:
            if coding.lower() != b"chunked":
                _refuse("its transfer coding is unknown")
            body, complete = self._read_chunked(limit)
        elif (length := self._length()) is not None:
            body, complete = self._take(min(length, limit + 1)), length <= limit
        else:
            body, complete = self._read_all(limit), False
            self.ended_by_close = True
        self.reusable = complete and not self._buffer and self._is_persistent()
        return body

    def is_compressed(self) -> bool:
        """Does Content-Encoding have a compression? Some backends put a character set there."""
        field = self._fields.get(b"content-encoding")
        if field is None:
            return False
        return any(each.strip(b" \t").lower() in _COMPRESSIONS for each in field.split(b","))

    def keep_alive_sec(self) -> int | None:
        """How long the backend keeps an idle connection, by `Keep-Alive: timeout=N`, or None.

        RFC 2068, 19.7.1.1, defines the field without parameters. Apache, node, Tomcat and others
        send this one.
        """
        for parameter in self._fields.get(b"keep-alive", b"").split(b","):
            name, _, value = parameter.partition(b"=")
            if name.strip(b" \t").lower() == b"timeout":
                digits = value.strip(b' \t"')
                return int(digits[:_MAX_DIGITS]) if digits.isdigit() else None
        return None

    def _read_head(self) -> int:
        """Read a head; returns its status, and puts the relevant fields into `_fields`."""
        head = self._take_head().replace(b"\r\n", b"\n")
        if b"\r" in head or b"\0" in head:
            _refuse("there is a control character in its header")
        if b"\n " in head or b"\n\t" in head:  # obsolete line folding
            head = head.replace(b"\n ", b" ").replace(b"\n\t", b" ")
        first, *lines = head.split(b"\n")
        status = first[9:12]
        if not first[7:8].isdigit() or first[8:9] != b" ":
            _refuse("its first line is not a status line")
        is_number = len(status) == _STATUS_DIGITS and status.isdigit() and status >= b"100"
        if not is_number or first[12:13] not in (b"", b" "):
            _refuse("its status is not a number of three digits")
        if len(lines) > MAX_FIELDS:
            _refuse(f"it has more than {MAX_FIELDS} header fields")
        self._is_old = first[7:8] == b"0"
        self._fields: dict[bytes, bytes] = {}
        self.caching: dict[bytes, bytes] = {}
        for line in lines:
            name, colon, value = line.partition(b":")
            if not colon or not name or name.translate(None, _TOKEN):
                _refuse("a line in its header is not a field")
            name = name.lower()
            if name in _WANTED:
                value = value.strip(b" \t")
                fields = self.caching if name in CACHING else self._fields
                fields[name] = fields[name] + b"," + value if name in fields else value
        return int(status)

    def _take_head(self) -> bytes:
        """Remove the head from the buffer; returns it without the end of its last line."""
        while True:
            if not _VERSION.startswith(self._buffer[: len(_VERSION)]):
                _refuse("it does not begin with HTTP/1.")
            # The first empty line of either kind; the two kinds may share a newline.
            end = self._buffer.find(b"\n\r\n", 0, MAX_HEAD_BYTES)
            short = self._buffer.find(b"\n\n", 0, MAX_HEAD_BYTES if end < 0 else end + 1)
            if end >= 0 or short >= 0:
                head = bytes(self._buffer[: end if short < 0 else short]).removesuffix(b"\r")
                del self._buffer[: end + 3 if short < 0 else short + 2]
                return head
            if len(self._buffer) >= MAX_HEAD_BYTES:
                _refuse(f"its header is larger than {MAX_HEAD_BYTES} bytes")
            if not self._fill():
                if not self._buffer and not self.status:
                    raise EOFError
                raise UnreachableError(BROKEN_OFF)

    def _fill(self) -> bool:
        """Receive more; False at the end of the stream."""
        data = self._stream.receive()
        self._buffer += data
        return bool(data)

    def _need(self, count: int) -> None:
        while len(self._buffer) < count:
            if not self._fill():
                raise UnreachableError(BROKEN_OFF)

    def _take(self, count: int) -> bytes:
        self._need(count)
        taken = bytes(self._buffer[:count])
        del self._buffer[:count]
        return taken

    def _read_all(self, limit: int) -> bytes:
        while len(self._buffer) <= limit and self._fill():
            pass
        return bytes(self._buffer[: limit + 1])

    def _read_chunked(self, limit: int) -> tuple[bytes, bool]:
        body = bytearray()
        while (size := self._chunk_size()) > 0:
            body += self._take(min(size, limit + 1 - len(body)))
            if len(body) > limit:
                return bytes(body), False
            if self._line():
                _refuse("a chunk is longer than announced")
        trailers = 0
        while self._line():
            trailers += 1
            if trailers > MAX_FIELDS:
                _refuse(f"it has more than {MAX_FIELDS} trailer fields")
        return bytes(body), True

    def _chunk_size(self) -> int:
        digits = self._line().partition(b";")[0].rstrip(b" \t")
        if not digits or len(digits) > _MAX_DIGITS or digits.translate(None, _HEX_DIGITS):
            _refuse("the length of a chunk is not a number")
        return int(digits, 16)

    def _line(self) -> bytes:
        """Remove a line from the buffer; returns it without its end."""
        while (end := self._buffer.find(b"\n", 0, _MAX_CHUNK_LINE_BYTES)) < 0:
            if len(self._buffer) >= _MAX_CHUNK_LINE_BYTES:
                _refuse("there is a line without end in its chunks")
            self._need(len(self._buffer) + 1)
        return self._take(end + 1)[:end].removesuffix(b"\r")

    def _length(self) -> int | None:
        field = self._fields.get(b"content-length")
        if field is None:
            return None
        first, *others = [each.strip(b" \t") for each in field.split(b",")]
        if not first.isdigit() or len(first) > _MAX_DIGITS:
            _refuse("its Content-Length is not a number")
        if any(other != first for other in others):
            _refuse("it has several lengths")
        return int(first)

    def _is_persistent(self) -> bool:
        field = self._fields.get(b"connection", b"").lower()
        options = [option.strip(b" \t") for option in field.split(b",")]
        if self._is_old:
            return b"keep-alive" in options and b"transfer-encoding" not in self._fields
        return b"close" not in options


def _refuse(why: str) -> NoReturn:
    raise InvalidDataError(
        f"the response is not HTTP/1.1: {why}; does the target's port speak HTTP?"
    )
