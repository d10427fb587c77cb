# SPDX-License-Identifier: MIT
"""Several targets, one of which fails: Postfix gets its answer from another one, and in time.

The handler's own clock, in its log line, is held to the deadline, as in test_deadline.py.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest
from blackbox.support import NOT_FOUND, TIMED_OUT, UNREACHABLE, server_error, user_error

from harness.certificates import Authority
from harness.handler_process import endpoint, write_config
from harness.modes import FOUND, FOUND_BODY, LOOKUPS, MODES, POLICY, REQUEST, TCP
from harness.name_service import name_service
from harness.ports import free_port
from harness.process_group import stop
from harness.rounds import rounds_ms
from harness.scripted_backend import (
    ScriptedBackend,
    answer,
    black_hole,
    drip,
    hang_up,
    reset,
    send_and_close,
    send_and_reset,
    silence,
    unused_port,
)
from postfix_rest_inetd.cache import clock, outage, outages

TIMEOUT_MS = 600
SLACK_MS = TIMEOUT_MS / 2
"""Less than what a target more, or the first one again, would add."""
EARLY_MS = 5
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n"

_ELAPSED = re.compile(r"\((\d+(?:\.\d+)?) ms\)")


def elapsed_ms(line: str) -> float:
    """What the handler measured itself."""
    match = _ELAPSED.search(line)
    assert match, line
    return float(match[1])


class Frozen:
    """A backend that is a process of its own, and can be stopped as one whose disk hangs."""

    PROGRAM = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        print(self.command, flush=True)
        body = sys.argv[1].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    do_POST = do_GET
    def log_message(self, *arguments): pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
print(server.server_port, flush=True)
server.serve_forever()
"""

    def __init__(self, body: bytes) -> None:
        command = [sys.executable, "-c", self.PROGRAM, body.decode()]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.url = f"http://127.0.0.1:{self.port}/"

    def asked(self) -> str:
        """Wait for the next request that it reads; returns its method."""
        return self.process.stdout.readline().strip()

    def freeze(self) -> None:
        """Stop the process: the kernel goes on accepting connections for it."""
        stop(self.process)

    def thaw(self) -> None:
        """Let the process go on."""
        self.process.send_signal(signal.SIGCONT)

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


@pytest.fixture
def frozen() -> Iterator[object]:
    """Makes backends that can be frozen."""
    with contextlib.ExitStack() as stack:

        def make(mode: str) -> Frozen:
            made = Frozen(FOUND_BODY[mode])
            stack.callback(made.close)
            return made

        yield make


@pytest.fixture
def handler_of(tmp_path, launch):
    """A handler for a list of targets."""

    def build(
        mode: str,
        *targets: object,
        launch_with: dict | None = None,
        cache: object = None,
        **keys: object,
    ):
        urls = [each.url() if isinstance(each, ScriptedBackend) else each for each in targets]
        keys.setdefault("request_timeout", TIMEOUT_MS)
        config = write_config(tmp_path, endpoint(mode, urls, **keys))
        more = [] if cache is None else [f"--cache-directory={cache}"]
        return launch("--config", config, "--endpoint", mode, *more, **(launch_with or {}))

    return build


@pytest.fixture
def second() -> Iterator[ScriptedBackend]:
    """The target that works, once it has an answer."""
    with ScriptedBackend() as scripted:
        yield scripted


def good(mode: str):
    """A step that answers."""
    return answer(200, FOUND_BODY[mode])


def ask(handler, mode: str) -> bytes:
    """The reply to an ordinary request."""
    return handler.ask(mode, REQUEST[mode])


# -- the first one fails at the first request


@pytest.mark.parametrize("mode", MODES)
def test_the_first_one_is_refused(handler_of, second, mode):
    """Nobody listens there: that costs no time. The journal says which target answered, and why."""
    second.default = good(mode)
    with unused_port() as sock:
        url = f"http://127.0.0.1:{sock.getsockname()[1]}/"
        handler = handler_of(mode, url, second, request_timeout=20_000)
        began = time.monotonic()
        assert [ask(handler, mode), ask(handler, mode)] == [FOUND[mode]] * 2
        is_due = time.monotonic() - began > outage.RETRY_SEC
    assert len(second.requests) == 2
    first, later = handler.log_lines(2)
    assert f": http://127.0.0.1:{sock_port(url)}: cannot connect to " in first
    assert first.endswith(f"; then http://{second.authority} was asked")
    assert later.endswith(" ms)") or is_due, "it is known to be down then"


def sock_port(url: str) -> int:
    """The port of a URL."""
    return int(url.rpartition(":")[2].strip("/"))


UNUSABLE = {
    "a page": answer(200, b"<b>Warning</b>: mysqli_connect(): Connection refused"),
    "no array": answer(200, b'{"error": "database"}'),
    "half of a pair": answer(200, b'["\\ud800"]'),
    "nothing until the end": send_and_close(b"HTTP/1.1 200 OK\r\n\r\n"),
}


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("step", UNUSABLE.values(), ids=UNUSABLE)
def test_the_first_one_has_a_200_that_cannot_be_used(handler_of, backend, second, mode, step):
    """It is asked each time, because it may be able to answer other keys, and so is the second."""
    backend.script(step, step, step)
    second.script(good(mode), answer(404), answer(503))
    handler = handler_of(mode, backend, second, request_timeout=20_000)
    replies = [ask(handler, mode) for _ in range(3)]
    assert replies == [FOUND[mode], NOT_FOUND[mode], server_error(503)[mode]]
    lines = handler.log_lines(3)
    assert all(f"{backend.authority}: the body of" in line or "a value" in line for line in lines)
    assert len(backend.requests) == len(second.requests) == len(lines)


@pytest.mark.parametrize("mode", LOOKUPS)
def test_none_has_an_answer_that_can_be_used(handler_of, backend, second, mode):
    """The failure is that of the last one; the journal has both."""
    backend.script(answer(200, b"<html>"))
    second.script(answer(200, b"{}"))
    handler = handler_of(mode, backend, second, request_timeout=20_000)
    assert b"invalid" in ask(handler, mode)
    (line,) = handler.log_lines(1)
    assert "is HTML or XML" in line
    assert "is not a JSON array of strings" in line


def test_a_policy_request_whose_action_cannot_be_used(handler_of, backend, second):
    """It has been counted, and is not sent to another one."""
    backend.script(answer(200, b"<html>\n</html>"))
    handler = handler_of(POLICY, backend, second, request_timeout=20_000)
    ask(handler, POLICY)
    assert second.requests == []


@pytest.mark.parametrize("mode", MODES)
def test_the_first_one_is_a_black_hole(handler_of, mode):
    """Its packets vanish: half of the time is left for the second one, whatever the mode is."""
    with contextlib.ExitStack() as stack:
        url = f"http://127.0.0.1:{stack.enter_context(black_hole())}/"
        for timeout_ms in rounds_ms(TIMEOUT_MS):
            second = stack.enter_context(ScriptedBackend(default=good(mode)))
            handler = handler_of(mode, url, second, request_timeout=timeout_ms)
            replies = {ask(handler, mode), ask(handler, mode)}
            first_ms, later_ms = map(elapsed_ms, handler.log_lines(2))
            assert first_ms >= timeout_ms / 2 - EARLY_MS
            if replies == {FOUND[mode]} and first_ms < timeout_ms and later_ms < timeout_ms / 2:
                break
            assert replies <= {FOUND[mode], TIMED_OUT[mode]}
        else:
            pytest.fail("the second target never had enough time")
        assert len(second.requests) == 2


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("later", [False, True])
def test_the_first_one_is_frozen(handler_of, frozen, mode, later):
    """A lookup is answered by the second one, on new connections and on kept ones."""
    with contextlib.ExitStack() as stack:
        for timeout_ms in rounds_ms(TIMEOUT_MS):
            second = stack.enter_context(ScriptedBackend(default=good(mode)))
            first = frozen(mode)
            handler = handler_of(mode, first.url, second, request_timeout=timeout_ms)
            if later and not has_answered(handler, mode, first, second):
                continue
            first.freeze()
            replies = {ask(handler, mode), ask(handler, mode)}
            took_ms = elapsed_ms(handler.log_lines(1 + later)[later])
            assert took_ms >= timeout_ms / 2 - EARLY_MS
            if replies == {FOUND[mode]} and took_ms < timeout_ms:
                break
            assert replies <= {FOUND[mode], TIMED_OUT[mode]}
        else:
            pytest.fail("the second target never had enough time")
        assert len(second.requests) == 2


def has_answered(handler, mode: str, first: Frozen, second: ScriptedBackend) -> bool:
    """Whether the first target had enough time to answer a request, and has answered it."""
    reply = ask(handler, mode)
    if reply == FOUND[mode] and not second.requests:
        assert first.asked() == ("POST" if mode == POLICY else "GET")
        return True
    assert reply in (FOUND[mode], TIMED_OUT[mode])
    return False


@pytest.mark.parametrize("later", [False, True])
def test_a_policy_request_to_a_frozen_one(handler_of, frozen, later):
    """It has been sent: it waits for its deadline, and is sent to nobody else. The next one is."""
    with contextlib.ExitStack() as stack:
        for timeout_ms in rounds_ms(TIMEOUT_MS):
            second = stack.enter_context(ScriptedBackend(default=good(POLICY)))
            first = frozen(POLICY)
            handler = handler_of(POLICY, first.url, second, request_timeout=timeout_ms)
            if later and not has_answered(handler, POLICY, first, second):
                continue
            first.freeze()
            reply = ask(handler, POLICY)
            line = handler.log_lines(1 + later)[-1]
            if "; the request may have been read, so no other target is asked" not in line:
                assert reply == TIMED_OUT[POLICY] or second.requests, line
                continue  # no time was left to send it
            assert reply == TIMED_OUT[POLICY]
            assert second.connections == []
            took_ms = elapsed_ms(line)
            assert took_ms >= timeout_ms - EARLY_MS
            if took_ms <= timeout_ms * 1.5 and ask(handler, POLICY) == FOUND[POLICY]:
                break
        else:
            pytest.fail("no time was enough")
        first.thaw()
        assert first.asked() == "POST", "it reads what it was asked before"


FAILING = {
    "status 500": answer(500, b"x"),
    "closed unanswered": hang_up,
    "reset unanswered": reset,
    "reset within the head": send_and_reset(HEAD),
    "reset within the body": send_and_reset(HEAD + b'\r\n["'),
    "a body that drips": drip(b" " * 99, at_once=HEAD + b"\r\n", interval_sec=0.05),
}


@pytest.mark.parametrize("later", [False, True])
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("step", FAILING.values(), ids=FAILING)
def test_the_first_one_fails(handler_of, mode, step, later):
    """A lookup goes on; a policy request is in no case sent twice."""
    expected = {FOUND[mode]}
    if mode == POLICY:
        expected = {UNREACHABLE[mode], server_error(500)[mode], TIMED_OUT[mode]}
    # A lookup whose kept connection ends is sent once more to the same target, as ever.
    is_resent = later and mode != POLICY and step in (hang_up, reset)
    with contextlib.ExitStack() as stack:
        for timeout_ms in rounds_ms(TIMEOUT_MS):
            first = stack.enter_context(ScriptedBackend(*[good(mode)] * later, default=step))
            second = stack.enter_context(ScriptedBackend(default=good(mode)))
            handler = handler_of(mode, first, second, request_timeout=timeout_ms)
            if later and (ask(handler, mode) != FOUND[mode] or second.requests):
                continue
            reply = ask(handler, mode)
            took_ms = elapsed_ms(handler.log_lines(1 + later)[-1])
            if mode == POLICY and len(first.requests) > later:
                assert second.requests == []
            is_quick = reply in expected and took_ms < timeout_ms * 1.5
            is_quick = ask(handler, mode) == FOUND[mode] and is_quick
            if is_quick and len(first.requests) == 1 + later + is_resent:
                break
        else:
            pytest.fail(f"no time was enough: {handler.log}")
        assert len(second.requests) == 1 + (mode != POLICY)


@pytest.mark.parametrize("mode", MODES)
def test_a_certificate_for_another_name(tmp_path, handler_of, mode):
    """The first target's certificate is refused, the second one's is accepted and answers."""
    authority = Authority(tmp_path)
    first = ScriptedBackend(tls=authority.server("other.example"))
    with first, ScriptedBackend(tls=authority.server("127.0.0.1"), default=good(mode)) as other:
        handler = handler_of(
            mode, first, other, tls_ca_file=str(authority.ca_file), request_timeout=20_000
        )
        assert [ask(handler, mode), ask(handler, mode)] == [FOUND[mode]] * 2
        assert (len(first.requests), len(other.requests)) == (0, 2)
        assert [request.connection for request in other.requests] == [0, 0]
    assert "is not accepted: " in handler.log_lines(1)[0]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("status", [401, 403, 408, 429])
def test_a_refusal_is_an_answer(handler_of, backend, second, mode, status):
    """No other target is asked for another opinion."""
    backend.default = answer(status)
    handler = handler_of(mode, backend, second, request_timeout=20_000)
    assert ask(handler, mode) == user_error(status)[mode]
    assert second.connections == []


# -- deadlines


def assert_in_time(handler, mode: str, expected: bytes) -> None:
    """The best of a few requests ends within the slack, and none ends early."""
    measured: list[float] = []
    for number in range(1, 9):
        assert ask(handler, mode) == expected
        measured.append(elapsed_ms(handler.log_lines(number)[-1]))
        assert measured[-1] >= TIMEOUT_MS - EARLY_MS, measured
        if measured[-1] <= TIMEOUT_MS + SLACK_MS:
            return
    pytest.fail(f"never within {SLACK_MS} ms of {TIMEOUT_MS} ms: {measured}")


@pytest.mark.parametrize("count", range(2, 9))
@pytest.mark.parametrize("mode", [TCP, POLICY])
def test_all_are_silent(handler_of, mode, count):
    """Any number of targets together has no more time than one."""
    with contextlib.ExitStack() as stack:
        servers = [stack.enter_context(ScriptedBackend(default=silence)) for _ in range(count)]
        handler = handler_of(mode, *servers)
        assert_in_time(handler, mode, TIMED_OUT[mode])
        if mode == POLICY:
            # The second request goes to another target, because the first one is known to be down.
            asked = [len(server.requests) for server in servers]
            # What no time was left to send, or to read, is not in it.
            assert sum(asked) <= handler.log.count("\n")


@pytest.mark.parametrize("mode", MODES)
def test_all_are_black_holes(handler_of, mode):
    """Connecting to several targets is bounded as well."""
    with contextlib.ExitStack() as stack:
        urls = [f"http://127.0.0.1:{stack.enter_context(black_hole())}/" for _ in range(3)]
        assert_in_time(handler_of(mode, *urls), mode, TIMED_OUT[mode])


KINDS = {
    "silent": silence,
    "dripping": drip(HEAD, interval_sec=0.05),
    "TLS that is never finished": None,
}


@pytest.mark.parametrize("first", KINDS)
@pytest.mark.parametrize("last", KINDS)
def test_slow_in_different_ways(handler_of, first, last):
    """However each of them is slow, their times add up to the deadline."""
    with contextlib.ExitStack() as stack:
        urls = []
        for kind in (first, last):
            if KINDS[kind] is None:
                server = stack.enter_context(ScriptedBackend(on_accept=silence))
                urls.append(server.url().replace("http:", "https:"))
            else:
                server = stack.enter_context(ScriptedBackend(default=KINDS[kind]))
                urls.append(server.url())
        assert_in_time(handler_of(TCP, *urls), TCP, TIMED_OUT[TCP])


def test_the_shortest_useful_timeout(handler_of, second):
    """With 100 ms, 50 are left when the first target is silent; a busy machine may need more."""
    second.default = good(TCP)
    with contextlib.ExitStack() as stack:
        for timeout_ms in rounds_ms(100):
            first = stack.enter_context(ScriptedBackend(default=silence))
            handler = handler_of(TCP, first, second, request_timeout=timeout_ms)
            if ask(handler, TCP) == FOUND[TCP]:
                return
    pytest.fail("the second target never had enough time")


# -- names with several addresses

ADDRESSES = ("127.0.0.2", "127.0.0.3", "127.0.0.4")
TWO_ADDRESSES = "127.0.0.2 two.test\n127.0.0.3 two.test\n127.0.0.4 one.test\n"


@pytest.mark.parametrize("mode", MODES)
def test_names_with_several_addresses(tmp_path, handler_of, mode):
    """All addresses of the first target are tried before the second one is."""
    prefix = name_service(tmp_path, TWO_ADDRESSES)
    port = free_port(*ADDRESSES)
    with ScriptedBackend(address="127.0.0.4", port=port, default=good(mode)) as other:
        urls = [f"http://{name}:{other.port}/" for name in ("two.test", "one.test")]
        handler = handler_of(mode, *urls, launch_with={"prefix": prefix}, request_timeout=20_000)
        assert ask(handler, mode) == FOUND[mode]
        (line,) = handler.log_lines(1)
        assert f"(127.0.0.2 port {other.port}: Connection refused; 127.0.0.3 port " in line
        assert line.endswith(f"then http://one.test:{other.port} was asked")


def test_the_first_name_has_an_address_that_answers(tmp_path, handler_of):
    """One address of several is enough: the other target is not asked."""
    prefix = name_service(tmp_path, TWO_ADDRESSES)
    first = ScriptedBackend(address="127.0.0.3", port=free_port(*ADDRESSES), default=good(TCP))
    with first, black_hole("127.0.0.2", first.port):
        urls = [f"http://{name}:{first.port}/" for name in ("two.test", "one.test")]
        handler = handler_of(TCP, *urls, launch_with={"prefix": prefix}, request_timeout=20_000)
        assert ask(handler, TCP) == FOUND[TCP]
        assert handler.log_lines(1)[0].endswith(" ms)")


def test_the_first_name_is_unknown(tmp_path, handler_of, second):
    """A name that cannot be resolved is an outage of its target only."""
    prefix = name_service(tmp_path, "127.0.0.1 localhost\n")
    second.default = good(POLICY)
    handler = handler_of(
        POLICY,
        "http://gone.test/",
        second,
        launch_with={"prefix": prefix},
        request_timeout=20_000,
    )
    assert ask(handler, POLICY) == FOUND[POLICY]
    assert "the name gone.test cannot be resolved" in handler.log_lines(1)[0]


@pytest.mark.parametrize("mode", MODES)
def test_the_first_name_is_not_resolved_in_time(tmp_path, handler_of, mode):
    """The other target is asked, with TLS, while a thread still waits for the name server."""
    resolver = "127.0.53.55"
    prefix = name_service(tmp_path, "127.0.0.1 localhost\n", resolver)
    authority = Authority(tmp_path)
    with (
        socket.socket(type=socket.SOCK_DGRAM) as silent,
        ScriptedBackend(tls=authority.server("127.0.0.1"), default=good(mode)) as other,
    ):
        try:
            silent.bind((resolver, 53))
        except OSError as error:
            pytest.skip(f"cannot listen on port 53: {error}")
        handler = handler_of(
            mode,
            "http://slow.test/",
            other,
            tls_ca_file=str(authority.ca_file),
            launch_with={"prefix": prefix},
            request_timeout=6000,
        )
        assert ask(handler, mode) == FOUND[mode]
        began = time.monotonic()
        assert ask(handler, mode) == FOUND[mode]
        is_due = time.monotonic() - began > outage.RETRY_SEC / 2
        assert len(os.listdir(f"/proc/{handler.process.pid}/task")) > 1
        assert handler.finish()[:2] == (b"", 0)
    first, later = handler.log_lines(2)
    assert "passed while resolving the name slow.test" in first
    assert first.endswith(f"then https://{other.authority} was asked")
    assert later.endswith(" ms)") or is_due


# -- what is remembered, and for how long


def test_back_again(handler_of, backend, second):
    """A target that was down is asked again after a second, and then answers all requests."""
    backend.script(answer(500))
    backend.default = second.default = good(TCP)
    handler = handler_of(TCP, backend, second, request_timeout=20_000)
    began = time.monotonic()
    while len(backend.requests) < 2:
        assert ask(handler, TCP) == FOUND[TCP]
        assert time.monotonic() < began + 15
    assert time.monotonic() - began >= 1
    count = len(second.requests)
    assert [ask(handler, TCP) for _ in range(5)] == [FOUND[TCP]] * 5
    assert (len(backend.requests), len(second.requests)) == (7, count)


@pytest.mark.parametrize("mode", MODES)
def test_all_handlers_know(tmp_path, handler_of, backend, second, mode):
    """With a directory, a handler that has asked nothing yet knows what another one has found."""
    backend.default = answer(500)
    second.default = good(mode)
    first = handler_of(mode, backend, second, cache=tmp_path, request_timeout=20_000)
    failed = time.monotonic()
    ask(first, mode)
    assert len(backend.requests) == 1
    for _ in range(2):
        later = handler_of(mode, backend, second, cache=tmp_path, request_timeout=20_000)
        reply = ask(later, mode)
        # A machine that is too busy to start a handler within a second sees an attempt.
        is_due = time.monotonic() - failed > outage.RETRY_SEC
        assert (reply, later.log_lines(1)[0][-4:]) == (FOUND[mode], " ms)") or is_due
    before = len(backend.requests)
    assert before == 1 or is_due
    (record,) = (tmp_path / "1" / "backends").iterdir()
    backend.default = good(mode)
    began = time.monotonic()
    while record.exists():
        assert ask(first, mode) == FOUND[mode]
        assert time.monotonic() < began + 15
    assert len(backend.requests) == before + 1, "one request has found that it is back"
    assert ask(later, mode) == FOUND[mode]
    assert len(backend.requests) == before + 2


def most_attempts(seconds: float) -> int:
    """How many attempts there can be in so many seconds: the shortest pauses are 1, 1, 2, 4 ..."""
    due, pause, count = 1.0, 1.0, 0
    while due <= seconds:
        due, pause, count = due + pause, min(2 * pause, 15.0), count + 1
    return count


def test_many_handlers_and_few_attempts(tmp_path, handler_of, backend, second):
    """However many handlers there are, a target that is down is asked once in a while."""
    backend.default, second.default = answer(500), good(TCP)
    handlers = [
        handler_of(TCP, backend, second, cache=tmp_path, request_timeout=20_000) for _ in range(8)
    ]
    began = time.monotonic()
    end, rounds = began + 15, 0
    while time.monotonic() < end:
        for handler in handlers:
            handler.send(REQUEST[TCP])
        assert [handler.read_reply(TCP) for handler in handlers] == [FOUND[TCP]] * 8
        rounds += 1
        if rounds == 1:  # they are started now, which takes a while on a busy machine
            end = time.monotonic() + 3.5
    attempts = len(backend.requests) - sum(" asked" in h.log_lines(1)[0] for h in handlers)
    assert 1 <= attempts <= most_attempts(time.monotonic() - began)
    assert len(second.requests) == 8 * rounds


def test_a_directory_that_cannot_be_used(tmp_path, handler_of, backend, second):
    """Each handler remembers for itself, the operator is told once, and nothing fails."""
    (tmp_path / "file").write_bytes(b"")
    backend.default = answer(500)
    second.default = good(TCP)
    handler = handler_of(TCP, backend, second, cache=tmp_path / "file", request_timeout=20_000)
    began = time.monotonic()
    assert [ask(handler, TCP) for _ in range(3)] == [FOUND[TCP]] * 3
    assert 1 <= len(backend.requests) <= 1 + most_attempts(time.monotonic() - began)
    assert len(second.requests) == 3
    handler.finish()
    assert handler.log.count("Not a directory") == 1


def test_hibernation_with_a_directory(tmp_path, handler_of, backend, second):
    """A handler that wakes up knows what was found before, by itself or by others."""
    backend.default = second.default = good(TCP)
    handler = handler_of(
        TCP, backend, second, cache=tmp_path, hibernate_after=1, request_timeout=20_000
    )
    assert ask(handler, TCP) == FOUND[TCP]
    backend.wait_for_end_of(0)
    known = outages.Outages(str(tmp_path))
    known.failed(backend.url())
    (record,) = (tmp_path / "1" / "backends").iterdir()
    down = outage.Outage(time.time(), clock.now(), 30.0, 30.0)  # for longer than the test lasts
    record.write_bytes(down.packed(known._key_of(backend.url())[1]))
    assert ask(handler, TCP) == FOUND[TCP]
    second.wait_for_end_of(0)
    assert ask(handler, TCP) == FOUND[TCP]
    assert (len(backend.requests), len(second.requests)) == (1, 2)
    assert handler.finish().status == 0


@pytest.mark.parametrize("mode", MODES)
def test_hibernation(handler_of, backend, second, mode):
    """An idle handler closes all its connections, and after that asks as before."""
    backend.script(good(mode), reset)
    second.default = good(mode)
    handler = handler_of(mode, backend, second, hibernate_after=1, request_timeout=20_000)
    assert ask(handler, mode) == FOUND[mode]
    backend.wait_for_end_of(0)
    ask(handler, mode)  # the first target resets the new connection
    if mode == POLICY:
        assert ask(handler, mode) == FOUND[mode]
    second.wait_for_end_of(0)
    backend.default = good(mode)
    assert ask(handler, mode) == FOUND[mode]
    assert len(backend.requests) == 3, "without a directory, nothing is remembered any more"
    assert handler.finish().status == 0


@pytest.mark.parametrize("mode", [TCP, POLICY])
def test_the_list_changes(tmp_path, handler_of, backend, second, mode):
    """A new list is in force from the next request on, also on an open connection."""
    backend.default = second.default = good(mode)
    handler = handler_of(mode, backend, second, request_timeout=20_000)
    assert ask(handler, mode) == FOUND[mode]
    for targets in ([second.url(), backend.url()], second.url(), [second.url()], backend.url()):
        before = len(backend.requests), len(second.requests)
        write_config(tmp_path, endpoint(mode, targets))
        assert ask(handler, mode) == FOUND[mode]
        is_second = backend.url() != targets
        asked = len(backend.requests), len(second.requests)
        assert asked == (before[0] + (not is_second), before[1] + is_second)
    assert handler.finish().status == 0


def test_a_list_that_cannot_be_used(tmp_path, handler_of, backend, second):
    """One wrong URL makes all of it unusable; a handler goes on with what it had, and tells why."""
    backend.default = good(TCP)
    handler = handler_of(TCP, backend, second, request_timeout=20_000)
    assert ask(handler, TCP) == FOUND[TCP]
    write_config(tmp_path, endpoint(TCP, [second.url(), "ftp://s3cret@b.example/"]))
    until = time.monotonic() + 15
    while "$.endpoints[0].target[1]" not in handler.log:
        assert ask(handler, TCP) == FOUND[TCP]
        assert time.monotonic() < until
    assert second.connections == []
    assert "s3cret" not in handler.log


def test_a_list_of_one(handler_of, backend):
    """It is what a single URL is: the same words, and no field of the journal more."""
    handler = handler_of(TCP, backend, request_timeout=20_000)
    backend.script(hang_up, good(TCP))
    assert [ask(handler, TCP), ask(handler, TCP)] == [UNREACHABLE[TCP], FOUND[TCP]]
    assert "http://" not in handler.log_lines(2)[0]


def test_secrets(handler_of):
    """User information, paths and queries are not in any line, whatever fails."""
    with ScriptedBackend(default=answer(500)) as one, ScriptedBackend(default=hang_up) as other:
        urls = [
            one.url("/s3cret?s3cret=1", "s3cret:s3cret@"),
            other.url("/s3cret?s3cret=2", "s3cret:s3cret@"),
        ]
        handler = handler_of(TCP, *urls, *[url + "x" for url in urls], request_timeout=20_000)
        assert ask(handler, TCP) == UNREACHABLE[TCP]
        (line,) = handler.log_lines(1)
    assert "s3cret" not in line
    assert f"http://{one.authority} [0]: status 500; then http://{other.authority} [1]: " in line
    assert json.dumps(line).isprintable()
