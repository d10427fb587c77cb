# SPDX-License-Identifier: MIT
"""What a handler replies to a response, without a handler."""

from __future__ import annotations

from postfix_rest_inetd import model, verdict
from postfix_rest_inetd.config.endpoint import Endpoint
from postfix_rest_inetd.errors import InvalidDataError
from postfix_rest_inetd.protocols import codec_of


def answered(where: Endpoint, response: model.Response) -> tuple[model.Reply, bytes]:
    """The reply and its bytes, by the way that the handler goes."""
    codec = codec_of(where.mode)
    try:
        reply = verdict.of_response(where, response)
        return reply, codec.encode(reply)
    except InvalidDataError as error:
        reason = str(error)
    assert reason.isprintable()
    reply = verdict.of_failure(where, model.INVALID_DATA)
    return reply, codec.encode(reply)
