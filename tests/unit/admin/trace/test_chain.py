# SPDX-License-Identifier: MIT
"""A mail is followed to another queue id only if that is one of this machine, and of this mail."""

from __future__ import annotations

import pytest

from postfix_rest_inetd.admin.trace import chain, mails
from postfix_rest_inetd.admin.trace import line as lines

SECOND = 1_000_000
BEGIN = 1_800_000_000 * SECOND
FIRST = [
    ("A1B2C3: message-id=<1@x.example>", 0.0),
    ("A1B2C3: to=<b@c>, relay=f[::1]:10024, status=sent (250 2.0.0 Ok: queued as D4E5F6)", 1.0),
]
NOTIFIED = ("A1B2C3: sender non-delivery notification: D4E5F6", 1.0)


def linked(*texts: tuple[str, float]) -> list[chain.Link]:
    """The links in lines, each of which is so many seconds after BEGIN."""
    found = [
        lines.parse(text.encode(), "postfix/x", "1", BEGIN + int(after * SECOND))
        for text, after in texts
    ]
    return chain.links(found)


@pytest.mark.parametrize(
    "others, is_here",
    [
        ([], False),
        ([("D4E5F6: client=f[::1]", 0.5)], True),
        ([("D4E5F6: client=f[::1]", 0.5), ("D4E5F6: message-id=<1@x.example>", 0.6)], True),
        ([("D4E5F6: client=f[::1]", 0.5), ("D4E5F6: message-id=<2@x.example>", 0.6)], False),
        ([("D4E5F6: client=f[::1]", -60)], False),
        ([("D4E5F6: client=f[::1]", 60)], False),
    ],
    ids=["no line", "lines", "same mail", "another mail", "long before", "long after"],
)
def test_is_here(others: list[tuple[str, float]], *, is_here: bool) -> None:
    """Another machine may have given an id that exists here as well, by chance."""
    (link,) = linked(*FIRST, *others)
    assert link == ("A1B2C3", "D4E5F6", lines.HANDED_ON, "f[::1]:10024", is_here)
    found = chain.connected({"A1B2C3"}, [link])
    assert found == ({"A1B2C3", "D4E5F6"} if is_here else {"A1B2C3"})


def test_a_notice_is_another_mail() -> None:
    """It has a Message-ID of its own, and it is found from either side."""
    (link,) = linked(FIRST[0], NOTIFIED, ("D4E5F6: message-id=<2@x.example>", 1.1))
    assert (link.kind, link.is_here) == (lines.NOTICE, True)
    assert chain.connected({"D4E5F6"}, [link]) == {"A1B2C3", "D4E5F6"}
    assert mails.linked(mails.Mail("D4E5F6", []), [link]).before == (link,)
    assert mails.linked(mails.Mail("A1B2C3", []), [link]).after == (link,)


def test_a_circle_ends() -> None:
    """Anybody can write lines that name each other."""
    found = linked(
        *FIRST, ("D4E5F6: sender delay notification: A1B2C3", 1.0), ("A1B2C3: removed", 1.0)
    )
    assert len(found) == 2
    assert chain.connected({"A1B2C3"}, found) == {"A1B2C3", "D4E5F6"}
