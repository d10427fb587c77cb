# SPDX-License-Identifier: MIT
"""From a request to its answer, without a handler: what comes out, and what a trace sees of it."""

from __future__ import annotations

import contextlib

import pytest

from harness.certificates import Authority
from harness.endpoints import endpoint
from harness.modes import MODES, POLICY, TCP
from harness.scripted_backend import ScriptedBackend, answer
from postfix_rest_inetd import answering, model
from postfix_rest_inetd.backend.client import Client
from postfix_rest_inetd.cache import clock
from postfix_rest_inetd.errors import ConfigError
from postfix_rest_inetd.protocols import codec_of
from postfix_rest_inetd.shared import Shared

LOOKUP = model.LookupRequest(b"key")
MAIL = model.PolicyRequest([(b"sender", b"a@example.org")])
TEMPORARY = b"400 REST%20connector%20cannot%20use%20its%20configuration\n"
FAILED = b"400 REST%20connector%20had%20an%20internal%20error\n"


class Source:
    """What there is to be asked, in the order in which it comes into force."""

    problem = None
    shared = None

    def __init__(self, *endpoints, token=b"token"):
        """Make clients when they are needed."""
        self._endpoints = list(endpoints)
        self._token = token
        self._clients = {}

    @property
    def endpoint(self):
        """The one in force."""
        return self._endpoints[0]

    def client(self):
        """Its client."""
        if self.endpoint not in self._clients:
            (target,) = self.endpoint.targets.all()
            self._clients[self.endpoint] = Client(self.endpoint, target, "agent", self._token)
        return self._clients[self.endpoint]

    def has_changed(self, _deadline):
        """The next one comes into force, if there is one."""
        return len(self._endpoints) > 1 and bool(self._endpoints.pop(0))

    def close(self):
        """End all connections."""
        for client in self._clients.values():
            client.close()


class Trace(list):
    """What happened, as pairs."""

    def stage(self, name):
        """Something began."""
        self.append(("stage", name))

    def sent(self, data):
        """Bytes went."""
        self.append(("sent", data))

    def received(self, data):
        """Bytes came."""
        self.append(("received", data))

    def status(self, status):
        """A response is there."""
        self.append(("status", status))


@pytest.fixture
def answered():
    """Answer a request."""
    with contextlib.ExitStack() as stack:

        def run(source, request=LOOKUP, trace=None):
            stack.callback(source.close)
            where = source.endpoint
            return answering.answer(source, where, codec_of(where.mode), request, trace)

        yield run


def text_of(trace, kind):
    """All bytes of one kind."""
    return b"".join(data for name, data in trace if name == kind)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_trace(answered, tmp_path, scheme):
    """A trace sees the stages in order, the bytes as they are inside of TLS, and the status."""
    authority = Authority(tmp_path) if scheme == "https" else None
    keys = {"tls_ca_file": str(authority.ca_file)} if authority else {}
    context = authority.server("127.0.0.1") if authority else None
    trace = Trace()
    with ScriptedBackend(answer(200, b'["v"]'), tls=context) as backend:
        made = answered(Source(endpoint(TCP, target=backend.url(), **keys)), trace=trace)
    assert (made.wire, made.reply.outcome) == (b"200 v\n", model.FOUND)
    stages = [name.partition(" with ")[0] for kind, name in trace if kind == "stage"]
    assert stages == [
        f"connecting to 127.0.0.1 port {backend.port}",
        *(["doing the TLS handshake"] if authority else []),
        "sending the request",
        "waiting for the response",
        "reading the response",
        "reading what is in the response",
    ]
    assert text_of(trace, "sent") == backend.requests[0].raw
    assert text_of(trace, "received").startswith(b"HTTP/1.1 200")
    assert text_of(trace, "received").endswith(b'["v"]')
    kinds = [kind for kind, _ in trace if kind != "stage"]
    assert (kinds[0], kinds[-1], trace[-2]) == ("sent", "status", ("status", 200))


def test_trace_of_what_is_asked_again(answered):
    """A request that is sent again, by something else, is seen again, with each status."""
    trace = Trace()
    with ScriptedBackend(answer(401, b""), answer(200, b'["v"]')) as backend:
        first, second = (endpoint(TCP, target=backend.url(path)) for path in ("/a", "/b"))
        made = answered(Source(first, second), trace=trace)
    assert [value for kind, value in trace if kind == "status"] == [401, 200]
    assert [data.split()[1] for kind, data in trace if kind == "sent"] == [
        b"/a?key=key",
        b"/b?key=key",
    ]
    assert (made.endpoint, made.wire) == (second, b"200 v\n")


def test_trace_of_a_failure(answered):
    """The last stage that a trace sees is the one that failed."""
    trace = Trace()
    made = answered(Source(endpoint(TCP, target="http://127.0.0.1:9/")), trace=trace)
    assert trace == [("stage", "connecting to 127.0.0.1 port 9")]
    assert made.reply.outcome == model.UNREACHABLE
    assert "Connection refused" in made.facts.detail


@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_cannot_be_made(answered, tmp_path, mode):
    """A file that cannot be used is a temporary error in each protocol, with the reason."""
    keys = {"target": "https://127.0.0.1:9/", "tls_ca_file": str(tmp_path / "missing")}
    request = MAIL if mode == POLICY else model.LookupRequest(b"key", b"map")
    made = answered(Source(endpoint(mode, **keys)), request)
    assert made.reply.outcome == model.UNUSABLE_CONFIG
    assert made.reply.kind == model.REPLY_TEMPORARY
    assert made.wire is not None
    assert str(tmp_path / "missing") in made.facts.detail
    assert "cannot be used: No such file" in made.facts.detail


def test_no_client_where_a_failure_is_an_action(answered, tmp_path):
    """failure-action is for a backend that fails, not for a handler that cannot ask it."""
    keys = {"target": "https://127.0.0.1:9/", "tls_ca_file": str(tmp_path / "missing")}
    made = answered(Source(endpoint(POLICY, failure_action="DUNNO", **keys)), MAIL)
    assert made.wire == b"action=451 REST connector cannot use its configuration\n\n"


@pytest.mark.parametrize(
    "error, outcome, wire",
    [
        (ConfigError("file", [("", "s")]), model.UNUSABLE_CONFIG, TEMPORARY),
        (RuntimeError("s3cret"), model.INTERNAL_ERROR, FAILED),
    ],
    ids=["unusable", "unexpected"],
)
def test_whatever_is_raised(answered, monkeypatch, error, outcome, wire):
    """Whatever asking raises, there is a reply, and none of what only a bug would have said."""

    def broken(*_arguments):
        raise error

    monkeypatch.setattr(Client, "ask", broken)
    made = answered(Source(endpoint(TCP)))
    assert (made.reply.outcome, made.wire) == (outcome, wire)
    assert "s3cret" not in made.facts.detail
    assert made.facts.detail


def test_the_clock_begins_when_the_client_is_there(answered, monkeypatch):
    """Making a client is not a part of the time that a backend gets, nor of the request's."""
    now = [1_000_000_000]
    monkeypatch.setattr(answering, "monotonic_ns", lambda: now[0])

    class Slow(Source):
        def client(self):
            now[0] += 5_000_000_000
            return super().client()

    with ScriptedBackend(answer(200, b'["v"]')) as backend:
        made = answered(Slow(endpoint(TCP, target=backend.url())))
    assert made.began_ns == 6_000_000_000
    assert (made.facts.elapsed_usec, made.wire) == (0, b"200 v\n")


def test_an_answer_grows_old_while_the_machine_is_suspended(answered, tmp_path, monkeypatch):
    """A suspension while the backend is asked counts for the age of its answer (RFC 9111, 4.2.3).

    The monotonic clock of the deadline stands still meanwhile.
    """
    boot = [1000.0]
    monkeypatch.setattr(answering, "clock_gettime", lambda _clock: boot[0])
    monkeypatch.setattr(clock, "clock_gettime", lambda _clock: boot[0])

    class Suspended(Trace):
        def status(self, _status):
            boot[0] += 5

    script = [answer(200, b'["v"]', b"Cache-Control: max-age=%d" % most) for most in (5, 6)]
    with ScriptedBackend(*script) as backend:
        where = endpoint(TCP, target=backend.url())
        source = Source(where)
        source.shared = Shared(str(tmp_path), where, "agent", b"token", [])
        for is_kept in (False, True):
            made = answered(source, trace=Suspended())
            assert made.wire == b"200 v\n"
            answering.keep(made)
            recalled = source.shared.recall(LOOKUP)
            assert (recalled is not None and recalled.is_fresh) == is_kept
            if recalled is not None:
                recalled.close()


def test_no_reply(answered):
    """A failure-action of `close` has no bytes for Postfix."""
    keys = {"target": "http://127.0.0.1:9/", "failure_action": "close"}
    made = answered(Source(endpoint(POLICY, **keys)), MAIL)
    assert (made.reply.outcome, made.wire) == (model.UNREACHABLE, None)
