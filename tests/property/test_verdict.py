# SPDX-License-Identifier: MIT
"""Properties of the way from a response to the bytes that Postfix gets."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from property import postfix_client
from property.strategies import MODES, POLICY, SOCKETMAP, TCP, action_texts, bodies, statuses

from harness.endpoints import endpoint
from harness.judged import answered
from postfix_rest_inetd import model, verdict
from postfix_rest_inetd.action import checked_action
from postfix_rest_inetd.protocols import codec_of

ENDPOINTS = {
    TCP: [
        endpoint(TCP),
        endpoint(TCP, list_separator=""),
        endpoint(TCP, list_separator="\n", temporary_statuses=[401, 404]),
        endpoint(TCP, access_table=True),
    ],
    SOCKETMAP: [
        endpoint(SOCKETMAP),
        endpoint(SOCKETMAP, list_separator="é", temporary_statuses=[429]),
        endpoint(SOCKETMAP, access_table=True, allowed_actions=["DUNNO", "450", "permit"]),
    ],
    POLICY: [
        endpoint(POLICY),
        endpoint(POLICY, failure_action="DEFER_IF_PERMIT later", temporary_statuses=[404]),
        endpoint(POLICY, failure_action="close"),
        endpoint(POLICY, allowed_actions=["DUNNO", "450", "permit"]),
    ],
}


def assert_safe(action):
    """Postfix does with an action what it says, or defers the mail; it does not pass over it."""
    assert not postfix_client.lets_mail_in_by_accident(action)
    assert not postfix_client.sends_left_overs(action)
    assert not postfix_client.is_ignored(action)


@pytest.mark.parametrize("mode", [TCP, SOCKETMAP])
@given(data=st.data(), status=statuses, body=bodies)
def test_lookup(mode, data, status, body):
    """Any response to a lookup gives exactly one frame that Postfix accepts, and the right one."""
    where = data.draw(st.sampled_from(ENDPOINTS[mode]))
    reply, wire = answered(where, model.Response(status, body))
    decode = postfix_client.tcp_reply if mode == TCP else postfix_client.socketmap_reply
    frame = decode(wire)
    found = frame.status in (b"200", b"OK")
    assert found == (reply.outcome == model.FOUND)
    if found:
        assert status == 200
        joined = where.list_separator.join(json.loads(body))
        assert frame.text.decode() == (joined.strip() if where.access_table else joined)
        assert frame.text.strip(b" ,\t\r\n")  # else an access table would let the mail in
    if frame.status in (b"500", b"NOTFOUND") and status != 404:
        assert status == 200
        values = [v.replace(where.list_separator, "") for v in json.loads(body or b"[]")]
        assert not "".join(values).strip(", \t\r\n\v\f")
    if b"\0" in frame.text:
        pytest.fail("Postfix would cut this reply off")


@pytest.mark.parametrize("mode", [TCP, SOCKETMAP])
@given(text=action_texts)
@example(text="FILTER x")
def test_access_table(mode, text):
    """A value of an access table that gets through is as safe as an action of a policy."""
    where = ENDPOINTS[mode][-1]
    reply, wire = answered(where, model.Response(200, json.dumps([text]).encode()))
    decode = postfix_client.tcp_reply if mode == TCP else postfix_client.socketmap_reply
    if reply.outcome == model.FOUND:
        assert_safe(decode(wire).text)
        assert decode(wire).text == checked_action(text, where.allowed_actions).encode()


@given(data=st.data(), status=statuses, body=bodies)
@example(data=None, status=200, body=b"451")
@example(data=None, status=200, body=b"OK\n\naction=REJECT")
def test_policy(data, status, body):
    """Any response to a policy request gives one action, or none at all where that is asked for."""
    where = ENDPOINTS[POLICY][0] if data is None else data.draw(st.sampled_from(ENDPOINTS[POLICY]))
    reply, wire = answered(where, model.Response(status, body))
    if reply.kind == model.REPLY_NONE:
        assert (wire, where.failure_action) == (b"", "close")
        return
    action = postfix_client.policy_reply(wire).text
    assert action
    assert_safe(action)
    if reply.outcome == model.ACTION:
        assert (status, action) == (200, body.strip())
    elif action != (where.failure_action or "").encode():
        assert postfix_client.is_reply_code(action)


@pytest.mark.parametrize("mode", MODES)
@given(data=st.data(), status=statuses, body=bodies)
def test_error_texts_come_from_nobody_else(mode, data, status, body):
    """A reply that is an error depends on the status alone, so the body can hide nothing in it."""
    where = data.draw(st.sampled_from(ENDPOINTS[mode]))
    reply, wire = answered(where, model.Response(status, body))
    if reply.outcome not in (model.FOUND, model.NOT_FOUND, model.ACTION):
        assert (
            reply.outcome == model.INVALID_DATA
            or wire == (answered(where, model.Response(status, b""))[1])
        )
        if reply.outcome == model.INVALID_DATA:
            fixed = verdict.of_failure(where, model.INVALID_DATA)
            assert wire == codec_of(mode).encode(fixed)


@given(text=action_texts)
@example(text="REJECT 5.7.1")
@example(text="FILTER x")
@example(text="permit, reject")
@example(text="reject_rbl_client")
def test_accepted_actions_are_safe(text):
    """An action that passes is one line of UTF-8 that does not let mail in by accident."""
    try:
        action = checked_action(text)
    except ValueError:
        return
    octets = action.encode()
    assert octets in text.encode()
    assert 1 <= len(octets) <= 4096
    assert_safe(octets)
    assert min(octets) >= 0x20
    assert checked_action(action) == action


ALLOWED = ["DUNNO", "OK", "permit", "450"]


@given(text=action_texts)
@example(text="O\N{KELVIN SIGN}")
def test_allowed_actions(text):
    """What passes allowed-actions begins, to Postfix, with one of them and a space or the end."""
    try:
        action = checked_action(text, ALLOWED).encode()
    except ValueError:
        return
    command, _, rest = action.partition(b" ")
    assert command.lower() in (b"dunno", b"ok", b"permit", b"450")
    if command.lower() == b"permit":
        assert rest == b""
    assert checked_action(text) == checked_action(text, ALLOWED)
