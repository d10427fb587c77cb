# SPDX-License-Identifier: MIT
"""`access-table`: the values of a lookup are actions, and pass the action firewall."""

from __future__ import annotations

import json

import pytest
from blackbox.support import INVALID, NOT_FOUND, netstring, user_error

from harness.modes import LOOKUPS, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import answer

GOOD = [
    ("DUNNO", "DUNNO"),
    ("REJECT No", "REJECT No"),
    (" OK\r\n", "OK"),
    ("450 4.2.0 Later", "450 4.2.0 Later"),
    ("permit_mynetworks, reject", "permit_mynetworks, reject"),
]


def reply(mode: str, action: str) -> bytes:
    """The reply with an action."""
    if mode == TCP:
        return f"200 {action.replace(' ', '%20')}\n".encode()
    return netstring(f"OK {action}".encode())


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("value, action", GOOD)
def test_good(lanes, mode, value, action):
    """An action is passed on, but for white space around it."""
    body = json.dumps([value]).encode()
    assert lanes.get(mode, access_table=True).ask(answer(200, body)) == reply(mode, action)


BAD = [
    ["451"],
    ["REJECT 5.7.1"],
    ["FILTER"],
    ["BCC postmaster"],
    ["permit, reject"],
    ["OK\n"] * 2,
    ["OK\nOK"],
    ["DUNNO", "REJECT"],
    ["REJECT", ""],
    ["{}"],
    ["action=DUNNO"],
    ["x" * 4097],
]


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("values", BAD, ids=lambda values: repr(values)[:20])
def test_bad(lanes, mode, values):
    """Anything else is invalid data, a temporary error; without the key it would be passed on."""
    body = json.dumps(values).encode()
    assert lanes.get(mode, access_table=True).ask(answer(200, body)) == INVALID[mode]
    if len(values[0]) < 4000:
        assert lanes.get(mode).ask(answer(200, body)) != INVALID[mode]


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("body", [b"[]", b'[""]', b'[" ",""]'])
def test_nothing(lanes, mode, body):
    """Nothing is "not found", as in any table."""
    assert lanes.get(mode, access_table=True).ask(answer(200, body)) == NOT_FOUND[mode]


@pytest.mark.parametrize("mode", LOOKUPS)
def test_errors(lanes, mode):
    """Statuses mean what they mean to any lookup."""
    lane = lanes.get(mode, access_table=True)
    assert lane.ask(answer(404)) == NOT_FOUND[mode]
    assert lane.ask(answer(403)) == user_error(403)[mode]


@pytest.mark.parametrize("mode", LOOKUPS)
def test_allowed_actions(lanes, mode):
    """The first word must be one of allowed-actions, if there are any."""
    lane = lanes.get(mode, access_table=True, allowed_actions=["DUNNO", "reject"])
    assert lane.ask(answer(200, b'["REJECT No"]')) == reply(mode, "REJECT No")
    assert lane.ask(answer(200, b'["OK"]')) == INVALID[mode]


def test_the_journal(handler_for, backend):
    """The entry says what is wrong and does not repeat the value."""
    backend.script(answer(200, b'["FILTER nowhere"]'))
    handler = handler_for(SOCKETMAP, access_table=True)
    assert handler.ask(SOCKETMAP, REQUEST[SOCKETMAP]) == INVALID[SOCKETMAP]
    _, _, log = handler.finish()
    assert "FILTER needs transport:destination after it" in log
    assert "nowhere" not in log
