# SPDX-License-Identifier: MIT
"""From a request to its answer: ask the backend, judge its response, encode the reply.

Every request gets an Answer. A backend that fails and a response that cannot be used lead to one.
So does a file of the endpoint that cannot be used: then no client can be made, and the answer is a
temporary error with the reason. An unexpected exception leads to a temporary error as well, and the
journal gets the place where it was raised.

A handler passes the configuration in force (in_force.py); `query --direct` passes the endpoint that
it has read. A Trace (deadline.py) observes what happens meanwhile.

A lookup may need no backend, because the handlers of a machine share what they were told
(shared.py). An answer that is fresh is used at once. One that is stale, as far as the backend or
the operator permits it, is used in place of a failure: after the failure, or at once while the
backend is known to be down. Both are judged anew, by the configuration in force. What the backend
says is kept after Postfix has its reply, hence keep().

A backend may refuse a request because the configuration in force is out of date. So after a 401 or
403, if another configuration is in force by then, the request is sent again with that one. While
the files cannot be used, and the handler continues with the previous configuration, no refusal is
permanent.
"""

from __future__ import annotations

import os
from time import CLOCK_BOOTTIME, clock_gettime, monotonic_ns

from . import log_entry, model, verdict
from .deadline import Deadline
from .errors import BackendError, ConfigError, InvalidDataError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Protocol

    from .backend.backends import Backends
    from .backend.client import Client
    from .cache.memory import Recalled
    from .config.endpoint import Endpoint
    from .deadline import Trace
    from .protocols import Codec
    from .shared import Shared

    class Source(Protocol):
        """Provides the endpoint of a request, and the client that asks its backend."""

        @property
        def endpoint(self) -> Endpoint | None:
            """The endpoint; None if there is none that can be used."""

        @property
        def problem(self) -> ConfigError | None:
            """Why the endpoint, or its token, may be out of date; None if it is not."""

        @property
        def shared(self) -> Shared | None:
            """What is shared about the endpoint, with its present token; None if nothing is."""

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
_SERVER_ERRORS = range(500, 600)
_OUTDATED = "the changed configuration cannot be used, and the one before may be out of date"
_DOWN = "the backend is known to be down, and was not asked"

# The outcomes of a lookup that a stored answer can have, and those that a stale one replaces.
_GOOD = (model.FOUND, model.NOT_FOUND)
_OUTAGES = (model.UNREACHABLE, model.TIMEOUT, model.SERVER_ERROR, model.INVALID_DATA)


class Answer:
    """The answer for Postfix, and the facts about it for the operator.

    Attributes:
        asked_sec: when the backend was asked, by CLOCK_BOOTTIME: a machine may be suspended while
            it waits, and the answer grows old meanwhile.
        began_ns: when the request could be sent, by the monotonic clock.
        endpoint: the one in force when the request was sent, the last time if that was repeated.
        wire: the bytes for Postfix; None if the connection ends without a reply.
        recalled: what is stored for the request, as far as it may be used; for keep().
        response: the backend's response, if it may be worth keeping.
    """

    __slots__ = (
        "asked_sec",
        "began_ns",
        "endpoint",
        "facts",
        "recalled",
        "reply",
        "request",
        "response",
        "shared",
        "wire",
    )

    def __init__(self, endpoint: Endpoint, request: model.Request) -> None:
        """Nothing has been asked yet."""
        self.began_ns = monotonic_ns()
        self.asked_sec = 0.0
        self.endpoint = endpoint
        self.request = request
        self.facts = log_entry.Facts()
        self.facts.request_id = os.urandom(16).hex()
        self.reply = model.Reply(model.INTERNAL_ERROR, model.REPLY_TEMPORARY)
        self.wire: bytes | None = None
        self.shared: Shared | None = None
        self.recalled: Recalled | None = None
        self.response: model.Response | None = None


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
        made.shared = in_force.shared
        if made.shared is not None and isinstance(request, model.LookupRequest):
            made.recalled = made.shared.recall(request)
        if not _use_stored(made, codec):
            _ask(in_force, made, codec, trace)
    except ConfigError as error:
        made.facts.detail = str(error)
        made.reply = verdict.without_backend(error.outcome)
        made.wire = codec.encode(made.reply)
    except Exception as error:  # noqa: BLE001 - whatever it is, Postfix must get its reply
        made.facts.detail = log_entry.of_exception(error)
        made.reply = verdict.without_backend(model.INTERNAL_ERROR)
        made.wire = codec.encode(made.reply)
    made.facts.elapsed_usec = (monotonic_ns() - made.began_ns) // 1000
    if made.reply.kind == model.REPLY_NONE:
        made.wire = None
    return made


def keep(made: Answer) -> None:
    """Store the backend's answer, if that is permitted. For the time when Postfix has its reply."""
    recalled, made.recalled = made.recalled, None
    response, made.response = made.response, None
    if made.shared is not None and response is not None:
        assert isinstance(made.request, model.LookupRequest)  # noqa: S101 - see _ask()
        made.shared.keep(
            made.request,
            recalled,
            response,
            is_found=made.reply.outcome == model.FOUND,
            delay_sec=clock_gettime(CLOCK_BOOTTIME) - made.asked_sec,
        )
    if recalled is not None:
        recalled.close()


def _use_stored(made: Answer, codec: Codec) -> bool:
    """Answer from the store if that is possible without asking the backend."""
    request = made.request
    if made.recalled is None or made.shared is None or isinstance(request, model.PolicyRequest):
        return False
    if made.recalled.is_fresh:
        return _recall(made, codec, log_entry.STORED)
    if made.recalled.response is not None and made.shared.is_down(request):
        return _recall(made, codec, log_entry.STALE, _DOWN)
    return False


def _recall(made: Answer, codec: Codec, source: str, why: str = "") -> bool:
    """Use what is stored, if it is a good answer by the configuration in force."""
    recalled = made.recalled
    if recalled is None or recalled.response is None:
        return False
    if len(recalled.response.body) > made.endpoint.max_response_bytes:
        return False
    try:
        reply = verdict.of_response(made.endpoint, recalled.response)
        wire = codec.encode(reply)
    except InvalidDataError:
        return False
    if reply.outcome not in _GOOD:
        return False
    made.reply, made.wire = reply, wire
    made.facts.source, made.facts.age_sec = source, recalled.age_sec
    made.facts.detail = why
    return True


def _ask(in_force: Source, made: Answer, codec: Codec, trace: Trace | None) -> None:
    """Answer by asking the backend; if it fails, a stale answer may have to do."""
    facts = made.facts
    client = in_force.client()  # its time does not count as the request's
    made.began_ns = monotonic_ns()
    made.asked_sec = clock_gettime(CLOCK_BOOTTIME)
    _follow(in_force, made)
    deadline = Deadline(made.endpoint.request_timeout / 1000, trace)
    try:
        response = _response(in_force, client, made, deadline)
        while True:
            try:
                _judge(in_force, made, codec, response, deadline)
                break
            except InvalidDataError as error:  # another backend may have an answer
                response = _response(in_force, in_force.client(), made, deadline, error)
        deadline.remaining_sec()
    except BackendError as error:
        facts.detail = str(error)
        made.reply = verdict.of_failure(made.endpoint, error.outcome)
        made.wire = codec.encode(made.reply)
    else:
        made.response = response if made.reply.outcome in _GOOD else None
    if made.reply.outcome in _OUTAGES and made.recalled is not None:
        made.recalled.update()
        why = facts.detail or f"the backend failed with status {facts.status}"
        _recall(made, codec, log_entry.STALE, why)


def _judge(
    in_force: Source, made: Answer, codec: Codec, response: model.Response, deadline: Deadline
) -> None:
    """Make the reply from a response.

    Raises:
        InvalidDataError: the response cannot be used.
    """
    made.facts.status = response.status
    deadline.enter("reading what is in the response")
    is_outdated = in_force.problem is not None
    made.reply = verdict.of_response(made.endpoint, response, is_outdated=is_outdated)
    if is_outdated and made.reply.outcome == model.USER_ERROR:
        made.facts.detail = _OUTDATED
    made.wire = codec.encode(made.reply)


def _response(
    in_force: Source,
    client: Client | Backends,
    made: Answer,
    deadline: Deadline,
    error: InvalidDataError | None = None,
) -> model.Response:
    """The backend's response; after a refusal, that to a changed configuration, if there is one.

    With `error`, which says why the response is of no use, that of another backend.
    """
    began = monotonic_ns()
    request_id = made.facts.request_id
    try:
        if error is None:
            response = client.ask(made.request, request_id, deadline)
        else:
            response = client.ask_another(error, made.request, request_id, deadline)
        # The backend refused it and did not process it: even a policy request may be sent again.
        for _ in range(_MAX_RESENDS):
            if response.status not in _REFUSED or not in_force.has_changed(deadline):
                break
            _follow(in_force, made)
            client = in_force.client()
            response = client.ask(made.request, request_id, deadline)
    except BackendError as failure:
        if failure is not error:
            made.facts.status = 0
            if made.shared is not None:
                made.shared.failed(None if failure.is_unsent else made.request)
        raise
    finally:
        made.facts.backend_usec += (monotonic_ns() - began) // 1000
        made.facts.target, made.facts.failed = client.asked, client.failed
    if made.shared is not None:
        if response.status in _SERVER_ERRORS:
            made.shared.failed(made.request)
        else:
            made.shared.succeeded()
    return response


def _follow(in_force: Source, made: Answer) -> None:
    """Go on with the endpoint in force.

    What is stored for another endpoint, or for another token, is not for this request.
    """
    made.endpoint = in_force.endpoint or made.endpoint
    if made.shared is not in_force.shared:
        made.shared = in_force.shared
        if made.recalled is not None:
            made.recalled.close()
            made.recalled = None
