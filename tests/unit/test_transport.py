# SPDX-License-Identifier: MIT
"""Name resolution and connecting, with the system's own resolver and sockets on loopback."""

from __future__ import annotations

import socket

import pytest

from postfix_rest_inetd import transport
from postfix_rest_inetd.deadline import Deadline
from postfix_rest_inetd.errors import DeadlineError, InvalidDataError, UnreachableError
from postfix_rest_inetd.target import Target

PLENTY_SEC = 30


def resolve(url):
    """The addresses of a target."""
    return transport.Resolver(Target(url)).addresses(Deadline(PLENTY_SEC))


@pytest.fixture
def listener():
    """A listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def url_of(server, host="127.0.0.1"):
    """The target that leads to a listening socket."""
    return f"http://{host}:{server.getsockname()[1]}/"


@pytest.mark.parametrize(
    "url, address",
    [
        ("http://127.0.0.1:81/", (socket.AF_INET, ("127.0.0.1", 81))),
        ("http://[::1]/", (socket.AF_INET6, ("::1", 80))),
    ],
)
def test_literal(url, address):
    """An IP literal is its own address: nobody is asked."""
    assert resolve(url) == [address]


def test_localhost_is_a_name():
    """A target's localhost is whatever the system's resolver says, not 127.0.0.1 by definition."""
    found = socket.getaddrinfo("localhost", 81, type=socket.SOCK_STREAM)
    assert resolve("http://localhost:81/") == [(family, where) for family, _, _, _, where in found]


def test_resolving_again():
    """One resolver can be asked as often as needed."""
    resolver = transport.Resolver(Target("http://localhost/"))
    answers = [resolver.addresses(Deadline(PLENTY_SEC)) for _ in range(3)]
    assert answers[0]
    assert answers == [answers[0]] * 3


@pytest.mark.parametrize("host", ["a..b", ".", "x" * 64 + ".invalid"])
def test_name_without_address(host):
    """A name that cannot be resolved is unreachable; the text has the name and the reason."""
    with pytest.raises(UnreachableError) as raised:
        resolve(f"http://{host}/")
    assert str(raised.value).startswith(f"the name {host} cannot be resolved: ")


def test_deadline_before_resolving():
    """When no time is left the resolver is not waited for; the error says what it was."""
    resolver = transport.Resolver(Target("http://localhost/"))
    with pytest.raises(DeadlineError, match="while resolving the name localhost"):
        resolver.addresses(Deadline(0))


def test_resolution_left_behind():
    """A resolution whose deadline passed is not started again: the next request waits for it."""
    resolver = transport.Resolver(Target("http://localhost/"))
    with pytest.raises(DeadlineError):
        resolver.addresses(Deadline(0))
    begun = resolver._pending
    assert begun is not None
    assert resolver.addresses(Deadline(PLENTY_SEC)) == begun.addresses
    assert resolver._pending is None


def test_connect(listener):
    """A connection leads to the target, has no delay of small writes, and knows its deadline."""
    deadline = Deadline(PLENTY_SEC)
    target = Target(url_of(listener))
    with transport.connect(target, transport.Resolver(target), deadline) as stream:
        assert stream.getpeername() == listener.getsockname()
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        assert stream.deadline is deadline
        assert not stream.answered


def test_connect_to_the_next_address(listener):
    """Where one address of a name refuses, the next one is tried."""
    target = Target(url_of(listener, "localhost"))
    deadline = Deadline(PLENTY_SEC)
    with transport.connect(target, transport.Resolver(target), deadline) as stream:
        assert stream.getpeername() == listener.getsockname()


def test_nobody_listens(listener):
    """A refused connection is unreachable; the text has the place, the reason and advice."""
    target = Target(url_of(listener).replace("//", "//user:passw0rd@") + "p4th")
    port = target.port
    listener.close()
    with pytest.raises(UnreachableError) as raised:
        transport.connect(target, transport.Resolver(target), Deadline(PLENTY_SEC))
    assert str(raised.value) == (
        f"cannot connect to http://127.0.0.1:{port} (127.0.0.1 port {port}: Connection refused); "
        "is the backend running, and is the target right?"
    )


def test_connect_after_the_deadline(listener):
    """When no time is left nothing is connected to."""
    target = Target(url_of(listener))
    with pytest.raises(DeadlineError, match="while connecting to "):
        transport.connect(target, transport.Resolver(target), Deadline(0))


@pytest.fixture
def pair():
    """A stream that obeys a deadline, and its other end."""
    ours, theirs = socket.socketpair()
    with theirs, transport.BoundedSocket(fileno=ours.detach()) as stream:
        stream.prepare(Deadline(PLENTY_SEC))
        stream.allowance = 10
        yield stream, theirs


def test_receive(pair):
    """What is received is counted, and remembered as an answer; end of file is no answer."""
    stream, theirs = pair
    theirs.sendall(b"12345")
    assert stream.receive() == b"12345"
    assert (stream.answered, stream.allowance) == (True, 5)
    stream.answered = False
    theirs.close()
    assert stream.receive() == b""
    assert (stream.answered, stream.allowance) == (False, 5)


def test_allowance(pair):
    """All that the allowance permits is received, and not a byte more."""
    stream, theirs = pair
    theirs.sendall(b"0123456789")
    assert stream.receive() == b"0123456789"
    theirs.sendall(b"x")
    with pytest.raises(InvalidDataError, match="the backend sends without end"):
        stream.receive()


def test_flush(pair):
    """A request leaves as a whole, with the common fields behind its first line, and only once."""
    stream, theirs = pair
    stream.sendall(b"GET / HTTP/1.1\r\nA: 1\r\n\r\n")
    stream.sendall(b"body")
    theirs.settimeout(0)
    with pytest.raises(BlockingIOError):
        theirs.recv(1)
    stream.flush(b"B: 2\r\n")
    assert theirs.recv(100) == b"GET / HTTP/1.1\r\nB: 2\r\nA: 1\r\n\r\nbody"
    stream.sendall(b"GET /\r\n\r\n")
    stream.flush(b"")
    assert theirs.recv(100) == b"GET /\r\n\r\n"


def flush(stream, data):
    """Send DATA by the way that requests take."""
    stream.sendall(data)
    stream.flush(b"")


OPERATIONS = {
    "receive": lambda stream: stream.receive(),
    "send": lambda stream: stream.send(b"x"),
    "flush": lambda stream: flush(stream, b"x"),
}


@pytest.mark.parametrize("name", OPERATIONS)
def test_no_operation_after_the_deadline(pair, name):
    """After the deadline nothing is sent or received, be it possible at once."""
    stream, theirs = pair
    theirs.sendall(b"x")
    OPERATIONS[name](stream)
    stream.deadline = Deadline(0)
    with pytest.raises(DeadlineError):
        OPERATIONS[name](stream)


def test_receive_until_the_deadline(pair):
    """A call that gets nothing ends with the deadline."""
    stream, _ = pair
    stream.deadline = Deadline(0.02)
    with pytest.raises(TimeoutError):
        stream.receive()
    assert stream.deadline.expired()


SENDERS = {"send": lambda stream, data: stream.send(data), "flush": flush}


@pytest.mark.parametrize("name", SENDERS)
def test_send_until_the_deadline(pair, name):
    """So does a call that gets rid of nothing, or of less than all of its data."""
    stream, _ = pair
    stream.deadline = Deadline(0.05)

    def fill():
        for _ in range(10_000):  # more than any buffer holds
            SENDERS[name](stream, b"x" * 65536)

    with pytest.raises((TimeoutError, DeadlineError)):
        fill()
    assert stream.deadline.expired()
