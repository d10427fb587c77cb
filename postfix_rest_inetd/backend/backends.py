# SPDX-License-Identifier: MIT
"""Asks the targets of an endpoint in order, until one of them responds, before one deadline.

- Any response but one with a status of 500 to 599 is an answer, and ends the search: also 401, 403,
  408 and 429. A failure of any kind, and these statuses, are an outage of the target.
- A lookup goes to the next target after any outage, and after a response with status 200 that
  turns out to be unusable; only the caller knows that (ask_another). A policy request may have been
  counted already, so it goes to the next target only if it is certain that the backend has read
  nothing of it: no connection was made, or TLS failed, or the backend closed the connection in
  order before any byte had reached it (Client, Bounded.is_untouched). A refusal, a timeout or a
  reset after that proves nothing, and is the end.
- Each target but the last has a share of the time, within which its client may also replace a kept
  connection. The first may use half of the time, because it is nearly always the one that answers:
  a backend that needs less than half of request-timeout is never left for another. The others
  divide what is left equally. So after a silent first one, the second has half of request-timeout
  if there are two targets, a quarter if there are three, and a fourteenth if there are eight. A
  target that fails before its time is over leaves the rest to the others. For a policy request, the
  share is for connecting; once it has been sent, it may use all the time that is left.
- Targets that are known to be down (cache/outages.py) come last, in the same order, except when
  this process is the one to ask one of them again. So all targets are asked before a request fails.
- Each target has its own Client, and with it a connection that is kept, a TLS name, a Host field
  and basic authentication. The files for TLS are the endpoint's, and are read once.

If all fail, the error is of the kind of the last one, and tells for each target why it failed.

With Python 3.11, a second target costs a handler 1.5 million instructions until its first reply,
and 37 thousand for each further lookup that the first target answers (292 without).
"""

from __future__ import annotations

from .. import model
from ..errors import BackendError
from .client import Client

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..cache.outages import Outages
    from ..config.endpoint import Endpoint
    from ..config.target import Target
    from ..deadline import Deadline
    from ..errors import InvalidDataError

_FIRST_SHARE = 0.5
_SERVER_ERRORS = range(500, 600)
_MAY_BE_READ = "; the request may have been read, so no other target is asked"


class _One:
    """A target with its client; `name` distinguishes it from the others, without secrets."""

    __slots__ = ("client", "name", "target", "url")

    def __init__(self, target: Target, client: Client, url: str, name: str) -> None:
        self.target = target
        self.client = client
        self.url = url
        self.name = name


class Backends:
    """Asks the backends of one endpoint.

    Attributes:
        target: the target that responded or failed last.
        asked: its origin, for the operator; with an index if another target has the same. Empty if
            there is only one target.
        failed: which targets were asked before it, and why they failed; empty if none was.
    """

    __slots__ = ("_all", "_failures", "_left", "_outages", "_rest", "asked", "failed", "target")

    def __init__(self, endpoint: Endpoint, user_agent: str, token: bytes, outages: Outages) -> None:
        """Read the files for TLS, if a target is https; do not connect yet.

        Raises:
            ConfigError: a URL, or a certificate or key file, cannot be used.
        """
        targets = endpoint.targets.all()
        trust = None
        if any(target.tls for target in targets):
            from . import tls

            trust = tls.Trust(endpoint)
        self._all = [
            _One(target, Client(endpoint, target, user_agent, token, trust), url, name)
            for target, url, name in zip(
                targets, endpoint.targets.urls, names_of(targets), strict=True
            )
        ]
        self._outages = outages
        self.target = targets[0]
        self.asked = self.failed = ""
        self._rest: Iterator[_One] = iter(())  # what was not asked yet
        self._left = 0  # how many these are
        self._failures: list[str] = []

    def ask(self, request: model.Request, request_id: str, deadline: Deadline) -> model.Response:
        """Send a request to one target after the other, until one responds.

        Raises:
            DeadlineError, UnreachableError, InvalidDataError: there is no usable response.
        """
        self._rest, self._left, self._failures = self._in_order(request), len(self._all), []
        return self._ask_rest(request, request_id, deadline)

    def ask_another(
        self,
        error: InvalidDataError,
        request: model.Request,
        request_id: str,
        deadline: Deadline,
    ) -> model.Response:
        """Go on with the targets that ask() has not asked, because its response is of no use.

        Raises:
            InvalidDataError: `error`, if there is no other target, no time, or no lookup.
            DeadlineError, UnreachableError: as ask() does.
        """
        if isinstance(request, model.PolicyRequest) or not self._left or deadline.expired():
            raise error
        self._failures.append(f"{self.asked}: {error}")
        return self._ask_rest(request, request_id, deadline)

    def close(self) -> None:
        """Close the connections to all backends; the next requests open new ones."""
        for one in self._all:
            one.client.close()

    def _ask_rest(
        self, request: model.Request, request_id: str, deadline: Deadline
    ) -> model.Response:
        """Ask one target after the other of those that were not asked yet."""
        failures = self._failures
        for one in self._rest:
            self.target, self.asked = one.target, one.name if len(self._all) > 1 else ""
            self.failed = "; then ".join(failures)
            share = _share(self._left, len(self._all))
            part = deadline if self._left == 1 else deadline.part(share)
            self._left -= 1
            is_end = not self._left
            try:
                response = self._ask(one, request, request_id, deadline, part)
            except BackendError as error:
                failures.append(f"{one.name}: {error}")
                is_final = isinstance(request, model.PolicyRequest) and not error.is_unsent
                if is_final or is_end or deadline.expired():
                    is_early = is_final and not is_end
                    raise self._summary(error, failures, is_early=is_early) from None
                continue
            is_outage = response.status in _SERVER_ERRORS
            is_final = isinstance(request, model.PolicyRequest) or is_end or deadline.expired()
            if not is_outage or is_final:
                return response
            failures.append(f"{one.name}: status {response.status}")
        raise AssertionError("there is no target")

    def _ask(
        self, one: _One, request: model.Request, request_id: str, deadline: Deadline, part: Deadline
    ) -> model.Response:
        """Ask one target, and remember whether that was an outage."""
        if self.asked:
            part.enter(f"asking {self.asked}")
        try:
            if isinstance(request, model.PolicyRequest):
                response = one.client.ask(request, request_id, deadline, connecting=part)
            else:
                response = one.client.ask(request, request_id, part)
        except BackendError as error:
            self._outages.failed(one.url, None if error.is_unsent else request)
            raise
        if response.status in _SERVER_ERRORS:
            self._outages.failed(one.url, request)
        else:
            self._outages.succeeded(one.url)
        return response

    def _in_order(self, request: model.Request) -> Iterator[_One]:
        """The targets in the order in which to ask them; only those that are taken are claimed."""
        later = []
        for one in self._all:
            # What is not known to be down can be claimed by everybody.
            if self._outages.claim(one.url, request):
                yield one
            else:
                later.append(one)
        yield from later

    def _summary(self, error: BackendError, failures: list[str], *, is_early: bool) -> BackendError:
        """The error for all failures, of the kind of the last one."""
        if len(self._all) == 1:
            return error
        self.failed = ""
        return type(error)("; then ".join(failures) + _MAY_BE_READ * is_early)


def names_of(targets: tuple[Target, ...]) -> list[str]:
    """The origins of the targets; those that others have as well get the index in the list."""
    origins = [target.origin for target in targets]
    return [
        f"{origin} [{index}]" if origins.count(origin) > 1 else origin
        for index, origin in enumerate(origins)
    ]


def shares(count: int) -> list[float]:
    """The part of request-timeout that each of several targets has if those before it use theirs.

    For a policy request, it limits only the time until the request is sent.
    """
    left, parts = 1.0, []
    for each in range(count, 1, -1):
        parts.append(left * _share(each, count))
        left -= parts[-1]
    return [*parts, left]


def _share(left: int, count: int) -> float:
    """The part of the remaining time that a target may use, with so many of `count` left."""
    return _FIRST_SHARE if left == count else 1 / left
