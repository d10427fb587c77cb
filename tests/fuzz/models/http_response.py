# SPDX-License-Identifier: MIT
"""The response that a stream of bytes is, by the grammar of RFC 9112; None if it is not one.

In contrast to a reader, it has all of the bytes, and the connection has been closed behind them. It
takes the liberties that RFC 9112 allows: a newline alone ends a line (2.2), folded lines are joined
(5.2), Transfer-Encoding overrides Content-Length (6.3), and equal lengths are one (RFC 9110, 8.6).
"""

from __future__ import annotations

import re
from typing import NamedTuple

_HEAD = re.compile(rb"(HTTP/1\..*?)\r?\n\r?\n", re.DOTALL)
_STATUS_LINE = re.compile(rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: [^\r\n\0]*)?")
_FIELD = re.compile(rb"([!#$%&'*+\-.^_`|~0-9A-Za-z]+):([^\r\n\0]*)")
_CHUNK = re.compile(rb"([0-9A-Fa-f]{1,16})[ \t]*(?:;[^\n]*?)?\r?\n")
_LINE = re.compile(rb"([^\n]*?)\r?\n")
_LENGTH = re.compile(rb"[0-9]{1,16}")


class Model(NamedTuple):
    """A response."""

    status: int
    body: bytes
    rest: bytes
    """What follows it."""
    may_be_kept: bool
    """Is its end known without the end of the connection, and does nothing say `close`?"""


def model(data: bytes) -> Model | None:
    """The first response in a stream that is not an interim one."""
    while (match := _HEAD.match(data)) is not None:
        parsed = _head(match[1])
        if parsed is None:
            return None
        minor, status, fields = parsed
        data = data[match.end() :]
        if status == 101 or status >= 200:
            return _with_body(minor, status, fields, data)
    return None


def _head(head: bytes) -> tuple[int, int, dict[bytes, bytes]] | None:
    first, *lines = re.split(rb"\r?\n", re.sub(rb"\r?\n[ \t]", b" ", head))
    match = _STATUS_LINE.fullmatch(first)
    fields: dict[bytes, bytes] = {}
    for line in lines:
        field = _FIELD.fullmatch(line)
        if field is None:
            return None
        name, value = field[1].lower(), field[2].strip(b" \t")
        fields[name] = fields[name] + b"," + value if name in fields else value
    return None if match is None else (int(match[1]), int(match[2]), fields)


def _with_body(minor: int, status: int, fields: dict[bytes, bytes], data: bytes) -> Model | None:
    coding = fields.get(b"transfer-encoding")
    options = [each.strip(b" \t").lower() for each in fields.get(b"connection", b"").split(b",")]
    may_be_kept = b"close" not in options if minor else b"keep-alive" in options and coding is None
    if status == 101:
        return Model(status, b"", data, may_be_kept=False)
    if status in (204, 304):
        return Model(status, b"", data, may_be_kept)
    if coding is not None:
        found = _chunked(data) if coding.lower() == b"chunked" else None
        return None if found is None else Model(status, *found, may_be_kept)
    if b"content-length" in fields:
        lengths = {each.strip(b" \t") for each in fields[b"content-length"].split(b",")}
        length = lengths.pop()
        if lengths or not _LENGTH.fullmatch(length) or int(length) > len(data):
            return None
        return Model(status, data[: int(length)], data[int(length) :], may_be_kept)
    return Model(status, data, b"", may_be_kept=False)


def _chunked(data: bytes) -> tuple[bytes, bytes] | None:
    """The body, and what follows it."""
    body = bytearray()
    while (match := _CHUNK.match(data)) is not None:
        size, data = int(match[1], 16), data[match.end() :]
        if size == 0:
            while (line := _LINE.match(data)) is not None:
                data = data[line.end() :]
                if not line[1]:
                    return bytes(body), data
            return None
        end = re.match(rb"\r?\n", data[size:])
        if end is None:
            return None
        body += data[:size]
        data = data[size + end.end() :]
    return None
