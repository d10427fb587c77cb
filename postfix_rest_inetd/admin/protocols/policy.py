# SPDX-License-Identifier: MIT
"""Postfix's side of policy delegation: util/attr_scan_plain.c behind smtpd/smtpd_check.c.

The first `action` of a reply decides.
"""

from __future__ import annotations

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.protocols.answer import Answer, ReplyError

TABLE = ""
HAS_MAPS = False
HAS_UNIX_SOCKETS = True
TRIES = TRIES_AFTER_CLOSE = "after another try, a second later, "

# Postfix has no limit for policy replies; an action of the handler has at most 4096 bytes.
MAX_REPLY_BYTES = 65536


def in_main_cf(place: str, _map_name: str) -> str:
    """The restriction that asks at a place."""
    return f"check_policy_service {place}"


def encode(request: model.Request) -> bytes:
    """The bytes that Postfix sends."""
    if not isinstance(request, model.PolicyRequest):
        raise TypeError("a policy service is asked with attributes, and with nothing else")
    return b"".join(b"%s=%s\n" % pair for pair in request.attributes) + b"\n"


def take(data: bytes) -> tuple[Answer, int] | None:
    """The reply that the bytes begin with, and its length; None when it needs more.

    Raises:
        ReplyError: Postfix cannot use it.
    """
    end = data.find(b"\n\n", 0, MAX_REPLY_BYTES)
    if data.startswith(b"\n"):
        raise ReplyError("the reply has no action")
    if end < 0:
        if len(data) >= MAX_REPLY_BYTES:
            raise ReplyError(f"the reply is longer than {MAX_REPLY_BYTES} bytes")
        return None
    for line in data[:end].split(b"\n"):
        name, equals, value = line.partition(b"=")
        if not equals:
            raise ReplyError("the reply has a line without '='")
        if name == b"action":
            return Answer(model.REPLY_VALUE, "action", value), end + 2
    raise ReplyError("the reply has no action")
