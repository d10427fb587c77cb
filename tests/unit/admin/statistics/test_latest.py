# SPDX-License-Identifier: MIT
"""The entry about a request is told from the entries about others."""

from __future__ import annotations

import pytest

from harness.endpoints import endpoint
from harness.modes import SOCKETMAP, TCP
from postfix_rest_inetd import log_entry, model
from postfix_rest_inetd.admin.statistics import latest
from postfix_rest_inetd.admin.statistics.journal_entry import JournalEntry, parse

REQUESTS = [
    (TCP, model.LookupRequest(b"example.org")),
    (TCP, model.LookupRequest(b"\xff\x1b[2J")),
    (TCP, model.LookupRequest(b"x" * 3000)),
    (SOCKETMAP, model.LookupRequest(b"info@example.org", b"alias")),
    (SOCKETMAP, model.LookupRequest("é".encode() * 200, b"m" * 200)),
]


def entry_of(mode: str, name: str, request: model.Request, *, log_keys: bool = True):
    """The entry of a handler, as it is read."""
    facts = log_entry.Facts()
    facts.elapsed_usec = 1
    fields = log_entry.of_request(
        endpoint(mode, name=name, log_keys=log_keys),
        request,
        model.Reply(model.FOUND, model.REPLY_VALUE, "x"),
        facts,
    )
    found = parse({n: v.encode() for n, v in fields.items()}, 1)
    assert isinstance(found, JournalEntry)
    return found


@pytest.mark.parametrize("log_keys", [True, False])
@pytest.mark.parametrize("mode, request_", REQUESTS)
def test_about(mode, request_, log_keys):
    """It is about the request, whatever bytes the key has, and whether keys are logged or not."""
    name = "domains é" * 20
    is_about = latest.about(endpoint(mode, name=name), request_)
    assert is_about(entry_of(mode, name, request_, log_keys=log_keys))
    assert not is_about(entry_of(mode, "another", request_))


@pytest.mark.parametrize(
    "mode, other",
    [
        (TCP, model.LookupRequest(b"example.net")),
        (SOCKETMAP, model.LookupRequest(b"info@example.org", b"other")),
    ],
)
def test_not_about(mode, other):
    """Another key, another map, another mode, and trouble that is about no request."""
    asked = next(request for of, request in REQUESTS[::3] if of == mode)
    is_about = latest.about(endpoint(mode, name="x"), asked)
    assert is_about(entry_of(mode, "x", asked))
    assert not is_about(entry_of(mode, "x", other))
    trouble = log_entry.of_trouble("x", mode, model.BROKEN_REQUEST, "why")
    entry = parse({n: v.encode() for n, v in trouble.items()}, 1)
    assert entry is not None
    assert not is_about(entry)
