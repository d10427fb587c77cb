# SPDX-License-Identifier: MIT
"""Several targets: which is asked, when the next one is, and what is said if all fail.

The backends are real, and count the requests that reach them.
"""

from __future__ import annotations

import contextlib
import select
import time

import pytest

from harness.certificates import Authority
from harness.endpoints import endpoint
from harness.modes import FOUND_BODY, LOOKUPS, MODES, POLICY, SOCKETMAP, TCP
from harness.rounds import rounds
from harness.scripted_backend import (
    ScriptedBackend,
    answer,
    black_hole,
    hang_up,
    reset,
    send,
    send_and_close,
    send_and_reset,
    send_then_silence,
    silence,
    unused_port,
)
from harness.still_clock import StillClock
from harness.wire import table
from postfix_rest_inetd import backend as package
from postfix_rest_inetd import model
from postfix_rest_inetd.backend import backends, client, stream
from postfix_rest_inetd.cache import outages
from postfix_rest_inetd.cache.outages import Outages
from postfix_rest_inetd.deadline import Deadline
from postfix_rest_inetd.errors import (
    BackendError,
    DeadlineError,
    InvalidDataError,
    UnreachableError,
)

PLENTY_SEC = 30
SHORT_SEC = 0.4


class World:
    """Backends, and what asks them."""

    def __init__(self, stack: contextlib.ExitStack) -> None:
        self._stack = stack
        self.servers: list[ScriptedBackend] = []
        self.outages = Outages(None)

    def server(self, *steps, **options) -> ScriptedBackend:
        """A backend that follows a script."""
        server = self._stack.enter_context(ScriptedBackend(*steps, **options))
        self.servers.append(server)
        return server

    def refusing(self) -> str:
        """A target where nobody listens."""
        sock = self._stack.enter_context(unused_port())
        return f"http://127.0.0.1:{sock.getsockname()[1]}/lookup"

    def black_hole(self) -> str:
        """A target that does not answer to a SYN."""
        return f"http://127.0.0.1:{self._stack.enter_context(black_hole())}/lookup"

    def ask_by(self, mode: str, *targets: object, **keys: object):
        """A client for targets, which are URLs or backends."""
        urls = [each.url() if isinstance(each, ScriptedBackend) else each for each in targets]
        made = backends.Backends(endpoint(mode, target=urls, **keys), "x", b"x", self.outages)
        self._stack.callback(made.close)
        return made

    def requests(self) -> list[int]:
        """How many requests each backend has received."""
        return [len(server.requests) for server in self.servers]


@pytest.fixture(autouse=True)
def still_clock(monkeypatch):
    """The clock by which outages are remembered; on a busy machine, a real one would end them."""
    clock = StillClock()
    monkeypatch.setattr(outages, "now", clock.now)
    return clock


@pytest.fixture
def world():
    """A world that ends with the test."""
    with contextlib.ExitStack() as stack:
        yield World(stack)


def request_of(mode: str) -> model.Request:
    """An ordinary request."""
    if mode == POLICY:
        return model.PolicyRequest([(b"a", b"b")])
    return model.LookupRequest(b"key", b"map" if mode == SOCKETMAP else None)


def ask(asking, mode: str = TCP, timeout_sec: float = PLENTY_SEC) -> int:
    """The status of the response to a request."""
    return asking.ask(request_of(mode), "id", Deadline(timeout_sec)).status


def good(mode: str = TCP):
    """A step that answers."""
    return answer(200, FOUND_BODY[mode])


# -- one target is enough


def test_one_target_has_no_backends():
    """A single target is asked as ever, without a module or a word more."""
    asking = package.client_of(endpoint(TCP), "x", b"x")
    assert isinstance(asking, client.Client)
    assert (asking.asked, asking.failed) == ("", "")
    urls = ["http://127.0.0.1:1/", "http://127.0.0.1:2/"]
    assert isinstance(package.client_of(endpoint(TCP, target=urls), "x", b"x"), backends.Backends)


def test_one_target_whose_outages_are_remembered(world):
    """The words are those of a single target, and the outage is remembered."""
    url = world.refusing()
    asking = package.client_of(endpoint(TCP, target=url), "x", b"x", world.outages)
    with pytest.raises(UnreachableError) as raised:
        ask(asking)
    with pytest.raises(UnreachableError) as alone:
        ask(package.client_of(endpoint(TCP, target=url), "x", b"x"))
    assert str(raised.value) == str(alone.value)
    assert (asking.asked, asking.failed) == ("", "")
    assert world.outages.is_down(url)


@pytest.mark.parametrize("mode", MODES)
def test_the_first_one_answers(world, mode):
    """As long as the first one responds, no other is asked, and its connection is kept."""
    first, second = world.server(default=good(mode)), world.server()
    asking = world.ask_by(mode, first, second)
    assert [ask(asking, mode) for _ in range(3)] == [200] * 3
    assert world.requests() == [3, 0]
    assert [request.connection for request in first.requests] == [0, 0, 0]
    assert second.connections == []
    assert (asking.asked, asking.failed) == (f"http://{first.authority}", "")


ANSWERS = [101, 201, 204, 301, 304, 400, 401, 403, 404, 408, 429, 451, 499, 600]


@pytest.mark.parametrize("mode", [TCP, POLICY])
@pytest.mark.parametrize("status", ANSWERS)
def test_statuses_that_are_answers(world, mode, status):
    """What a backend says about a request is its answer, and it is not down."""
    raw = b"HTTP/1.1 %d X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n" % status
    first, second = world.server(send_and_close(raw)), world.server()
    asking = world.ask_by(mode, first, second)
    assert ask(asking, mode) == status
    assert world.requests() == [1, 0]
    assert not world.outages.is_down(first.url())


# -- the first one fails


def tls_is_expected(world):
    """A backend that does not speak TLS, which its target wants."""
    plain = world.server(on_accept=send_and_close(b"HTTP/1.1 400 Bad Request\r\n\r\n"))
    return plain.url().replace("http:", "https:")


UNSENT = {
    "nobody listens": (World.refusing, "Connection refused"),
    "its packets vanish": (World.black_hole, "this target's share"),
    "it does not speak TLS": (tls_is_expected, "TLS with"),
    "its name is unknown": (lambda _: "http://nowhere.invalid/", "cannot be resolved"),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("target, why", table(UNSENT))
def test_a_connection_that_fails(world, mode, target, why):
    """The next target is asked, whatever the request is, because nothing of it was sent."""
    for timeout_sec in rounds(2):
        url, second = target(world), world.server(default=good(mode))
        asking = world.ask_by(mode, url, second)
        with contextlib.suppress(DeadlineError):
            if ask(asking, mode, timeout_sec) == 200 and why in asking.failed:
                break
    else:
        pytest.fail(f"no time was enough: {asking.failed}")
    assert len(second.requests) == 1
    assert asking.asked == f"http://{second.authority}"
    assert asking.target.port == second.port
    assert world.outages.is_down(url)
    assert ask(asking, mode) == 200
    assert asking.failed == "", "the second time, it is known to be down"


HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n"
SENT = {
    "it says nothing": silence,
    "it closes": hang_up,
    "it resets": reset,
    "it closes within the head": send_and_close(HEAD),
    "it resets within the head": send_and_reset(HEAD),
    "it stops within the head": send_then_silence(HEAD),
    "it closes within the body": send_and_close(HEAD + b"\r\n["),
    "it resets within the body": send_and_reset(HEAD + b"\r\n["),
    "it stops within the body": send_then_silence(HEAD + b"\r\n["),
    "it does not speak HTTP": send_and_close(b"220 mail.example ESMTP\r\n"),
    "its answer is too large": send_and_close(
        b"HTTP/1.1 200 OK\r\nContent-Length: 99999\r\n\r\n" + b" " * 99999
    ),
    "status 500": answer(500, b"x"),
    "status 502": answer(502, b"x"),
    "status 503 and the end": send_and_close(
        b"HTTP/1.1 503 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    ),
    "status 599": answer(599),
}


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("step", SENT.values(), ids=SENT)
def test_a_lookup_after_an_outage(world, mode, step, kept):
    """It goes to the next target after any outage, of a new connection or of a kept one."""
    for timeout_sec in rounds(2 * SHORT_SEC):
        first, second = world.server(*[good()] * kept, default=step), world.server(default=good())
        asking = world.ask_by(mode, first, second, max_response_bytes=2000)
        for _ in range(kept):
            assert ask(asking, mode) == 200
        with contextlib.suppress(DeadlineError):
            assert ask(asking, mode, timeout_sec) == 200
            break
    else:
        pytest.fail("the second one never had enough time")
    assert len(second.requests) == 1
    assert asking.failed.startswith(f"http://{first.authority}: ")
    assert world.outages.is_down(first.url())
    assert not world.outages.is_down(second.url())


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("step", SENT.values(), ids=SENT)
def test_a_policy_request_is_never_sent_twice(world, method, step, kept):
    """What may have been read is not sent to another target, nor again to the same one."""
    for timeout_sec in rounds(SHORT_SEC):
        first, second = world.server(*[good(POLICY)] * kept, default=step), world.server()
        second.default = good(POLICY)
        asking = world.ask_by(POLICY, first, second, max_response_bytes=2000, method=method)
        for _ in range(kept):
            assert ask(asking, POLICY) == 200
        if step in (SENT[name] for name in SENT if name.startswith("status")):
            assert ask(asking, POLICY) >= 500
            break
        said = what_is_said(asking, timeout_sec)
        if "; the request may have been read, so no other" in said:
            break
        # No time was left to send it.
        assert len(first.requests) == kept, said
    else:
        pytest.fail(f"the first one was never asked: {said}")
    first.wait_for_requests(1 + kept)
    assert (len(first.requests), len(second.requests)) == (1 + kept, 0)
    assert world.outages.is_down(first.url())
    assert ask(asking, POLICY) == 200
    assert (len(first.requests), len(second.requests)) == (1 + kept, 1)


def what_is_said(asking, timeout_sec: float) -> str:
    """The error of a policy request; that of the first target if another one has answered."""
    try:
        ask(asking, POLICY, timeout_sec)
    except BackendError as error:
        return str(error)
    return asking.failed


def stop_reading(count):
    """Read so many bytes of a request, and close with the rest unread: a RST."""

    def step(connection):
        connection.sock.recv(count)
        connection.sock.close()

    return step


@pytest.mark.parametrize("count", [1, 1000, 200_000])
def test_a_policy_request_that_was_read_in_part(world, count):
    """A part may be enough to be counted."""
    first = world.server(on_accept=stop_reading(count), receive_buffer=2048)
    second = world.server()
    asking = world.ask_by(POLICY, first, second)
    request = model.PolicyRequest([(b"a", b"b" * 3_000_000)])
    with pytest.raises(UnreachableError, match="may have been read"):
        asking.ask(request, "id", Deadline(PLENTY_SEC))
    assert second.connections == []


def close_at_once(connection):
    """Close a connection before anything has been read from it."""
    connection.close()


def test_a_new_connection_that_is_closed_unread(world, monkeypatch):
    """A proxy without a backend may do this; that the request was not read is certain then."""
    first = world.server(on_accept=close_at_once)
    second = world.server(default=good(POLICY))
    original = stream.connect

    def connect(target, *arguments):
        """Return when the end of the first connection has arrived."""
        found = original(target, *arguments)
        if target.port == first.port:
            select.select([found], [], [], PLENTY_SEC)
        return found

    monkeypatch.setattr(stream, "connect", connect)
    asking = world.ask_by(POLICY, first, second)
    assert ask(asking, POLICY) == 200
    assert world.requests() == [0, 1]
    assert "the backend closed the connection" in asking.failed


def test_a_new_connection_with_tls_that_is_closed_unread(world, tmp_path):
    """What has been acknowledged may be of the handshake, so this may be the end or not."""
    authority = Authority(tmp_path)
    context = authority.server("127.0.0.1")
    first = world.server(on_accept=lambda c: c.backend._handshake(c) and c.close(), tls=context)
    second = world.server(default=good(POLICY), tls=context)
    asking = world.ask_by(POLICY, first, second, tls_ca_file=str(authority.ca_file))
    with contextlib.suppress(UnreachableError):
        ask(asking, POLICY)
    assert first.requests == []
    assert len(second.requests) == (asking.asked == f"https://{second.authority}")


@pytest.mark.parametrize("mode", MODES)
def test_a_kept_connection_that_has_ended(world, mode):
    """It is replaced by a new one to the same target, and after that the next target is asked."""
    first = world.server(send_and_close(b"HTTP/1.1 200 X\r\nContent-Length: 0\r\n\r\n"))
    second = world.server(default=good(mode))
    asking = world.ask_by(mode, first, second)
    assert ask(asking, mode) == 200
    first.wait_for_end_of(0)
    first.default = good(mode)
    assert ask(asking, mode) == 200
    assert world.requests() == [2, 0]
    asking.close()
    first.close()
    assert ask(asking, mode) == 200
    assert "Connection refused" in asking.failed
    assert world.requests() == [2, 1]


@pytest.mark.parametrize("mode", MODES)
def test_a_kept_connection_whose_backend_has_gone(world, mode):
    """The connection ended when the request was on its way, and there is nobody any more."""
    first, second = world.server(good(mode)), world.server(default=good(mode))
    asking = world.ask_by(mode, first, second)
    assert ask(asking, mode) == 200
    first.close()
    for one in asking._all:
        one.client._poll = select.poll()  # blind for what has arrived (test_kept_connection.py)
    assert ask(asking, mode) == 200
    assert world.requests() == [1, 1]


# -- time


@pytest.mark.parametrize("count", [2, 3])
@pytest.mark.parametrize("timeout_sec", [0.5, 4.0])
def test_a_silent_first_one_leaves_enough(world, count, timeout_sec):
    """The second one has a half of the time, or a quarter if there is a third."""
    for longer_sec in rounds(timeout_sec):  # a busy machine may need more than 125 ms
        first, second = world.server(default=silence), world.server(default=good())
        rest = [world.server(default=good()) for _ in range(count - 2)]
        asking = world.ask_by(TCP, first, second, *rest)
        began = time.monotonic()
        with contextlib.suppress(DeadlineError):
            if ask(asking, TCP, longer_sec) == 200 and asking.target.port == second.port:
                break
    else:
        pytest.fail("the second one never had enough time")
    elapsed = time.monotonic() - began
    assert longer_sec / 2 <= elapsed
    assert [len(server.requests) for server in rest] == [0] * (count - 2)


def test_seven_silent_ones(world):
    """The last of eight targets still has a fourteenth of the time."""
    for timeout_sec in rounds(2.0):  # a busy machine may need more than 143 ms
        silent = [world.server(default=silence) for _ in range(7)]
        last = world.server(default=good())
        asking = world.ask_by(TCP, *silent, last)
        began = time.monotonic()
        with contextlib.suppress(DeadlineError):
            if ask(asking, TCP, timeout_sec) == 200 and are_asked(silent):
                break
    else:
        pytest.fail("the last one never had enough time")
    assert time.monotonic() - began >= timeout_sec * 13 / 14 - 0.01
    assert are_asked(silent)
    assert ask(asking, TCP) == 200
    assert are_asked(silent)


def are_asked(servers: list[ScriptedBackend]) -> bool:
    """Whether each has got a request, and one only."""
    return [len(server.requests) for server in servers] == [1] * len(servers)


@pytest.mark.parametrize("count", range(1, 9))
def test_shares(count):
    """Half for the first one, the same for all others, and everything for the last one."""
    used = backends.shares(count)
    assert used == pytest.approx([0.5, *[0.5 / (count - 1)] * (count - 1)] if count > 1 else [1])


@pytest.mark.parametrize("count", [2, 3, 8])
@pytest.mark.parametrize("mode", MODES)
def test_all_are_silent(world, mode, count):
    """Whatever is tried, the request ends by its deadline, and not after that of each target."""
    for timeout_sec in rounds(SHORT_SEC):
        silent = [world.server(default=silence) for _ in range(count)]
        began = time.monotonic()
        with pytest.raises(DeadlineError):
            ask(world.ask_by(mode, *silent), mode, timeout_sec)
        elapsed = time.monotonic() - began
        assert elapsed >= timeout_sec
        asked = [len(server.requests) for server in silent]
        if elapsed < 2 * timeout_sec and asked[0]:
            break
    else:
        pytest.fail("a request never ended by its deadline")
    assert asked[0] == 1
    if mode == POLICY:
        assert asked[1:] == [0] * (count - 1)


def test_a_policy_request_has_the_time_that_is_left(world):
    """Its share is for connecting: a slow response is waited for longer than that."""
    for timeout_sec in rounds(2.0):
        first, second = (world.server(default=answers_after(0.55 * timeout_sec)) for _ in range(2))
        asking = world.ask_by(POLICY, first, second)
        with contextlib.suppress(DeadlineError):
            assert ask(asking, POLICY, timeout_sec) == 200
            # The same on the connection that has been kept.
            assert ask(asking, POLICY, timeout_sec) == 200
            if asking.target.port == first.port:
                break
    else:
        pytest.fail("it never had the time that is left")
    assert [request.connection for request in first.requests] == [0, 0]
    assert second.requests == []


def answers_after(seconds: float):
    """A step that answers a policy request after some time."""

    def slow(connection):
        connection.backend.stopping.wait(seconds)
        good(POLICY)(connection)

    return slow


def test_a_policy_request_behind_a_black_hole(world):
    """The second target has all the time that the first one has left."""
    hole = world.black_hole()
    for timeout_sec in rounds(4.0):
        world.outages.succeeded(hole)
        second = world.server(default=answers_after(timeout_sec / 4))
        began = time.monotonic()
        with contextlib.suppress(DeadlineError):
            assert ask(world.ask_by(POLICY, hole, second), POLICY, timeout_sec) == 200
            break
    else:
        pytest.fail("the second one never had enough time")
    assert time.monotonic() - began >= timeout_sec / 2
    assert len(second.requests) == 1


def test_a_slow_lookup_within_half_of_the_time(world):
    """A backend that needs less than half of the request-timeout is not left for another."""

    def slow(connection):
        connection.backend.stopping.wait(0.4)
        good()(connection)

    for timeout_sec in rounds(4.0):
        first, second = world.server(default=slow), world.server(default=good())
        asking = world.ask_by(TCP, first, second)
        with contextlib.suppress(DeadlineError):
            if ask(asking, TCP, timeout_sec) == 200 and asking.target.port == first.port:
                break
    else:
        pytest.fail("the first one never had enough time")
    assert (len(first.requests), len(second.requests)) == (1, 0)


# -- what is known to be down


def test_known_to_be_down(world):
    """Such a target comes last, and is asked if there is no other that responds."""
    first, second = world.server(default=good()), world.server(default=good())
    third = world.refusing()
    world.outages.failed(first.url())
    asking = world.ask_by(TCP, first, second, third)
    assert ask(asking) == 200
    assert world.requests() == [0, 1]
    world.outages.failed(second.url())
    second.default = answer(500)
    world.outages.failed(third)
    assert ask(asking) == 200
    assert world.requests() == [1, 1], "all are down: they are asked in order"
    assert not world.outages.is_down(first.url())


def test_all_are_asked_before_a_request_fails(world):
    """Nothing fails that could have succeeded."""
    down = world.server(default=good())
    world.outages.failed(down.url())
    asking = world.ask_by(TCP, down, world.refusing(), world.refusing())
    assert ask(asking) == 200
    assert asking.failed.count("Connection refused") == 2


def test_one_that_may_be_asked_again(world, still_clock):
    """It keeps its place for the process that has claimed it, and for one request."""
    first, second = world.server(answer(500), good(), good()), world.server(default=good())
    asking = world.ask_by(TCP, first, second)
    ask(asking)
    assert world.requests() == [1, 1]
    still_clock.advance(0.9)
    ask(asking)
    assert world.requests() == [1, 2]
    still_clock.advance(0.1)
    ask(asking)
    assert world.requests() == [2, 2]
    ask(asking)
    assert world.requests() == [3, 2]
    assert not world.outages.is_down(first.url())


def test_a_claim_is_not_wasted(world, still_clock):
    """A target whose turn does not come is not claimed: another handler may ask it."""
    first, second = world.server(default=good()), world.refusing()
    world.outages.failed(second)
    still_clock.advance(1)
    ask(world.ask_by(TCP, first, second))
    assert world.outages._claims == {}


def test_other_processes_know(world, tmp_path):
    """With a directory, another handler does not ask what this one has found to be down."""
    first, second = world.server(default=answer(503)), world.server(default=good())
    world.outages = Outages(str(tmp_path))
    ask(world.ask_by(TCP, first, second))
    world.outages = Outages(str(tmp_path))
    ask(world.ask_by(TCP, first, second))
    assert world.requests() == [1, 2]


# -- what is told


def test_all_fail(world):
    """Each target is named with its reason, and nothing of it that may be a secret."""
    urls = [
        world.refusing().replace("://", "://user:s3cret@") + "/s3cret?s3cret=1",
        world.server(default=answer(503)).url("/s3cret"),
        world.refusing(),
    ]
    asking = world.ask_by(TCP, *urls)
    with pytest.raises(UnreachableError) as raised:
        ask(asking)
    origins = [each.target.origin for each in asking._all]
    first, second, third = str(raised.value).split("; then ")
    assert first.startswith(f"{origins[0]}: cannot connect to {origins[0]} (")
    assert second == f"{origins[1]}: status 503"
    assert third.startswith(f"{origins[2]}: cannot connect to {origins[2]} (")
    assert "s3cret" not in str(raised.value)
    assert (asking.asked, asking.failed) == (origins[2], "")


LAST = {
    "unreachable": (World.refusing, UnreachableError),
    "silent": (lambda world: world.server(default=silence), DeadlineError),
    "not HTTP": (
        lambda world: world.server(default=send(b"220 mail.example ESMTP\r\n")),
        InvalidDataError,
    ),
}


@pytest.mark.parametrize("last, kind", table(LAST))
@pytest.mark.parametrize("first", [each[0] for each in LAST.values()], ids=LAST)
def test_the_kind_is_that_of_the_last_one(world, first, last, kind):
    """The reply to Postfix follows from what was tried last."""
    for timeout_sec in rounds(SHORT_SEC):
        with pytest.raises(BackendError) as raised:
            ask(world.ask_by(TCP, first(world), last(world)), TCP, timeout_sec)
        if raised.type in (kind, InvalidDataError, UnreachableError):
            break  # and not because there was no time to see what the last one does
    assert raised.type is kind


def test_the_last_one_has_an_internal_error(world):
    """Its response is the result, as from a single target, and what was before it is told."""
    url, last = world.refusing(), world.server(default=answer(503))
    asking = world.ask_by(TCP, url, last)
    assert ask(asking) == 503
    assert asking.asked == f"http://{last.authority}"
    assert "Connection refused" in asking.failed


def test_targets_of_the_same_origin(world):
    """They are told apart by their place in the list: paths may have secrets in them."""
    server = world.server(default=answer(500))
    asking = world.ask_by(TCP, server.url("/a"), world.refusing(), server.url("/b"))
    ask(asking)
    assert asking.asked == f"http://{server.authority} [2]"
    assert asking.failed.startswith(f"http://{server.authority} [0]: status 500; then http://")


def test_stages(world):
    """An observer sees each attempt, by the name of its target."""

    class Trace:
        def __init__(self):
            self.stages = []
            self.stage = self.stages.append
            self.sent = self.received = self.status = lambda _: None

    trace = Trace()
    url, second = world.refusing(), world.server(good())
    world.ask_by(TCP, url, second).ask(request_of(TCP), "id", Deadline(PLENTY_SEC, trace))
    places = [url.removesuffix("/lookup"), f"http://{second.authority}"]
    assert [each for each in trace.stages if each.startswith("asking")] == [
        f"asking {place}" for place in places
    ]
    assert trace.stages[1].startswith("connecting to 127.0.0.1 port ")
    assert trace.stages[-1] == "reading the response"


# -- each target has its own


def test_each_has_its_own_fields(world):
    """Host, path, query and basic authentication are those of the target that is asked."""
    first, second = world.server(answer(500)), world.server(good())
    ask(world.ask_by(TCP, first.url("/a?b=c", "u:one@"), second.url("/d", "u:two@")))
    requests = [first.requests[0], second.requests[0]]
    assert [request.target for request in requests] == [b"/a?b=c&key=key", b"/d?key=key"]
    assert [request.header(b"Host") for request in requests] == [
        first.authority.encode(),
        second.authority.encode(),
    ]
    assert [request.header(b"Authorization") for request in requests] == [
        b"Basic dTpvbmU=",
        b"Basic dTp0d28=",
    ]


@pytest.mark.parametrize("mode", MODES)
def test_the_certificate_of_the_first_is_for_another_name(world, tmp_path, mode):
    """A certificate is checked against the name of its own target; the next one is asked."""
    authority = Authority(tmp_path)
    first = world.server(tls=authority.server("other.example"))
    second = world.server(default=good(mode), tls=authority.server("127.0.0.1"))
    asking = world.ask_by(mode, first, second, tls_ca_file=str(authority.ca_file))
    assert [ask(asking, mode), ask(asking, mode)] == [200, 200]
    assert world.requests() == [0, 2]
    assert [request.connection for request in second.requests] == [0, 0]
    first.wait_for_end_of(0)
    assert first.connections[0].tls_error is not None


def test_plain_and_encrypted_targets(world, tmp_path):
    """Both may be in one list, in any order, and each is asked in its own way."""
    authority = Authority(tmp_path)
    plain = world.server(answer(500), good())
    secure = world.server(good(), answer(500), tls=authority.server("127.0.0.1"))
    for targets in ((plain, secure), (secure, plain)):
        world.outages = Outages(None)
        assert ask(world.ask_by(TCP, *targets, tls_ca_file=str(authority.ca_file))) == 200
    assert world.requests() == [2, 2]


def test_each_connection_is_kept(world, still_clock):
    """When the first target is back, its own connection and that of the other are still there."""
    first, second = world.server(good(), answer(500), good()), world.server(default=good())
    asking = world.ask_by(TCP, first, second)
    ask(asking)
    ask(asking)
    ask(asking)
    still_clock.advance(1)
    ask(asking)
    assert [request.connection for request in first.requests] == [0, 0, 0]
    assert [request.connection for request in second.requests] == [0, 0]
