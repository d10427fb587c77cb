# SPDX-License-Identifier: MIT
"""`check --probe`: asks each backend of each endpoint, and judges its answers.

The steps of a handler are repeated here one by one, and timed: resolving the name, connecting, TLS,
and one request (request.py) for each map that Postfix uses, within the request-timeout of the
endpoint.

This process asks the backend itself, outside the sandbox of handlers; questions.py asks handlers.
"""

from __future__ import annotations

import copy
import datetime as dt
import ssl
from time import monotonic
from typing import TYPE_CHECKING

from postfix_rest_inetd import log_entry, model
from postfix_rest_inetd.admin.ask.direct_client import DirectClient
from postfix_rest_inetd.admin.checks import clocks, stored_answers
from postfix_rest_inetd.admin.checks import request as probe_request
from postfix_rest_inetd.admin.checks.finding import ERROR, GOOD, NOTE, WARNING, Finding, commands
from postfix_rest_inetd.admin.protocols import has_maps
from postfix_rest_inetd.backend import stream as backend_stream
from postfix_rest_inetd.backend import tls
from postfix_rest_inetd.backend.backends import names_of, shares
from postfix_rest_inetd.backend.resolver import Resolver
from postfix_rest_inetd.config.targets import Targets
from postfix_rest_inetd.deadline import Deadline
from postfix_rest_inetd.errors import BackendError, ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.answering import Answer
    from postfix_rest_inetd.config.endpoint import Endpoint
    from postfix_rest_inetd.config.loading import Config

RENEWAL_DAYS = 14
_TOKEN = (401, 403)  # about the token: the same for every map
_SLOW_PART = 0.5  # of the time that a target has
# The outcomes after which a lookup is sent to the next target.
_OUTAGES = {model.UNREACHABLE, model.TIMEOUT, model.INVALID_DATA, model.SERVER_ERROR}
# The outcomes of responses that can be used.
_JUDGED = {
    *(model.FOUND, model.NOT_FOUND, model.ACTION),
    *(model.USER_ERROR, model.SERVER_ERROR, model.UNSPECIFIED_STATUS),
}


def findings(
    endpoint: Endpoint, loaded: Config, path: str, in_use: dict[Endpoint, list[str]]
) -> Iterator[Finding]:
    """What the backend of one endpoint does.

    Args:
        endpoint: which one.
        loaded: the configuration that has it.
        path: of the configuration.
        in_use: the maps that Postfix asks for, by endpoint.
    """
    asked = _Asked(endpoint, loaded, path, in_use)
    if len(endpoint.targets.urls) == 1:
        yield from asked.target(endpoint)
        return
    reports = []
    names = names_of(endpoint.targets.all())
    parts = shares(len(names)) if endpoint.is_lookup else [1.0] * len(names)
    for url, name, part in zip(endpoint.targets.urls, names, parts, strict=True):
        asked.is_outage = False
        where = f"{_where(endpoint)} {name}"
        found = [each._replace(where=where) for each in asked.target(_alone(endpoint, url), part)]
        reports.append((found, asked.is_outage))
    works = [all(finding.severity != ERROR for finding in found) for found, _ in reports]
    for found, is_outage in reports:
        yield from map(_softened, found) if is_outage and any(works) else found


def _alone(endpoint: Endpoint, url: str) -> Endpoint:
    """The same endpoint with one of its targets only."""
    result = copy.copy(endpoint)
    result.targets = Targets((url,), is_list=False)
    return result


def _softened(finding: Finding) -> Finding:
    """The failure of a target, while another one works that handlers ask in its place."""
    if finding.severity != ERROR:
        return finding
    advice = f"As long as it fails, handlers ask the other targets. {finding.advice}".rstrip()
    return finding._replace(severity=WARNING, advice=advice)


class _Asked:
    """Asks the targets of an endpoint one by one.

    Attributes:
        is_outage: has one failed in a way in which handlers ask the next one?
    """

    def __init__(
        self, endpoint: Endpoint, loaded: Config, path: str, in_use: dict[Endpoint, list[str]]
    ) -> None:
        """The arguments of findings()."""
        self._endpoint = endpoint
        self._loaded = loaded
        self._path = path
        self._in_use = in_use
        self.is_outage = False

    def target(self, alone: Endpoint, part: float = 1.0) -> Iterator[Finding]:
        """What the only target of `alone` does, which is the endpoint otherwise.

        `part` is what it may use of request-timeout.
        """
        try:
            client = DirectClient(alone, self._loaded.user_agent)
        except ConfigError:
            return  # the files have been reported
        steps: list[str] = []
        told: set[Finding] = set()  # what concerns `cache` is the same for most maps
        try:
            yield from _connect(alone, steps)
            for map_name in probe_request.map_names(self._endpoint, self._in_use):
                made = client.answer(probe_request.request(alone, map_name))
                is_failure = made.reply.outcome in _OUTAGES
                self.is_outage = self.is_outage or (is_failure and alone.is_lookup)
                found = [*self._judge(made, map_name, steps), *_slow(made, part)]
                # The difference may be another minute for the next map.
                found += [] if told else clocks.findings(made, _where(alone))
                yield from (each for each in found if each not in told)
                told.update(found)
                if made.reply.outcome not in _JUDGED:
                    break
                steps = []
        except BackendError as error:
            self.is_outage = True
            yield Finding(ERROR, _where(alone), f"{_after(steps)}{error}")
        finally:
            client.close()

    def _judge(self, made: Answer, map_name: str, steps: list[str]) -> Iterator[Finding]:
        endpoint = self._endpoint
        if made.facts.status:
            usec = made.facts.backend_usec
            steps.append(f"status {made.facts.status} ({usec / 1000:.0f} ms)")
        if made.reply.outcome in _JUDGED:
            is_used = not has_maps(endpoint.mode) or endpoint in self._in_use
            yield from _judged(made, map_name, steps, is_used=is_used)
            return
        same = ""
        if len(endpoint.targets.urls) == 1:  # or else another one may answer
            options = (self._path, map_name, "--direct")
            same = probe_request.command(endpoint, self._loaded.endpoints, *options)
        yield _failed(made, steps, same)


def _connect(endpoint: Endpoint, steps: list[str]) -> Iterator[Finding]:
    """Resolve, connect and do TLS, over a connection that is closed again."""
    target = endpoint.targets.all()[0]
    deadline = Deadline(endpoint.request_timeout / 1000)
    began = monotonic()
    resolver = Resolver(target)
    addresses = resolver.addresses(deadline)
    shown = ", ".join(dict.fromkeys(str(address[0]) for _, address in addresses))
    if shown != target.host:
        steps.append(f"{target.host} is {shown} ({_since(began)})")
    began = monotonic()
    if not target.tls:
        with backend_stream.connect(target, resolver, deadline) as stream:
            steps.append(f"connected to {stream.getpeername()[0]} ({_since(began)})")
        return
    with tls.Trust(endpoint).connect(target, resolver, deadline) as secure:
        steps.append(f"connected to {secure.getpeername()[0]}, {secure.version()}")
        expiry = ssl.cert_time_to_seconds(str((secure.getpeercert() or {})["notAfter"]))
    until = dt.datetime.fromtimestamp(expiry, dt.UTC)
    days = (until - dt.datetime.now(dt.UTC)).days
    steps[-1] += f", certificate until {until:%Y-%m-%d}, {days} days ({_since(began)})"
    if days < RENEWAL_DAYS:
        what = f"the certificate of {target.origin} expires in {days} days ({until:%Y-%m-%d})"
        advice = "Renew it, and find out why it is not renewed automatically."
        yield Finding(WARNING, _where(endpoint), what, advice)


def _failed(made: Answer, steps: list[str], same: str) -> Finding:
    """There is no usable response; `same` is the command that repeats the request."""
    is_invalid = made.reply.outcome == model.INVALID_DATA
    advice = f"See what it sends:\n{commands(same)}" if is_invalid and same else ""
    is_silent = made.reply.outcome == model.UNREACHABLE and bool(steps)  # it has been connected
    if is_silent and not any(target.tls for target in made.endpoint.targets.all()):
        advice = "If the backend speaks TLS on this port, the target has to begin with https:"
    return Finding(ERROR, _where(made.endpoint), f"{_after(steps)}{made.facts.detail}", advice)


def _after(steps: list[str]) -> str:
    return f"{'; '.join(steps)}; then " if steps else ""


def _judged(made: Answer, map_name: str, steps: list[str], *, is_used: bool) -> Iterator[Finding]:
    """What the response means."""
    endpoint, reply, facts = made.endpoint, made.reply, made.facts
    seen = f"{'; '.join(steps)}: "
    asked = probe_request.shown(endpoint, map_name)
    if reply.outcome in (model.NOT_FOUND, model.ACTION):
        answered = "not found" if reply.outcome == model.NOT_FOUND else f"action {reply.text}"
        what = f"{seen}{answered}, for {asked}{stored_answers.terms(made)}"
        yield Finding(GOOD, _where(endpoint), what)
        yield from stored_answers.permitted(made)
    elif reply.outcome == model.FOUND:
        what = f"{seen}a value was found for {asked}, which cannot exist"
        advice = "If the backend finds every key, Postfix accepts mail for every address."
        yield Finding(WARNING, _where(endpoint), what, advice)
        yield from stored_answers.permitted(made)
    elif reply.outcome == model.USER_ERROR and facts.status not in _TOKEN and not is_used:
        what = f"{seen}refused, for {asked}, which Postfix does not use"
        yield Finding(NOTE, _where(endpoint), what)
    else:
        outcome, status = reply.outcome, facts.status
        advice = log_entry.why_temporary(endpoint, outcome, status)
        advice = advice or log_entry.advice(outcome, status, facts.request_id)
        what = f"{seen}{reply.outcome.replace('-', ' ')}, for {asked}"
        yield Finding(ERROR, _where(endpoint), what, f"{advice[:1].upper()}{advice[1:]}")


def _slow(made: Answer, part: float) -> Iterator[Finding]:
    """A usable response that has nearly taken too long."""
    elapsed_ms, timeout = made.facts.backend_usec / 1000, made.endpoint.request_timeout
    if made.reply.outcome not in _JUDGED or elapsed_ms <= _SLOW_PART * part * timeout:
        return
    what = f"the backend took {elapsed_ms:.0f} ms, and request-timeout is {timeout} ms"
    if part < 1:
        what += f"; this target has {part * timeout:.0f} ms of it"
    advice = "Raise request-timeout, or find out what the backend is waiting for."
    yield Finding(WARNING, _where(made.endpoint), what, advice)


def _where(endpoint: Endpoint) -> str:
    return f"{endpoint.name}: backend"


def _since(began: float) -> str:
    return f"{(monotonic() - began) * 1000:.0f} ms"
