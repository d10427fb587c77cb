# SPDX-License-Identifier: MIT
"""However it arrives, a response is what the grammar has, and what h11 reads, if that reads one."""

from __future__ import annotations

import h11
from fuzz.models.http_response import model
from fuzz.pieces import limits, splittings

from postfix_rest_inetd.backend import response
from postfix_rest_inetd.errors import BackendError

MODULES = ("backend.response",)

_ENOUGH = 1 << 16
_FEW_LINES = 20
_LITTLE = 5  # bytes of a body
_REQUEST = h11.Request(method="GET", target="/", headers=[("Host", "h")])
_SMALL = {"MAX_HEAD_BYTES": 64, "MAX_FIELDS": 3, "MAX_INTERIM": 3, "_MAX_CHUNK_LINE_BYTES": 16}


class Stream:
    """Gives pieces, one at a time, and then the end."""

    def __init__(self, pieces: list[bytes]) -> None:
        self._pieces = [piece for piece in pieces if piece][::-1]

    def receive(self) -> bytes:
        """The next piece."""
        return self._pieces.pop() if self._pieces else b""

    @property
    def is_empty(self) -> bool:
        """Has everything been taken?"""
        return not self._pieces


def run(data: bytes) -> None:
    """DATA is what the backend sends before it closes the connection.

    A connection that h11 would close is not kept.
    """
    if data.count(b"\n") > _FEW_LINES:
        return  # beyond MAX_FIELDS and MAX_INTERIM
    whole = compare_splittings(data, _ENOUGH)
    compare_with_grammar(data, whole)
    if isinstance(whole[0], int):
        compare_with_h11(data, whole)
        compare_splittings(data, _LITTLE)
    with limits(response, **_SMALL):
        compare_splittings(data, _ENOUGH)


def read(pieces: list[bytes], limit: int) -> tuple[object, ...]:
    """Status, body, and what else is known; or the error and its text."""
    reader = response.ResponseReader(Stream(pieces))
    try:
        reader.begin()
        body = reader.read(limit)
    except (BackendError, EOFError) as error:
        return type(error), str(error)
    assert len(body) <= limit + 1
    keep_alive = reader.keep_alive_sec()
    assert keep_alive is None or keep_alive >= 0
    assert set(reader.caching) <= response.CACHING
    facts = (reader.ended_by_close, reader.is_compressed(), keep_alive, reader.caching)
    return reader.status, body, facts, reader.reusable


def compare_splittings(data: bytes, limit: int) -> tuple[object, ...]:
    """The result, which is the same for each way in which DATA arrives.

    What follows a response may not have arrived when its end is read, so `reusable` may differ: but
    never if nothing follows.
    """
    expected = read([data], limit)
    for pieces in splittings(data):
        result = read(pieces, limit)
        assert result[:3] == expected[:3]
        if expected[-1] is True:
            assert result == expected
    return expected


def compare_with_grammar(data: bytes, ours: tuple[object, ...]) -> None:
    """It is a response exactly if it is one by the grammar."""
    expected = model(data)
    if expected is None:
        assert not isinstance(ours[0], int)
    else:
        assert ours[:2] == (expected.status, expected.body)
        assert ours[-1] == (expected.may_be_kept and not expected.rest)


def compare_with_h11(data: bytes, ours: tuple[object, ...]) -> None:
    """Where h11 reads a response, it is the same one."""
    theirs = of_h11(data)
    if theirs is None:
        return
    status, body, is_kept = theirs
    assert ours[:2] == (status, body)
    assert is_kept or not ours[-1]


def of_h11(data: bytes) -> tuple[int, bytes, bool] | None:
    """Status, body, and whether the connection can be used again with nothing left on it."""
    connection = h11.Connection(h11.CLIENT, max_incomplete_event_size=_ENOUGH)
    connection.send(_REQUEST)
    connection.send(h11.EndOfMessage())
    connection.receive_data(data)
    status, body = 0, bytearray()
    is_at_end = is_old = False
    try:
        while not isinstance(event := connection.next_event(), h11.EndOfMessage):
            if event is h11.NEED_DATA and not is_at_end:
                connection.receive_data(b"")
                is_at_end = True
            elif isinstance(event, h11.Response):
                status, is_old = event.status_code, event.http_version == b"1.0"
            elif isinstance(event, h11.Data):
                body += event.data
            elif not isinstance(event, h11.InformationalResponse):
                return None
    except h11.RemoteProtocolError:
        return None
    # h11 keeps no connection of HTTP/1.0, whatever its Connection field says.
    is_kept = is_old or connection.their_state is h11.DONE
    return status, bytes(body), is_kept and not connection.trailing_data[0]
