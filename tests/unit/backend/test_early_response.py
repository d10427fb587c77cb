# SPDX-License-Identifier: MIT
"""A backend that answers and closes before it has read the whole of a request.

The request is larger than all buffers on its way, so that sending it fails.
"""

from __future__ import annotations

import pytest

from harness.certificates import Authority
from harness.endpoints import endpoint
from harness.modes import POLICY, TCP
from harness.scripted_backend import ScriptedBackend, response
from harness.wire import table
from postfix_rest_inetd import model
from postfix_rest_inetd.backend import client as backend_client
from postfix_rest_inetd.deadline import Deadline
from postfix_rest_inetd.errors import UnreachableError

PLENTY_SEC = 30
REQUEST = model.PolicyRequest([(b"a", b"x" * 8 * 1024 * 1024)])


@pytest.fixture(params=["http", "https"])
def ask(request, tmp_path):
    """Ask a backend that sends what it is given; the response."""
    authority = Authority(tmp_path) if request.param == "https" else None
    context = authority.server("127.0.0.1") if authority else None
    keys = {"tls_ca_file": str(authority.ca_file)} if authority else {}

    def asked(raw: bytes, question: model.Request = REQUEST) -> model.Response:
        def on_accept(connection) -> None:
            if context:
                connection.sock = context.wrap_socket(connection.sock, server_side=True)
            assert connection.sock.recv(100)
            connection.send(raw)
            connection.sock.close()  # with the rest unread: a RST follows the response

        with ScriptedBackend(on_accept=on_accept, receive_buffer=4096) as backend:
            mode = POLICY if question is REQUEST else TCP
            where = endpoint(mode, target=f"{request.param}://{backend.authority}/", **keys)
            client = backend_client.Client(where, where.targets.all()[0], "x", b"x")
            try:
                return client.ask(question, "id", Deadline(PLENTY_SEC))
            finally:
                assert client._stream is None
                assert len(backend.connections) == 1

    return asked


REFUSALS = {
    "too large": (response(413, b"too large"), 413),
    "a wrong token": (response(401, b"", b"Connection: close"), 401),
    "a server that is busy": (response(503, b"later"), 503),
    "a part of its body": (b"HTTP/1.1 413 x\r\nContent-Length: 99\r\n\r\nx", 413),
    "an interim response first": (b"HTTP/1.1 100 Continue\r\n\r\n" + response(413), 413),
}


@pytest.mark.parametrize("raw, status", table(REFUSALS))
def test_refusal(ask, raw, status):
    """What refuses a request is the answer to it, even if it has not been read."""
    assert ask(raw).status == status


def test_not_to_be_stored(ask):
    """A "not found" for half of a request is incomplete: no cache may keep it (RFC 9111, 3.3)."""
    raw = response(404, b"", b"Cache-Control: max-age=60")
    answer = ask(raw, model.LookupRequest(b"x" * 8 * 1024 * 1024))
    assert (answer.status, answer.caching) == (404, {b"cache-control": b"no-store"})


NO_ANSWERS = {
    "an action": response(200, b"DUNNO"),
    "a redirect": response(302, b""),
    "the end of a wait for a request": response(408, b"", b"Connection: close"),
    "a part of a head": b"HTTP/1.1 413 Content Too Large\r\nContent-Le",
    "no HTTP": b"go away\r\n",
    "nothing": b"",
}


@pytest.mark.parametrize("raw", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_no_answer(ask, raw):
    """What is said to half of a request is not an answer to it: it could not be sent."""
    with pytest.raises(UnreachableError, match="failed while sending the request"):
        ask(raw)
