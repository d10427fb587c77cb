# SPDX-License-Identifier: MIT
"""What the errors of a lost connection say, and what a client passes on of a response."""

from __future__ import annotations

import pytest

from harness.endpoints import endpoint
from harness.modes import TCP
from harness.scripted_backend import ScriptedBackend, answer
from harness.wire import table
from postfix_rest_inetd import model
from postfix_rest_inetd.backend import client
from postfix_rest_inetd.deadline import Deadline

ERRORS = {
    "of the system": (
        ConnectionResetError(104, "Connection reset by peer"),
        "failed while reading: Connection reset by peer",
    ),
    "without the system's words": (
        OSError("s3cret"),
        "failed while reading: the backend closed the connection",
    ),
    "OpenSSL's words without its names and its source line": (
        OSError(1, "[SSL: SSLV3_ALERT_BAD_MAC] sslv3 alert bad mac (_ssl.c:2580)"),
        "failed while reading: sslv3 alert bad mac",
    ),
    "an end without a beginning": (
        EOFError("s3cret"),
        "failed while reading: the backend closed the connection",
    ),
}


@pytest.mark.parametrize("error, text", table(ERRORS))
def test_classified(error, text):
    """A loss is told; what the backend sent is not repeated."""
    assert client._classified(error, "reading") == text


FIELDS = (b"Cache-Control: max-age=60", b"Vary: Accept", b"cache-control: private")
CACHING = {b"cache-control": b"max-age=60,private", b"vary": b"Accept"}


@pytest.mark.parametrize("status", [200, 404, 500])
def test_caching(status):
    """The header fields for a cache are passed on; those of one response are not in the next."""
    with ScriptedBackend() as backend:
        backend.script(answer(status, b"[]", *FIELDS), answer(status, b"[]"))
        where = endpoint(TCP, target=backend.url())
        asking = client.Client(where, where.targets.all()[0], "x", b"x")
        request = model.LookupRequest(b"key")
        responses = [asking.ask(request, "id", Deadline(30)) for _ in range(2)]
        asking.close()
    assert [response.caching for response in responses] == [CACHING, {}]
