# SPDX-License-Identifier: MIT
"""The exact reply to an outcome, in each of the three protocols; faults/table.py has the others.

Each case is one request on a connection that has seen the other cases before it: an outcome must
not depend on what went before, and every reply must be exactly one frame.
"""

from __future__ import annotations

import pytest
from blackbox.support import (
    UNREACHABLE,
    netstring,
    perm_broken,
)

from harness.modes import MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import (
    answer,
)

LOOKUP_ROWS = [
    ("one value", b'["value"]', b"200 value\n", b"OK value"),
    ("several values are joined", b'["v1","v2"]', b"200 v1,v2\n", b"OK v1,v2"),
    ("an empty list is not found", b"[]", b"500 key%20not%20found\n", b"NOTFOUND "),
    ("an empty body is not found", b"", b"500 key%20not%20found\n", b"NOTFOUND "),
    ("an empty joined value is not found", b'[""]', b"500 key%20not%20found\n", b"NOTFOUND "),
]


@pytest.mark.parametrize(
    "body, tcp, socketmap", [row[1:] for row in LOOKUP_ROWS], ids=[row[0] for row in LOOKUP_ROWS]
)
def test_200_to_a_lookup(lanes, body, tcp, socketmap):
    """A 200 is the joined values, or "not found" when nothing is left of them."""
    assert lanes.get(TCP).ask(answer(200, body)) == tcp
    assert lanes.get(SOCKETMAP).ask(answer(200, body)) == netstring(socketmap)


def test_200_to_a_policy_request(lanes):
    """A 200 is the action, behind `action=` and before an empty line."""
    assert lanes.get(POLICY).ask(answer(200, b"DUNNO")) == b"action=DUNNO\n\n"


@pytest.mark.parametrize("mode", MODES)
def test_a_target_that_has_no_address(handler_for, mode):
    """A name that cannot be resolved is a target that could not be reached."""
    handler = handler_for(mode, target="http://does-not-exist.invalid:1/", request_timeout=10000)
    reply = handler.ask(mode, REQUEST[mode])
    assert reply == UNREACHABLE[mode]


BROKEN = {
    TCP: (b"put key value\n", b"400 Broken%20request!\n"),
    SOCKETMAP: (b"get key\n", perm_broken("Expected a digit, but got: g")),
    POLICY: (b"no equals sign\n\n", b""),
}


@pytest.mark.parametrize("mode", MODES)
def test_broken_request(handler_for, mode):
    """A broken request is told so where the protocol has a reply, then the connection closes."""
    request, expected = BROKEN[mode]
    handler = handler_for(mode)
    handler.send(request)
    assert handler.result()[:2] == (expected, 0)
