# SPDX-License-Identifier: MIT
"""Connecting, sending and receiving, with the system's own sockets on loopback."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time

import pytest

from harness.ports import free_port
from harness.rounds import rounds
from harness.scripted_backend import black_hole
from harness.wire import table
from postfix_rest_inetd.backend import stream as streams
from postfix_rest_inetd.backend.resolver import Resolver
from postfix_rest_inetd.config.target import Target
from postfix_rest_inetd.deadline import Deadline
from postfix_rest_inetd.errors import DeadlineError, InvalidDataError, UnreachableError

PLENTY_SEC = 30
LOOPBACK = [f"127.0.0.{number}" for number in range(2, 9)]
"""Addresses of which a test needs the same port."""


@pytest.fixture
def listener():
    """A listening socket."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server


def _server():
    """A listening socket at 127.0.0.3, whose port is free at the other addresses."""
    return socket.create_server(("127.0.0.3", free_port(*LOOPBACK)))


def url_of(server, host="127.0.0.1"):
    """The target that leads to a listening socket."""
    return f"http://{host}:{server.getsockname()[1]}/"


def test_connect(listener):
    """A connection leads to the target, has no delay of small writes, and knows its deadline."""
    deadline = Deadline(PLENTY_SEC)
    target = Target(url_of(listener))
    with streams.connect(target, Resolver(target), deadline) as stream:
        assert stream.getpeername() == listener.getsockname()
        assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
        assert stream.deadline is deadline
        assert not stream.answered


def test_connect_to_the_next_address(listener):
    """Where one address of a name refuses, the next one is tried."""
    target = Target(url_of(listener, "localhost"))
    deadline = Deadline(PLENTY_SEC)
    with streams.connect(target, Resolver(target), deadline) as stream:
        assert stream.getpeername() == listener.getsockname()


def test_nobody_listens(listener):
    """A refused connection is unreachable; the text has the place, the reason and advice."""
    target = Target(url_of(listener).replace("//", "//user:passw0rd@") + "p4th")
    port = target.port
    listener.close()
    with pytest.raises(UnreachableError) as raised:
        streams.connect(target, Resolver(target), Deadline(PLENTY_SEC))
    assert str(raised.value) == (
        f"cannot connect to http://127.0.0.1:{port} (127.0.0.1 port {port}: Connection refused); "
        "is the backend running, and is the target right?"
    )


def test_connect_after_the_deadline(listener):
    """When no time is left nothing is connected to."""
    target = Target(url_of(listener))
    with pytest.raises(DeadlineError, match="while connecting to "):
        streams.connect(target, Resolver(target), Deadline(0))


class Addresses:
    """Stands for a resolver that knows them."""

    def __init__(self, *hosts, port):
        self.known = [(socket.AF_INET, (host, port)) for host in hosts]

    def addresses(self, _deadline):
        """All of them."""
        return list(self.known)


def connect_to(*hosts, port, timeout_sec=PLENTY_SEC):
    """The host that is connected to, and after how many seconds; nothing else is left open."""
    before = os.listdir("/proc/self/fd")
    began = time.monotonic()
    target = Target(f"http://backend.test:{port}/")
    try:
        with streams.connect(target, Addresses(*hosts, port=port), Deadline(timeout_sec)) as stream:
            elapsed_sec = time.monotonic() - began
            assert stream.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) != 0
            stream.deadline.remaining_sec()
            return stream.getpeername()[0], elapsed_sec
    finally:
        assert os.listdir("/proc/self/fd") == before


def test_connect_past_a_black_hole():
    """An address that swallows packets costs a head start, and not a share of the deadline."""
    with _server() as server:
        port = server.getsockname()[1]
        with black_hole("127.0.0.2", port):
            host, elapsed_sec = connect_to("127.0.0.2", "127.0.0.3", port=port)
    assert host == "127.0.0.3"
    assert streams.HEAD_START_SEC - 0.01 <= elapsed_sec < PLENTY_SEC / 4


def test_connect_past_several_black_holes(monkeypatch):
    """Each costs one; with little time the head starts are shorter, and all get their chance."""
    holes = [f"127.0.0.{number}" for number in range(4, 8)]
    with contextlib.ExitStack() as stack:
        server = stack.enter_context(_server())
        port = server.getsockname()[1]
        for hole in holes:
            stack.enter_context(black_hole(hole, port))
        assert connect_to(*holes, "127.0.0.3", port=port)[1] < PLENTY_SEC / 4
        monkeypatch.setattr(streams, "HEAD_START_SEC", PLENTY_SEC)
        for timeout_sec in rounds(2):
            try:
                found = connect_to(*holes[:2], "127.0.0.3", port=port, timeout_sec=timeout_sec)
            except DeadlineError as error:
                missed = error
            else:
                break
        else:
            raise missed
        assert (found[0], found[1] > timeout_sec / 2) == ("127.0.0.3", True)


def test_connect_past_a_refusal(monkeypatch):
    """An address where nobody listens costs nothing: the next attempt begins at once.

    So it is when another one is still running.
    """
    monkeypatch.setattr(streams, "HEAD_START_SEC", PLENTY_SEC)
    with _server() as server:
        port = server.getsockname()[1]
        refusing = ["127.0.0.8"] * 9
        host, elapsed_sec = connect_to(*refusing, "127.0.0.3", port=port)
        assert (host, elapsed_sec < PLENTY_SEC / 4) == ("127.0.0.3", True)


def test_connect_to_the_first_of_several(monkeypatch):
    """The resolver's first choice is used if it answers."""
    monkeypatch.setattr(streams, "HEAD_START_SEC", PLENTY_SEC)
    with (
        _server() as server,
        socket.create_server(("127.0.0.4", server.getsockname()[1])),
    ):
        port = server.getsockname()[1]
        assert connect_to("127.0.0.3", "127.0.0.4", port=port)[0] == "127.0.0.3"


def test_no_address_answers():
    """When the deadline passes, the error names those that could still have answered."""
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(black_hole("127.0.0.2", free_port(*LOOPBACK)))
        stack.enter_context(black_hole("127.0.0.3", port))
        places = f"127.0.0.2 port {port} and 127.0.0.3 port {port}"
        for timeout_sec in rounds(0.3):
            began = time.monotonic()
            with pytest.raises(DeadlineError) as raised:
                connect_to(
                    "127.0.0.2", "127.0.0.8", "127.0.0.3", port=port, timeout_sec=timeout_sec
                )
            assert time.monotonic() - began < timeout_sec + PLENTY_SEC / 4
            if f"while connecting to {places};" in str(raised.value):
                break  # and not before it has come to the second one
        assert f"while connecting to {places};" in str(raised.value)


def test_every_address_refuses():
    """The error has the reason of each."""
    with socket.socket() as bound:
        bound.bind(("127.0.0.3", free_port(*LOOPBACK)))
        port = bound.getsockname()[1]
        with pytest.raises(UnreachableError) as raised:
            connect_to("127.0.0.3", "127.0.0.4", port=port)
    assert str(raised.value) == (
        f"cannot connect to http://backend.test:{port} (127.0.0.3 port {port}: Connection refused; "
        f"127.0.0.4 port {port}: Connection refused); is the backend running, and is the target "
        "right?"
    )


V4, V6 = socket.AF_INET, socket.AF_INET6
TURNS = {
    "one family": ([(V4, "a"), (V4, "b")], "ab"),
    "IPv6 first": ([(V6, "a"), (V6, "b"), (V6, "c"), (V4, "d"), (V4, "e")], "adbec"),
    "IPv4 first": ([(V4, "a"), (V6, "b"), (V6, "c")], "abc"),
    "in turn already": ([(V6, "a"), (V4, "b"), (V6, "c")], "abc"),
}


@pytest.mark.parametrize("addresses, order", table(TURNS))
def test_taking_turns(addresses, order):
    """A family that leads nowhere delays the other one by one head start only."""
    assert "".join(each for _, each in streams._taking_turns(addresses)) == order


@pytest.fixture
def pair():
    """A stream that obeys a deadline, and its other end."""
    ours, theirs = socket.socketpair()
    with theirs, streams.BoundedSocket(fileno=ours.detach()) as stream:
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


def test_not_tcp(pair):
    """Where the kernel does not tell what has been acknowledged, nothing is proved."""
    stream, _ = pair
    assert not stream.is_untouched()


@pytest.fixture
def connected(listener):
    """A stream that obeys a deadline, over TCP, and its other end."""
    target = Target(url_of(listener))
    with streams.connect(target, Resolver(target), Deadline(PLENTY_SEC)) as stream:
        theirs, _ = listener.accept()
        with theirs:
            stream.allowance = 1000
            yield stream, theirs


def test_untouched(connected):
    """A request that arrives behind the FIN has not been read by anybody."""
    stream, theirs = connected
    theirs.close()
    stream.begin(Deadline(PLENTY_SEC))
    flush(stream, b"request")
    assert stream.receive() == b""
    assert (stream.ended, stream.failed, stream.is_untouched()) == (True, False, True)


def test_touched(connected):
    """One that arrives before it may have been, whether or not it has been read."""
    stream, theirs = connected
    stream.begin(Deadline(PLENTY_SEC))
    flush(stream, b"request")
    assert theirs.recv(100) == b"request"
    theirs.close()
    assert stream.receive() == b""
    assert (stream.ended, stream.is_untouched()) == (True, False)


def test_touched_before(connected):
    """What counts is this request, and not that earlier ones have been acknowledged."""
    stream, theirs = connected
    flush(stream, b"request")
    theirs.sendall(theirs.recv(100))
    assert stream.receive() == b"request"
    theirs.close()
    stream.begin(Deadline(PLENTY_SEC))
    flush(stream, b"another")
    assert stream.receive() == b""
    assert stream.is_untouched()


def test_reset_before_the_request(connected):
    """A RST is not an end in order, and a request that could not be sent is not judged at all."""
    stream, theirs = connected
    theirs.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    theirs.close()
    stream.begin(Deadline(PLENTY_SEC))
    with pytest.raises(ConnectionResetError):
        flush(stream, b"request")
    assert stream.receive() == b""  # the kernel tells of a RST once only
    assert (stream.failed, stream.is_untouched()) == (True, False)


def test_allowance(pair):
    """All that the allowance permits is received, and not a byte more."""
    stream, theirs = pair
    theirs.sendall(b"0123456789")
    assert stream.receive() == b"0123456789"
    theirs.sendall(b"x")
    with pytest.raises(InvalidDataError, match="the response exceeds the receive limit"):
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
    for timeout_sec in rounds(0.02):
        stream.deadline = Deadline(timeout_sec)
        with pytest.raises((TimeoutError, DeadlineError)) as raised:
            stream.receive()
        assert stream.deadline.expired()
        if raised.type is TimeoutError:
            break  # and not because the deadline had passed before
    assert raised.type is TimeoutError


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
