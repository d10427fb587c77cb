# SPDX-License-Identifier: MIT
"""Name resolution, with the system's own resolver and with one that is slow at will."""

from __future__ import annotations

import re
import socket
import threading
import time
from pathlib import Path

import pytest

from postfix_rest_inetd.backend import resolver as resolving
from postfix_rest_inetd.backend.resolver import Resolver
from postfix_rest_inetd.config.target import Target
from postfix_rest_inetd.deadline import Deadline
from postfix_rest_inetd.errors import DeadlineError, UnreachableError

PLENTY_SEC = 30
UNIT = Path(__file__).parents[3] / "systemd/system/postfix-rest-@.service.d/20-sandbox.conf"


def resolve(url):
    """The addresses of a target."""
    return Resolver(Target(url)).addresses(Deadline(PLENTY_SEC))


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
    resolver = Resolver(Target("http://localhost/"))
    answers = [resolver.addresses(Deadline(PLENTY_SEC)) for _ in range(3)]
    assert answers[0]
    assert answers == [answers[0]] * 3


@pytest.mark.parametrize("host", ["a..b", ".", "x" * 64 + ".invalid"])
def test_name_without_address(host):
    """A name that cannot be resolved is unreachable; the text has the name and the reason."""
    with pytest.raises(UnreachableError) as raised:
        resolve(f"http://{host}/")
    assert str(raised.value).startswith(f"the name {host} cannot be resolved: ")


HOST = b"backend.test"


class SlowResolver:
    """Takes the place of getaddrinfo(3), whose calls end when the test says so.

    The system's own is made slow in blackbox/backend/test_deadline.py, with a name server.
    """

    def __init__(self, real):
        self.real = real
        self.calls = []
        self.changed = threading.Condition()

    def __call__(self, host, *arguments, **keywords):
        """Wait, and return or raise what the test has chosen."""
        if host != HOST:  # a thread that an earlier test has left behind
            return self.real(host, *arguments, **keywords)
        call = {"end": threading.Event()}
        with self.changed:
            self.calls.append(call)
            self.changed.notify_all()
        assert call["end"].wait(PLENTY_SEC)
        if "address" not in call:
            raise socket.gaierror(socket.EAI_AGAIN, "no answer")
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (call["address"], 80))]

    def wait_for(self, count):
        """Return when so many calls have begun."""
        with self.changed:
            assert self.changed.wait_for(lambda: len(self.calls) >= count, PLENTY_SEC)
            assert len(self.calls) == count

    def end(self, number, address=None):
        """End a call, with an address or with an error."""
        if address:
            self.calls[number]["address"] = address
        self.calls[number]["end"].set()


@pytest.fixture
def slow(monkeypatch):
    """A resolver that is slow, and whose threads all end with the test."""
    resolver = SlowResolver(socket.getaddrinfo)
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    yield resolver
    for number in range(len(resolver.calls)):
        resolver.end(number)


class Ending(Deadline):
    """Plenty of time; whenever the resolver is about to wait, the next one of some calls ends."""

    def __init__(self, *ends):
        super().__init__(PLENTY_SEC)
        self.ends = list(ends)

    def remaining_sec(self):
        """The time that the resolver is going to wait."""
        if self.ends:
            self.ends.pop(0)()
        return super().remaining_sec()


def name_resolver():
    """A resolver of a name."""
    return Resolver(Target(f"http://{HOST.decode()}/"))


def ask_in_vain(resolver):
    """Ask with no time to wait."""
    with pytest.raises(DeadlineError):
        resolver.addresses(Deadline(1e-3))


def finished(resolver, count):
    """Wait until so many of the calls that the resolver knows of are over."""
    deadline = Deadline(PLENTY_SEC)
    while sum(each.is_over for each in resolver._running) < count:
        time.sleep(min(0.001, deadline.remaining_sec()))


def address(host):
    """What a resolver returns for one address."""
    return [(socket.AF_INET, (host, 80))]


def test_deadline_before_resolving(slow):
    """When no time is left the resolver is not waited for; the error says what it was."""
    with pytest.raises(DeadlineError, match=r"while resolving the name backend\.test"):
        name_resolver().addresses(Deadline(0))
    slow.wait_for(1)


def test_a_resolution_that_goes_on(slow):
    """The next request waits for the resolution that the one before has left behind."""
    resolver = name_resolver()
    ask_in_vain(resolver)
    ask_in_vain(resolver)
    slow.wait_for(1)
    end = Ending(lambda: slow.end(0, "127.0.0.1"))
    assert resolver.addresses(end) == address("127.0.0.1")
    slow.wait_for(1)


@pytest.mark.parametrize("late", ["127.0.0.9", None], ids=["an address", "an error"])
def test_a_result_that_is_older_than_the_request(slow, late):
    """What came when nobody waited is dropped: the name is resolved once more."""
    resolver = name_resolver()
    ask_in_vain(resolver)
    slow.wait_for(1)
    slow.end(0, late)
    finished(resolver, 1)
    ask_in_vain(resolver)
    slow.wait_for(2)
    end = Ending(lambda: slow.end(1, "127.0.0.1"))
    assert resolver.addresses(end) == address("127.0.0.1")


def test_a_resolution_that_is_stuck(slow, monkeypatch):
    """After STUCK_SEC another one begins beside it; the first with an address is the answer."""
    resolver = name_resolver()
    ask_in_vain(resolver)
    ask_in_vain(resolver)
    slow.wait_for(1)
    monkeypatch.setattr(resolving, "STUCK_SEC", 0)
    ask_in_vain(resolver)
    slow.wait_for(2)
    monkeypatch.undo()
    slow.end(0)
    end = Ending(lambda: slow.end(1, "127.0.0.1"))
    assert resolver.addresses(end) == address("127.0.0.1")


def test_resolutions_are_bounded(slow, monkeypatch):
    """However many requests there are, and however stuck the resolver: no more than a few threads.

    When one of them ends, there may be another one.
    """
    monkeypatch.setattr(resolving, "STUCK_SEC", 0)
    resolver = name_resolver()
    for _ in range(3 * resolving.MAX_RESOLUTIONS):
        ask_in_vain(resolver)
    slow.wait_for(resolving.MAX_RESOLUTIONS)
    slow.end(0)
    finished(resolver, 1)
    for _ in range(3):
        ask_in_vain(resolver)
    slow.wait_for(resolving.MAX_RESOLUTIONS + 1)


def test_threads_that_the_unit_allows():
    """TasksMax= of the unit leaves room for all of them."""
    unit = UNIT.read_text(encoding="utf-8")
    (allowed,) = re.findall(r"^TasksMax=(\d+)$", unit, re.MULTILINE)
    assert int(allowed) / 2 > resolving.MAX_RESOLUTIONS


def test_all_resolutions_fail(slow, monkeypatch):
    """When no resolution is left that could have an answer, the name cannot be resolved."""
    monkeypatch.setattr(resolving, "STUCK_SEC", 0)
    resolver = name_resolver()
    ask_in_vain(resolver)
    slow.wait_for(1)

    def end_the_second():
        slow.wait_for(2)
        slow.end(1)

    with pytest.raises(UnreachableError, match=r"backend.test cannot be resolved: no answer"):
        resolver.addresses(Ending(lambda: slow.end(0), end_the_second))
    slow.wait_for(2)
