# SPDX-License-Identifier: MIT
"""From a request to its answer: ask the backend, judge what it says, encode the reply.

A backend that fails, and a response that cannot be used, are answers. So is a client that cannot be
made, because a file that the endpoint names cannot be used: a temporary error, with the reason. An
exception that nobody expects is one as well, with the place where it was raised.

A handler asks by what is in force (in_force.py), and `query --direct` by what it has read. A Trace
(deadline.py) sees what happens meanwhile.

A backend may refuse what is in force because that is out of date. So after a 401 or 403 the request
is sent again if something else is in force by then, and is answered by that. While the files cannot
be used, and the handler goes on with what it had before, no refusal is permanent.
"""

from __future__ import annotations

import os
from time import monotonic_ns

from . import log_entry, model, verdict
from .deadline import Deadline
from .errors import BackendError, ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from .backend.client import Client
    from .config.endpoint import Endpoint
    from .deadline import Trace
    from .protocols import Codec

    class Source(Protocol):
        """Where a request finds the endpoint that it is for, and the client that asks for it."""

        @property
        def endpoint(self) -> Endpoint | None:
            """The endpoint; None if there is none that can be used."""

        @property
        def problem(self) -> ConfigError | None:
            """Why the endpoint, or its token, may be out of date; None if it is not."""

        def client(self) -> Client:
            """What asks the backend of the endpoint; it is made when it is needed first.

            Raises:
                ConfigError: it cannot be made, and there is none to go on with.
            """

        def has_changed(self, deadline: Deadline) -> bool:
            """Is there another endpoint, or another client, by now?"""


# RFC 9110, 15.5.2 and 15.5.4: what a backend says of a token that it does not take (any more).
_REFUSED = (401, 403)
# A new token may have been read while it was being written.
_MAX_RESENDS = 2
_OUTDATED = "the changed configuration cannot be used, and the one before may be out of date"


class Answer:
    """The answer for Postfix, and what the operator may want to know about it.

    Attributes:
        began_ns: when the request could be sent, by the monotonic clock.
        endpoint: the one that was in force for the request, when it was sent (again).
        wire: the bytes for Postfix; None for none at all, but the end of the connection.
    """

    __slots__ = ("began_ns", "endpoint", "facts", "reply", "request", "wire")

    def __init__(self, endpoint: Endpoint, request: model.Request) -> None:
        """Nothing has been asked yet."""
        self.began_ns = monotonic_ns()
        self.endpoint = endpoint
        self.request = request
        self.facts = log_entry.Facts()
        self.facts.request_id = os.urandom(16).hex()
        self.reply = model.Reply(model.INTERNAL_ERROR, model.REPLY_TEMPORARY)
        self.wire: bytes | None = None


def answer(
    in_force: Source,
    endpoint: Endpoint,
    codec: Codec,
    request: model.Request,
    trace: Trace | None = None,
) -> Answer:
    """Answer a request by what is in force; `endpoint` is what `in_force` has."""
    made = Answer(endpoint, request)
    try:
        client = in_force.client()  # what this takes is not a part of the request's time
        made.began_ns = monotonic_ns()
        made.endpoint = in_force.endpoint or endpoint
        deadline = Deadline(made.endpoint.request_timeout / 1000, trace)
        made.reply, wire = _ask(in_force, client, made, codec, deadline)
    except ConfigError as error:
        made.facts.detail = str(error)
        made.reply = verdict.without_backend(error.outcome)
        wire = codec.encode(made.reply)
    except Exception as error:  # noqa: BLE001 - whatever it is, Postfix must get its reply
        made.facts.detail = log_entry.of_exception(error)
        made.reply = verdict.without_backend(model.INTERNAL_ERROR)
        wire = codec.encode(made.reply)
    made.facts.elapsed_usec = (monotonic_ns() - made.began_ns) // 1000
    made.wire = None if made.reply.kind == model.REPLY_NONE else wire
    return made


def _ask(
    in_force: Source, client: Client, made: Answer, codec: Codec, deadline: Deadline
) -> tuple[model.Reply, bytes]:
    facts = made.facts
    try:
        response = _response(in_force, client, made, deadline)
        facts.status = response.status
        deadline.enter("reading what is in the response")
        is_outdated = in_force.problem is not None
        reply = verdict.of_response(made.endpoint, response, is_outdated=is_outdated)
        if is_outdated and reply.outcome == model.USER_ERROR:
            facts.detail = _OUTDATED
        wire = codec.encode(reply)
        deadline.remaining_sec()
    except BackendError as error:
        facts.detail = str(error)
        reply = verdict.of_failure(made.endpoint, error.outcome)
        wire = codec.encode(reply)
    return reply, wire


def _response(in_force: Source, client: Client, made: Answer, deadline: Deadline) -> model.Response:
    """What the backend answers; to a new token, say, if the one before is no longer right."""
    began = monotonic_ns()
    request_id = made.facts.request_id
    try:
        response = client.ask(made.request, request_id, deadline)
        # It was refused, not processed: so even a policy request may be sent again.
        for _ in range(_MAX_RESENDS):
            if response.status not in _REFUSED or not in_force.has_changed(deadline):
                break
            made.endpoint = in_force.endpoint or made.endpoint
            response = in_force.client().ask(made.request, request_id, deadline)
        return response
    finally:
        made.facts.backend_usec = (monotonic_ns() - began) // 1000
