# SPDX-License-Identifier: MIT
"""What the operator types is told apart by its form."""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.trace import subject
from postfix_rest_inetd.admin.trace.subject import ADDRESS, QUEUE_ID, REQUEST_ID


@pytest.mark.parametrize(
    "text, expected",
    [
        ("3F2A81C0D5", (QUEUE_ID, "3F2A81C0D5")),
        ("8FAB0304", (QUEUE_ID, "8FAB0304")),
        ("4dCkzq1RVQz1y", (QUEUE_ID, "4dCkzq1RVQz1y")),
        ("user@example.org", (ADDRESS, "user@example.org")),
        (" <a.b@example.org> ", (ADDRESS, "a.b@example.org")),
        ("0123456789abcdef" * 2, (REQUEST_ID, "0123456789abcdef" * 2)),
    ],
)
def test_parse(text, expected):
    """Each kind, with brackets and blanks as they are copied."""
    assert subject.parse(text) == expected


@pytest.mark.parametrize("text", ["", "example", "4dCkz", "example.org", "3f2a81c0d5g!", "-"])
def test_neither(text):
    """Anything else is an error that says what is possible."""
    with pytest.raises(ValueError, match="neither a queue id, nor an address, nor a request id"):
        subject.parse(text)


def test_bytes():
    """A shell may give any bytes; journald is asked for text."""
    with pytest.raises(ValueError, match="is not UTF-8"):
        subject.parse("\udcff@example.org")


def test_keys():
    """An address, its domain, and both in lower case; the null sender has no key."""
    assert subject.keys_of({"Ann@B.Example", ""}) == {
        "Ann@B.Example",
        "ann@b.example",
        "B.Example",
        "b.example",
    }
