# SPDX-License-Identifier: MIT
"""Whatever the backend answers, Postfix reads one reply, as it was meant, and nothing is left."""

from __future__ import annotations

import json

from fuzz.models import replies
from property import postfix_client

from harness.endpoints import endpoint
from harness.judged import answered
from harness.modes import POLICY, SOCKETMAP, TCP
from postfix_rest_inetd import model

MODULES = (
    *("protocols.tcp_table", "protocols.socketmap", "protocols.policy", "protocols.netstring"),
    *("verdict", "action", "restrictions", "enhanced_status", "json_reader"),
)

READ = {TCP: replies.tcp, SOCKETMAP: replies.socketmap, POLICY: replies.policy}
FRAME_OF = {
    TCP: postfix_client.tcp_reply,
    SOCKETMAP: postfix_client.socketmap_reply,
    POLICY: postfix_client.policy_reply,
}
ENDPOINTS = [
    endpoint(TCP),
    endpoint(SOCKETMAP),
    endpoint(POLICY),
    endpoint(TCP, list_separator="\n", temporary_statuses=[401, 404]),
    endpoint(SOCKETMAP, list_separator="", empty_body="temporary"),
    endpoint(
        POLICY, failure_action="DEFER_IF_PERMIT 4.3.0 later", allowed_actions=["DUNNO", "450"]
    ),
    endpoint(TCP, access_table=True),
    endpoint(SOCKETMAP, access_table=True, allowed_actions=["REJECT", "permit_mynetworks"]),
    endpoint(POLICY, failure_action="close"),
]
STATUSES = (200, 404, 503, 401, 301, 200, 200, 200)
MAX_BYTES = (4096, 100_000)
_STRINGS, _LONG = 0x0B, 0x0C
_LONGEST_STATUS = 9


def run(data: bytes) -> None:
    """The first three bytes choose the endpoint, the status and the form of the body."""
    if len(data) < 3:
        return
    where, status = ENDPOINTS[data[0] % len(ENDPOINTS)], STATUSES[data[1] % len(STATUSES)]
    body = body_of(data[2], data[3:])
    reply, wire = answered(where, model.Response(status, body))
    if reply.kind == model.REPLY_NONE:
        assert (wire, where.failure_action) == (b"", "close")
        return
    understood = READ[where.mode](wire + b"x" * 8)
    assert understood.end == len(wire)
    frame = FRAME_OF[where.mode](wire)
    assert understood.text in (frame.text, b"")
    assert understood.kind == meaning(reply, where.mode)
    if reply.kind == model.REPLY_VALUE:
        assert understood.text == reply.text.encode()
        assert understood.text.strip(b" ,\t\r\n")  # an empty list would accept the mail
        if reply.outcome == model.FOUND and not where.access_table:
            assert reply.text == where.list_separator.join(json.loads(body))
    elif reply.outcome == model.NOT_FOUND and status == 200:
        values = json.loads(body or b"[]")
        assert not "".join(values).replace(where.list_separator, "").strip(", \t\r\n\v\f")
    else:
        # Nothing that the backend has sent.
        assert (reply.outcome == model.INVALID_DATA) or (
            wire == answered(where, model.Response(status, b""))[1]
        )


def body_of(form: int, content: bytes) -> bytes:
    """The body as it is, a list of strings, or a list of one whose length is near a limit."""
    if form == _STRINGS:
        return json.dumps(content.decode("utf-8", "replace").split("\x1f")).encode()
    if form != _LONG or not content:
        return content
    text = content[1:].decode("utf-8", "replace")
    limit = MAX_BYTES[content[0] % len(MAX_BYTES)]
    missing = limit - len(text.encode()) - content[0] % _LONGEST_STATUS
    return json.dumps(["x" * missing + text]).encode()


def meaning(reply: model.Reply, mode: str) -> str:
    """What Postfix should understand."""
    if mode == POLICY or reply.kind == model.REPLY_VALUE:
        return replies.VALUE
    if reply.kind == model.REPLY_NOT_FOUND:
        return replies.NOT_FOUND
    is_permanent = reply.kind == model.REPLY_PERMANENT and mode == SOCKETMAP
    return replies.CONFIG if is_permanent else replies.RETRY
