# SPDX-License-Identifier: MIT
"""Feeds decoders in the tests of the codecs, and records their results.

A stream of bytes is fed in some partition, and what comes out is written down in plain values, so
that two runs can be compared: the requests in order, and the reason and the reply text of the error
that ended the stream (None when it ended well).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

import pytest

from postfix_rest_inetd import model
from postfix_rest_inetd.errors import ProtocolError


class Seen(NamedTuple):
    """The result of a decoder for a stream."""

    requests: list[object]
    reason: str | None = None
    reply_text: str | None = None


def plain(request: model.Request) -> object:
    """A request as a value that can be compared."""
    if isinstance(request, model.PolicyRequest):
        return list(request.attributes)
    return (request.map_name, request.key)


def run(decoder, pieces: Iterable[bytes], *, end: bool = True) -> Seen:
    """Feed PIECES, take each request as soon as it is complete, and end the stream."""
    requests = []
    try:
        for piece in pieces:
            decoder.feed(piece)
            while (request := decoder.next_request()) is not None:
                requests.append(plain(request))
        if end:
            decoder.end()
    except ProtocolError as error:
        return Seen(requests, str(error), error.reply_text)
    return Seen(requests)


def whole(stream: bytes) -> list[bytes]:
    """All of it at once."""
    return [stream]


def in_two_pieces(stream: bytes) -> Iterator[list[bytes]]:
    """In two pieces, cut at each place."""
    return ([stream[:cut], stream[cut:]] for cut in range(len(stream) + 1))


def byte_by_byte(stream: bytes) -> Iterator[bytes]:
    """As slowly as possible."""
    return (stream[index : index + 1] for index in range(len(stream)))


Partition = Callable[[bytes], Iterable[bytes]]

PARTITIONS: tuple[Partition, ...] = (whole, byte_by_byte)

in_every_partition = pytest.mark.parametrize("partition", PARTITIONS, ids=lambda f: f.__name__)


def table(cases: dict[str, tuple[object, ...]]) -> list[object]:
    """The rows of a table for parametrize; the key of each row is its reason."""
    return [pytest.param(*row, id=reason.replace(" ", "-")) for reason, row in cases.items()]
