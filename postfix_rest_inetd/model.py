# SPDX-License-Identifier: MIT
"""The values that flow between the modules: requests, responses, replies, and their constants.

These are plain classes with slots and plain constants, because every handler loads this module
before its first reply. To import enum, dataclasses or typing costs more than all definitions here.
"""

from __future__ import annotations

# The modes of an endpoint, as written in config.json.
TCP_LOOKUP = "tcp-lookup"
SOCKETMAP_LOOKUP = "socketmap-lookup"
POLICY = "policy"
MODES = (TCP_LOOKUP, SOCKETMAP_LOOKUP, POLICY)

# The outcome of a request: POSTFIX_REST_OUTCOME in the journal.
FOUND = "found"
NOT_FOUND = "not-found"
ACTION = "action"
USER_ERROR = "user-error"
SERVER_ERROR = "server-error"
UNSPECIFIED_STATUS = "unspecified-status"
TIMEOUT = "timeout"
UNREACHABLE = "unreachable"
INVALID_DATA = "invalid-data"
BROKEN_REQUEST = "broken-request"
UNUSABLE_CONFIG = "unusable-config"
INTERNAL_ERROR = "internal-error"
# Not of a request: the changed configuration is unusable, and the previous one stays in force.
KEPT_CONFIG = "kept-config"
# Nor this: a stored answer, or the directory of stored answers, is unusable.
UNUSABLE_CACHE = "unusable-cache"

# The kinds of Reply. Each codec has its own form for them.
REPLY_VALUE = "value"
REPLY_NOT_FOUND = "not-found"
REPLY_TEMPORARY = "temporary"
REPLY_TIMEOUT = "timeout"
REPLY_PERMANENT = "permanent"
REPLY_NONE = "none"


class LookupRequest:
    """A key to look up; `map_name` is None for tcp_table, which has no map names."""

    __slots__ = ("key", "map_name")

    def __init__(self, key: bytes, map_name: bytes | None = None) -> None:
        """Both are raw bytes, as Postfix has them after the protocol's decoding."""
        self.key = key
        self.map_name = map_name


class PolicyRequest:
    """The attributes of one policy request, in order, duplicates and empty values kept."""

    __slots__ = ("attributes",)

    def __init__(self, attributes: list[tuple[bytes, bytes]]) -> None:
        """`attributes` are pairs of name and value."""
        self.attributes = attributes

    def first(self, name: bytes) -> bytes:
        """The value of the first attribute of that name; empty if there is none."""
        for attribute, value in self.attributes:
            if attribute == name:
                return value
        return b""


Request = LookupRequest | PolicyRequest


class Response:
    """What the backend answered: the HTTP status and, for status 200, the whole body.

    Attributes:
        ended_by_close: was the end of the connection the only sign that the body was complete?
        compressed: does Content-Encoding say that the body is compressed? It is not decompressed.
        caching: header fields that say whether the answer may be stored (backend.response.CACHING),
            by name in lower case; lines of one name are joined by a comma.
    """

    __slots__ = ("body", "caching", "compressed", "ended_by_close", "status")

    def __init__(
        self,
        status: int,
        body: bytes,
        *,
        ended_by_close: bool = False,
        compressed: bool = False,
        caching: dict[bytes, bytes] | None = None,
    ) -> None:
        """`body` is empty for any status but 200."""
        self.caching = {} if caching is None else caching
        self.status = status
        self.body = body
        self.ended_by_close = ended_by_close
        self.compressed = compressed


class Reply:
    """The answer to Postfix: one of the REPLY_ kinds, and a text where the kind has one.

    REPLY_NONE means that nothing is sent and the connection is closed.
    """

    __slots__ = ("kind", "outcome", "text")

    def __init__(self, outcome: str, kind: str, text: str = "") -> None:
        """`outcome` is for the journal, `kind` and `text` are for Postfix."""
        self.outcome = outcome
        self.kind = kind
        self.text = text
