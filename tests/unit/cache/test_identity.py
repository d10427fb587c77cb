# SPDX-License-Identifier: MIT
"""What a stored answer is the answer to: whatever a backend can see makes another answer of it."""

from __future__ import annotations

import hashlib

import pytest

from harness.endpoints import endpoint
from postfix_rest_inetd.cache.identity import Identity
from postfix_rest_inetd.model import LookupRequest

FIELDS = {
    "target": ["https://a.example/x", "https://b.example/y"],
    "headers": {"X-Tenant": "42", "X-Zone": "7"},
}
AGENT, TOKEN, DIGESTS = "agent", b"token", (b"ca", b"certificate", b"key")
REQUEST = LookupRequest(b"key", b"map")


def of(
    fields: dict[str, object] = FIELDS,
    agent: str = AGENT,
    token: bytes = TOKEN,
    digests: tuple[bytes | None, ...] = DIGESTS,
    request: LookupRequest = REQUEST,
) -> tuple[str, bytes]:
    """The name and the key of an answer."""
    return Identity(endpoint(**fields), agent, token, digests).of(request)


def test_form() -> None:
    """Answers that are stored outlive an upgrade: this is what all versions name them by."""
    parts = [
        (b"u", b"https://a.example/x"),
        (b"u", b"https://b.example/y"),
        (b"a", b"agent"),
        (b"t", b"token"),
        (b"n", b"x-tenant"),
        (b"v", b"42"),
        (b"n", b"x-zone"),
        (b"v", b"7"),
        (b"f", b"ca"),
        (b"f", b""),
        (b"m", b"map"),
        (b"k", b"key"),
    ]
    text = b"".join(b"%s%d:%s" % (kind, len(value), value) for kind, value in parts)
    digest = hashlib.blake2b(text, digest_size=52).digest()
    assert of(digests=(b"ca", None)) == (digest[:20].hex(), digest[20:])


OTHERS = {
    "another target": {"fields": {**FIELDS, "target": ["https://a.example/x", "https://c/"]}},
    "the other order": {"fields": {**FIELDS, "target": FIELDS["target"][::-1]}},
    "fewer targets": {"fields": {**FIELDS, "target": FIELDS["target"][0]}},
    "another tenant": {"fields": {**FIELDS, "headers": {"X-Tenant": "43", "X-Zone": "7"}}},
    "another header": {"fields": {**FIELDS, "headers": {"X-Tenans": "42", "X-Zone": "7"}}},
    "values exchanged": {"fields": {**FIELDS, "headers": {"X-Tenant": "7", "X-Zone": "42"}}},
    "another user agent": {"agent": "other"},
    "another token": {"token": b"tokem"},
    "a part of the token before it": {"agent": "agentt", "token": b"oken"},
    "another certificate": {"digests": (b"ca", b"certificate", b"kex")},
    "certificates exchanged": {"digests": DIGESTS[::-1]},
    "an unreadable file": {"digests": (b"ca", b"certificate", None)},
    "no certificates": {"digests": ()},
    "another key": {"request": LookupRequest(b"kex", b"map")},
    "another map": {"request": LookupRequest(b"key", b"mas")},
    "no map": {"request": LookupRequest(b"key", None)},
    "a part of the map in the key": {"request": LookupRequest(b"pkey", b"ma")},
}


@pytest.mark.parametrize("changes", OTHERS.values(), ids=OTHERS)
def test_others(changes) -> None:
    """Both halves differ."""
    name, key = of()
    other_name, other_key = of(**changes)
    assert name != other_name
    assert key != other_key


def test_the_same() -> None:
    """The order of headers, and the case of their names, are nothing that a backend goes by."""
    headers = {"x-zone": "7", "x-tenant": "42"}
    assert of({**FIELDS, "headers": headers}) == of()
