# SPDX-License-Identifier: MIT
"""When rest.Client uses a connection again, and what it does if the backend ends it just then.

The moment in question is the one between the look at an idle connection and the arrival of the
request. It is too short to be met, so the client is made blind for what is there already: what the
kernels and the backend then do is what they do in that moment.
"""

from __future__ import annotations

import contextlib
import select
import socket
import ssl
import threading

import pytest

from harness.certificates import Authority
from harness.endpoints import endpoint
from harness.modes import LOOKUPS, MODES, POLICY, TCP
from harness.scripted_backend import (
    ScriptedBackend,
    answer,
    hang_up,
    response,
    send_and_close,
    when,
)
from harness.wire import table
from postfix_rest_inetd import model
from postfix_rest_inetd.backend import client as backend_client
from postfix_rest_inetd.deadline import Deadline
from postfix_rest_inetd.errors import UnreachableError

PLENTY_SEC = 30
BODY = {POLICY: b"DUNNO"}


@pytest.fixture
def backend():
    """A scripted backend."""
    with ScriptedBackend() as scripted:
        yield scripted


@pytest.fixture(params=["http", "https"])
def any_backend(request, tmp_path):
    """A scripted backend, with TLS or without, and the keys of an endpoint that trusts it."""
    if request.param == "http":
        with ScriptedBackend() as scripted:
            yield scripted, {}
        return
    authority = Authority(tmp_path)
    with ScriptedBackend(tls=authority.server("127.0.0.1")) as scripted:
        yield scripted, {"tls_ca_file": str(authority.ca_file)}


@pytest.fixture
def client_of():
    """A client for a mode, closed at the end."""
    with contextlib.ExitStack() as stack:

        def build(mode, backend, **keys):
            where = endpoint(mode, target=backend.url(), **keys)
            client = backend_client.Client(where, where.targets.all()[0], "x", b"x")
            stack.callback(client.close)
            return client

        yield build


def ask(client, mode):
    """The status of the response to a request."""
    request = model.PolicyRequest([(b"a", b"b")]) if mode == POLICY else model.LookupRequest(b"key")
    return client.ask(request, "id", Deadline(PLENTY_SEC)).status


def ask_blindly(client, mode):
    """The same, by a client that has not seen what has arrived on its idle connection."""
    client._poll = select.poll()
    return ask(client, mode)


def connections(backend):
    """On which connection each request came."""
    return [request.connection for request in backend.requests]


def then(raw, *more):
    """A step that sends a response, and does more when the test lets it."""

    def step(connection):
        connection.send(raw)
        for each in more:
            each(connection)

    return step


def end_of_tls(connection):
    """Send what announces the end of TLS, and the end of the connection."""
    if isinstance(connection.sock, ssl.SSLSocket):
        connection.sock.settimeout(0.02)
        with contextlib.suppress(TimeoutError, OSError):
            connection.sock.unwrap()


OK = response(200, b"[]")


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("ending", [hang_up, lambda c: (end_of_tls(c), c.close())])
def test_closed_before_the_request(client_of, any_backend, mode, method, ending):
    """A request that the backend cannot have read is sent once more, of whatever mode it is."""
    backend, keys = any_backend
    if mode == POLICY:
        keys["method"] = method
    backend.script(then(OK, ending), answer(200))
    client = client_of(mode, backend, **keys)
    assert ask(client, mode) == 200
    backend.wait_for_end_of(0)
    assert ask_blindly(client, mode) == 200
    assert connections(backend) == [0, 1]


def test_closed_on_a_new_connection_as_well(client_of, backend):
    """Once more is not for ever: the second try is on a new connection, and is the last."""
    backend.script(send_and_close(OK), hang_up)
    client = client_of(POLICY, backend)
    ask(client, POLICY)
    backend.wait_for_end_of(0)
    with pytest.raises(UnreachableError):
        ask_blindly(client, POLICY)
    assert connections(backend) == [0, 1]


def unread(connection):
    """Close with the next request unread: the kernel sends a RST."""
    select.select([connection.sock], [], [], PLENTY_SEC)
    connection.sock.close()


def read_and_reset(connection):
    """Read the next request, and close with a RST, which is sent before an acknowledgement."""
    connection.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 0)
    assert connection.read_request()
    connection.reset()


def read_and_close(connection):
    """Read the next request, and close in order."""
    assert connection.read_request()
    connection.close()


DOUBTFUL = {
    "reset before the request": (lambda connection: connection.reset(), True),
    "closed with the request unread": (unread, False),
    "reset behind the request": (read_and_reset, False),
    "closed behind the request": (read_and_close, False),
}


@pytest.mark.parametrize("step, is_over", table(DOUBTFUL))
def test_a_policy_request_that_may_have_been_read(client_of, any_backend, step, is_over):
    """Where the backend may have read the request, it is not sent again: a 451 is the answer."""
    backend, keys = any_backend
    told = threading.Event()
    backend.script(then(OK, when(told, step) if is_over else step))
    client = client_of(POLICY, backend, **keys)
    ask(client, POLICY)
    told.set()
    if is_over:
        backend.wait_for_end_of(0)
    with pytest.raises(UnreachableError) as raised:
        ask_blindly(client, POLICY)
    assert "it had been kept" in str(raised.value)
    assert "certificate" not in str(raised.value)


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("step, is_over", table(DOUBTFUL))
def test_a_lookup_that_may_have_been_read(client_of, any_backend, mode, step, is_over):
    """A lookup can be sent again without harm."""
    backend, keys = any_backend
    told = threading.Event()
    backend.script(then(OK, when(told, step) if is_over else step), answer(404))
    client = client_of(mode, backend, **keys)
    ask(client, mode)
    told.set()
    if is_over:
        backend.wait_for_end_of(0)
    assert ask_blindly(client, mode) == 404


TIMEOUT = response(408, b"too slow", b"Connection: close")


@pytest.mark.parametrize("mode", MODES)
def test_a_408_that_nobody_has_asked_for(client_of, any_backend, mode):
    """A 408 that was sent before the request, with the end of the connection, is not its answer."""
    backend, keys = any_backend
    told = threading.Event()
    backend.script(then(OK, when(told, send_and_close(TIMEOUT))), answer(200))
    client = client_of(mode, backend, **keys)
    assert ask(client, mode) == 200
    told.set()
    backend.wait_for_end_of(0)
    assert ask_blindly(client, mode) == 200
    assert connections(backend) == [0, 1]


def arrived(connection):
    """Wait until the next request is there, and leave it unread."""
    select.select([connection.sock], [], [], PLENTY_SEC)


HAVING = {"unread": arrived, "read": lambda connection: connection.read_request()}


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("having", HAVING.values(), ids=HAVING)
def test_a_408_for_a_lookup(client_of, any_backend, mode, having):
    """A lookup is sent once more if a kept connection ends with a 408, whatever was read."""
    backend, keys = any_backend
    backend.script(then(OK, having, send_and_close(TIMEOUT)), answer(404))
    client = client_of(mode, backend, **keys)
    assert [ask(client, mode), ask(client, mode)] == [200, 404]


@pytest.mark.parametrize("having", HAVING.values(), ids=HAVING)
def test_a_408_for_a_policy_request(client_of, any_backend, having):
    """A policy request is not sent again, and a 408 does not reject mail for good either."""
    backend, keys = any_backend
    backend.script(then(OK, having, send_and_close(TIMEOUT)))
    client = client_of(POLICY, backend, **keys)
    assert ask(client, POLICY) == 200
    with pytest.raises(UnreachableError) as raised:
        ask(client, POLICY)
    assert "with a 408; it had been kept" in str(raised.value)


@pytest.mark.parametrize("mode", MODES)
def test_a_408_that_is_an_answer(client_of, backend, mode):
    """It is one on a new connection, and where the backend keeps the connection."""
    backend.script(answer(200, b"[]"), answer(408), send_and_close(TIMEOUT))
    client = client_of(mode, backend)
    assert [ask(client, mode), ask(client, mode)] == [200, 408]
    assert connections(backend) == [0, 0]
    client.close()
    assert ask(client, mode) == 408


# -- for how long a connection is kept

KEEP_ALIVE = {
    "nothing is said, for a policy": (POLICY, b"", 0.99, 1.0),
    "a policy's backend keeps it longer": (POLICY, b"Keep-Alive: timeout=5, max=9", 3.99, 4.0),
    "or not as long": (POLICY, b"Keep-Alive: timeout=1", 0.49, 0.5),
    "it is the same for a lookup": (TCP, b"keep-alive: max=9 , TIMEOUT = 5", 3.99, 4.0),
    "in quotes": (TCP, b'Keep-Alive: timeout="3"', 1.99, 2.0),
    "what cannot be read says nothing": (POLICY, b"Keep-Alive: timeout=x, max=5", 0.99, 1.0),
    "no time at all": (TCP, b"Keep-Alive: timeout=0", None, 0),
    "nothing is said, for a lookup": (TCP, b"", 86_400, None),
    "something else is said": (TCP, b"Keep-Alive: max=5, xtimeout=1", 86_400, None),
    "more digits than any time": (TCP, b"Keep-Alive: timeout=" + b"9" * 5000, 86_400, None),
}


@pytest.mark.parametrize("mode, field, used, replaced", table(KEEP_ALIVE))
def test_keep_alive(client_of, backend, monkeypatch, mode, field, used, replaced):
    """A connection is used again before the backend may close it, and not later."""
    now = [1000.0]
    monkeypatch.setattr(backend_client, "monotonic", lambda: now[0])
    backend.default = answer(200, b"[]", *filter(None, [field]))
    for idle_sec, expected in ((used, [0, 0]), (replaced, [0, 1])):
        if idle_sec is None:
            continue
        before = len(backend.connections)
        client = client_of(mode, backend)
        ask(client, mode)
        now[0] += idle_sec
        ask(client, mode)
        assert [number - before for number in connections(backend)[-2:]] == expected


@pytest.mark.parametrize("mode", MODES)
def test_a_backend_that_closes_early(client_of, backend, mode):
    """Once a backend has closed a kept connection too early, policy requests get one each."""
    backend.script(send_and_close(OK), *[answer(200, b"[]")] * 3)
    client = client_of(mode, backend)
    ask(client, mode)
    backend.wait_for_end_of(0)
    for _ in range(3):
        ask(client, mode)
    if mode == POLICY:
        assert connections(backend) == [0, 1, 2, 3]
        backend.wait_for_end_of(3)
    else:
        assert connections(backend) == [0, 1, 1, 1]


def test_a_backend_that_resets(client_of, backend):
    """A RST while a connection is idle is seen before it is used, and remembered too."""
    told = threading.Event()
    backend.script(then(OK, when(told, lambda c: c.reset())), *[answer(200)] * 2)
    client = client_of(POLICY, backend)
    ask(client, POLICY)
    told.set()
    backend.wait_for_end_of(0)
    assert [ask(client, POLICY), ask(client, POLICY)] == [200, 200]
    assert connections(backend) == [0, 1, 2]
