# SPDX-License-Identifier: MIT
"""What the errors of a lost connection say."""

from __future__ import annotations

import pytest

from harness.wire import table
from postfix_rest_inetd.backend import client

ERRORS = {
    "of the system": (
        ConnectionResetError(104, "Connection reset by peer"),
        "failed while reading: Connection reset by peer",
    ),
    "without the system's words": (
        OSError("s3cret"),
        "failed while reading: the backend closed the connection",
    ),
    "OpenSSL's words without its source line": (
        OSError(1, "[SSL] alert (_ssl.c:2580)"),
        "failed while reading: [SSL] alert",
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
