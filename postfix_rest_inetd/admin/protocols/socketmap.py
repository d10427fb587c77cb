# SPDX-License-Identifier: MIT
"""Postfix's side of socketmap_table(5): util/dict_sockmap.c, with util/netstring.c.

The word of a reply decides. After an end of file Postfix tries once more, with no pause.
"""

from __future__ import annotations

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.protocols.answer import Answer, ReplyError
from postfix_rest_inetd.protocols import netstring, socketmap

TABLE = "socketmap"
HAS_MAPS = True
HAS_UNIX_SOCKETS = True
TRIES = ""
TRIES_AFTER_CLOSE = "after another try, at once, "

_KINDS = {
    b"OK": model.REPLY_VALUE,
    b"NOTFOUND": model.REPLY_NOT_FOUND,
    b"TEMP": model.REPLY_TEMPORARY,
    b"TIMEOUT": model.REPLY_TIMEOUT,
    b"PERM": model.REPLY_PERMANENT,
}


def in_main_cf(place: str, map_name: str) -> str:
    """The table at a place that has the map of that name."""
    return f"socketmap:{place}:{map_name}"


def encode(request: model.Request) -> bytes:
    """The bytes that Postfix sends."""
    if not isinstance(request, model.LookupRequest) or request.map_name is None:
        raise TypeError("a socketmap is asked for a key in a map, and for nothing else")
    return netstring.encode(b"%s %s" % (request.map_name, request.key))


def take(data: bytes) -> tuple[Answer, int] | None:
    """The reply that the bytes begin with, and its length; None when it needs more.

    Raises:
        ReplyError: Postfix cannot use it.
    """
    decoder = netstring.NetstringDecoder(socketmap.MAX_REPLY_BYTES)
    decoder.feed(data)
    try:
        payload = decoder.next_payload()
    except netstring.NetstringError as error:
        raise ReplyError(f"the reply is not a netstring: {error}") from None
    if payload is None:
        return None
    word, _, text = payload.partition(b" ")
    if word not in _KINDS:
        known = ", ".join(known.decode() for known in _KINDS)
        raise ReplyError(f"the reply begins with none of the words {known}")
    return Answer(_KINDS[word], word.decode(), text), len(netstring.encode(payload))
