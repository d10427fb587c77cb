# SPDX-License-Identifier: MIT
"""What a stored answer is the answer to: everything that our requests for it have in common.

An answer may be used again only for a request that the backend could not tell from the one that it
answered, X-Request-Id aside. So the identity consists of the URLs of the targets, the token, all
constant header fields, the digests of the files for TLS (a client certificate says who asks), the
name of the map and the key. A changed token or tenant never sees the answers of another.

Identities are digests (BLAKE2b, RFC 7693). They show nothing of what they are made of, and the
half that is the key for a MAC is not in the file system, so a stored answer cannot be forged
without the token.
"""

from __future__ import annotations

from ..blake2 import blake2b

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterable

    from ..config.endpoint import Endpoint
    from ..model import LookupRequest

_NAME_BYTES = 20
_BYTES = 52  # and a key of 32 bytes


class Identity:
    """What all requests of an endpoint have in common."""

    __slots__ = ("_common",)

    def __init__(
        self, endpoint: Endpoint, user_agent: str, token: bytes, digests: Iterable[bytes | None]
    ) -> None:
        """`digests` are those of the files for TLS; None for one that cannot be read."""
        self._common = blake2b(digest_size=_BYTES)
        for url in endpoint.targets.urls:
            self._add(b"u", url.encode())
        self._add(b"a", user_agent.encode())
        self._add(b"t", token)
        for name in sorted(endpoint.headers):
            self._add(b"n", name.lower().encode())
            self._add(b"v", endpoint.headers[name].encode())
        for digest in digests:
            self._add(b"f", digest or b"")

    def of(self, request: LookupRequest) -> tuple[str, bytes]:
        """The name of an answer's file, 40 hexadecimal digits, and the key of its MAC, 32 bytes."""
        state = self._common.copy()
        if request.map_name is not None:
            state.update(_part(b"m", request.map_name))
        state.update(_part(b"k", request.key))
        digest = state.digest()
        return digest[:_NAME_BYTES].hex(), digest[_NAME_BYTES:]

    def _add(self, kind: bytes, value: bytes) -> None:
        self._common.update(_part(kind, value))


def _part(kind: bytes, value: bytes) -> bytes:
    """A part, with its length: two different lists of parts never have the same bytes."""
    return b"%s%d:%s" % (kind, len(value), value)
