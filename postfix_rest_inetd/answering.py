# SPDX-License-Identifier: MIT
"""From a request to its answer: ask the backend, judge its response, encode the reply.

Every request gets an Answer. A backend that fails and a response that cannot be used lead to one.
So does a file of the endpoint that cannot be used: then no client can be made, and the answer is a
temporary error with the reason. An unexpected exception leads to a temporary error as well, and the
journal gets the place where it was raised.

A handler passes the configuration in force (in_force.py); `query --direct` passes the endpoint that
it has read. A Trace (deadline.py) observes what happens meanwhile.

A backend may refuse a request because the configuration in force is out of date. So after a 401 or
403, if another configuration is in force by then, the request is sent again with that one. While
the files cannot be used, and the handler continues with the previous configuration, no refusal is
permanent.
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

    from .backend.backends import Backends
    from .backend.client import Client
    from .config.endpoint import Endpoint
    from .deadline import Trace
    from .protocols import Codec

    class Source(Protocol):
        """Provides the endpoint of a request, and the client that asks its backend."""

        @property
        def endpoint(self) -> Endpoint | None:
            """The endpoint; None if there is none that can be used."""

        @property
        def problem(self) -> ConfigError | None:
            """Why the endpoint, or its token, may be out of date; None if it is not."""

        def client(self) -> Client | Backends:
            """The client for the backend of the endpoint; the first call makes it.

            Raises:
                ConfigError: it cannot be made, and no other can be used in its place.
            """

        def has_changed(self, deadline: Deadline) -> bool:
            """Is there another endpoint, or another client, by now?"""


# RFC 9110, 15.5.2 and 15.5.4: how a backend refuses a token, perhaps one that has expired.
_REFUSED = (401, 403)
# A new token may have been read while it was being written.
_MAX_RESENDS = 2
_OUTDATED = "the changed configuration cannot be used, and the one before may be out of date"


class Answer:
    """The answer for Postfix, and the facts about it for the operator.

    Attributes:
        began_ns: when the request could be sent, by the monotonic clock.
        endpoint: the one in force when the request was sent, the last time if that was repeated.
        wire: the bytes for Postfix; None if the connection ends without a reply.
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
    """Answer a request by the configuration in force; `endpoint` is the one of `in_force`."""
    made = Answer(endpoint, request)
    try:
        client = in_force.client()  # its time does not count as the request's
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
    in_force: Source, client: Client | Backends, made: Answer, codec: Codec, deadline: Deadline
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


def _response(
    in_force: Source, client: Client | Backends, made: Answer, deadline: Deadline
) -> model.Response:
    """The backend's response; after a refusal, that to a changed configuration, if there is one."""
    began = monotonic_ns()
    request_id = made.facts.request_id
    try:
        response = client.ask(made.request, request_id, deadline)
        # The backend refused it and did not process it: even a policy request may be sent again.
        for _ in range(_MAX_RESENDS):
            if response.status not in _REFUSED or not in_force.has_changed(deadline):
                break
            made.endpoint = in_force.endpoint or made.endpoint
            client = in_force.client()
            response = client.ask(made.request, request_id, deadline)
        return response
    finally:
        made.facts.backend_usec = (monotonic_ns() - began) // 1000
        made.facts.target, made.facts.failed = client.asked, client.failed
