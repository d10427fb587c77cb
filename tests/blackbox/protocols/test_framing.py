# SPDX-License-Identifier: MIT
"""How requests may arrive, and what happens to those that are none.

Requests may come in any pieces and several at once; replies keep their order. A violation closes
the connection, after the reply where the protocol has one; that reply must arrive although more
bytes were sent behind the violation (unread input would turn the close into a reset and destroy
it). The limits are tested at their last allowed value and one above.
"""

from __future__ import annotations

import os
import re
import socket
import subprocess

import pytest
from blackbox.support import TCP_BROKEN, netstring, perm_broken

from harness.handler_process import accepted, endpoint, pipes, socket_pair, write_config
from harness.modes import FOUND, FOUND_BODY, LOOKUPS, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import answer

# -- pieces


@pytest.mark.parametrize("mode", MODES)
def test_byte_by_byte(handler_for, backend, mode):
    """A request that arrives one byte at a time is a request."""
    backend.script(*[answer(200, FOUND_BODY[mode])] * 2)
    handler = handler_for(mode)
    for octet in REQUEST[mode] * 2:
        handler.send(bytes([octet]))
    assert handler.finish()[:2] == (FOUND[mode] * 2, 0)


def test_a_piece_at_a_time_with_nothing_in_between(handler_for, backend):
    """Half a request makes the handler wait, not answer and not ask the backend."""
    backend.script(answer(200, b'["value"]'))
    handler = handler_for(TCP)
    handler.send(b"get k")
    assert not handler.pending(0.4)
    assert backend.connections == []
    handler.send(b"ey\n")
    assert handler.read_reply(TCP) == b"200 value\n"


SEVERAL = {
    TCP: (
        b"get a\nget b\nget c\n",
        [b"key=a", b"key=b", b"key=c"],
        [b'["1"]', b"[]", b'["3"]'],
        b"200 1\n500 key%20not%20found\n200 3\n",
    ),
    SOCKETMAP: (
        b"3:m a,3:m b,3:m c,",
        [b"name=m&key=a", b"name=m&key=b", b"name=m&key=c"],
        [b'["1"]', b"[]", b'["3"]'],
        b"4:OK 1,9:NOTFOUND ,4:OK 3,",
    ),
    POLICY: (
        b"n=a\n\nn=b\n\nn=c\n\n",
        [b"n=a", b"n=b", b"n=c"],
        [b"DUNNO", b"REJECT", b"OK"],
        b"action=DUNNO\n\naction=REJECT\n\naction=OK\n\n",
    ),
}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("extra", [0, 4], ids=["whole", "with half of the next"])
def test_several_requests_in_one_segment(handler_for, backend, mode, extra):
    """Requests that come together are asked one after the other and answered in order."""
    requests, queries, bodies, replies = SEVERAL[mode]
    backend.script(*[answer(200, body) for body in bodies], answer(200, bodies[0]))
    handler = handler_for(mode)
    first_again = REQUEST[mode]
    handler.send(requests + first_again[:extra])
    handler.send(first_again[extra:])
    output, status, _ = handler.finish()
    assert status == 0
    assert output.startswith(replies)
    asked = [r.body if mode == POLICY else r.target.partition(b"?")[2] for r in backend.requests]
    assert asked[:3] == queries
    assert len(asked) == 4


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("kind", ["socket", "pipes", "tcp"])
def test_half_close_after_the_request(tmp_path, backend, launch, mode, kind):
    """A client that has said all it wants to say still gets its answers."""
    backend.script(*[answer(200, FOUND_BODY[mode])] * 2)
    config = write_config(tmp_path, endpoint(mode, backend.url()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        ends = {"socket": lambda: None, "pipes": pipes, "tcp": lambda: accepted(listener)}[kind]()
        handler = launch("--config", config, "--endpoint", mode, ends=ends)
    handler.send(REQUEST[mode] * 2)
    assert handler.finish()[:2] == (FOUND[mode] * 2, 0)


@pytest.mark.parametrize("kind", [socket_pair, pipes])
def test_a_connection_that_was_left_in_non_blocking_mode(tmp_path, backend, launch, kind):
    """Some servers hand over their sockets as they used them: a read still waits."""
    backend.script(answer(200, b'["value"]'))
    config = write_config(tmp_path, endpoint(TCP, backend.url()))
    ends = kind()
    os.set_blocking(ends.stdin, False)
    os.set_blocking(ends.stdout, False)
    handler = launch("--config", config, "--endpoint", TCP, ends=ends)
    assert not handler.pending(0.3)
    handler.send(REQUEST[TCP])
    assert handler.finish()[:2] == (FOUND[TCP], 0)


@pytest.mark.parametrize("mode", MODES)
def test_end_of_file_at_once(handler_for, backend, mode):
    """A connection without a request is nothing: no reply, no log line, exit status 0."""
    assert handler_for(mode).finish() == (b"", 0, "")
    assert backend.connections == []


# -- broken requests

TCP_BROKEN_REQUESTS = [
    ("another command", b"put key value\n"),
    ("a command in capitals", b"GET key\n"),
    ("no command", b"\n"),
    ("a command without its space", b"get\n"),
    ("a command that only begins like get", b"gets key\n"),
    ("a carriage return before the newline", b"get key\r\n"),
    ("a raw space", b"get a key\n"),
    ("a trailing space", b"get key \n"),
    ("a raw tab", b"get a\tkey\n"),
    ("a raw control character", b"get a\x01key\n"),
    ("DEL", b"get a\x7fkey\n"),
    ("a raw NUL", b"get a\0key\n"),
    ("raw UTF-8", "get kéy\n".encode()),
    ("a raw 8-bit byte", b"get k\xe9y\n"),
    ("% and no digit", b"get %\n"),
    ("% and one digit", b"get %4\n"),
    ("% and letters that are no digits", b"get %zz\n"),
    ("% and a digit and no digit", b"get %4g\n"),
    ("% and a sign and a digit", b"get %+1\n"),
    ("% and a space in place of a digit", b"get %%201\n"),
    ("an encoded NUL", b"get a%00b\n"),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
    ("a netstring", b"7:map key,"),
]


def _prove_closed(handler, expected: bytes) -> None:
    """The connection ends behind EXPECTED although the client does not close, with status 0."""
    output, status, _ = handler.result()
    assert (output, status) == (expected, 0)


@pytest.mark.parametrize(
    "request_bytes", [c[1] for c in TCP_BROKEN_REQUESTS], ids=[c[0] for c in TCP_BROKEN_REQUESTS]
)
def test_broken_tcp_requests(handler_for, backend, request_bytes):
    """What Postfix never sends is answered with one error, and nobody asks the backend."""
    handler = handler_for(TCP)
    handler.send(request_bytes)
    _prove_closed(handler, TCP_BROKEN)
    assert backend.connections == []


ANY_REASON = None
SOCKETMAP_BROKEN_REQUESTS = [
    ("another protocol", b"get key\n", "Expected a digit, but got: g"),
    ("no length", b":map key,", "Expected a digit, but got: :"),
    ("a negative length", b"-1:,", "Expected a digit, but got: -"),
    ("a sign", b"+7:map key,", "Expected a digit, but got: +"),
    ("a letter in the length", b"7x:map key,", "Expected a digit, but got: x"),
    ("hexadecimal", b"0x7:map key,", ANY_REASON),
    ("a leading zero", b"07:map key,", ANY_REASON),
    ("only zeros", b"00:,", ANY_REASON),
    ("a wrong end", b"7:map keyX", "Expected comma, but got: X"),
    ("a length that is too short", b"6:map key,", "Expected comma, but got: y"),
    ("a zero length, whose comma is its end", b"0:,", "invalid request format"),
    ("a zero length without its comma", b"0:X", "Expected comma, but got: X"),
    ("no space", b"6:mapkey,", "invalid request format"),
    ("a NUL in the key", b"7:map k\0y,", ANY_REASON),
    ("a NUL in the name", b"7:m\0p key,", ANY_REASON),
    ("a huge length", b"99999999999999999999:", ANY_REASON),
    ("a length of digits without end", b"1" * 200, ANY_REASON),
]


@pytest.mark.parametrize(
    "request_bytes, reason",
    [c[1:] for c in SOCKETMAP_BROKEN_REQUESTS],
    ids=[c[0] for c in SOCKETMAP_BROKEN_REQUESTS],
)
def test_broken_socketmap_requests(handler_for, backend, request_bytes, reason):
    """The reply names what is wrong; then the connection closes, as the framing is lost."""
    handler = handler_for(SOCKETMAP)
    handler.send(request_bytes)
    if reason is not None:
        _prove_closed(handler, perm_broken(reason))
    else:
        _is_one_perm(handler.result())
    assert backend.connections == []


def _is_one_perm(finished) -> None:
    match = re.fullmatch(rb"(\d+):(PERM Broken request! \([ -~]+\)),", finished.output)
    assert match, finished
    assert int(match[1]) == len(match[2])
    assert finished.status == 0


POLICY_BROKEN_REQUESTS = [
    ("a line without =", b"request=smtpd_access_policy\nsender\n\n"),
    ("an empty name", b"request=smtpd_access_policy\n=x\n\n"),
    ("a NUL in a value", b"sender=a\0b\n\n"),
    ("a NUL in a name", b"sen\0der=a\n\n"),
    ("an empty request", b"\n"),
    ("CR LF at the end, as a telnet client sends it", b"sender=a\r\n\r\n"),
    ("HTTP", b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"),
]


@pytest.mark.parametrize(
    "request_bytes",
    [c[1] for c in POLICY_BROKEN_REQUESTS],
    ids=[c[0] for c in POLICY_BROKEN_REQUESTS],
)
def test_broken_policy_requests(handler_for, backend, request_bytes):
    """A broken policy request is answered with a close, so Postfix applies its own default."""
    handler = handler_for(POLICY)
    handler.send(request_bytes)
    _prove_closed(handler, b"")
    assert backend.connections == []


@pytest.mark.parametrize("mode", MODES)
def test_end_of_file_inside_a_request(handler_for, backend, mode):
    """A request that ends too early is broken; what came of it is not looked up."""
    handler = handler_for(mode)
    handler.send(REQUEST[mode][:-1])
    finished = handler.finish()
    if mode == SOCKETMAP:
        _is_one_perm(finished)
    else:
        assert finished[:2] == ({TCP: TCP_BROKEN, POLICY: b""}[mode], 0)
    assert backend.connections == []


VIOLATION = {TCP: b"get %\n", SOCKETMAP: b"7:map keyX", POLICY: b"no equals sign\n"}
VIOLATION_REPLY = {
    TCP: TCP_BROKEN,
    SOCKETMAP: perm_broken("Expected comma, but got: X"),
    POLICY: b"",
}


@pytest.mark.parametrize("mode", MODES)
def test_good_requests_before_a_broken_one(handler_for, backend, mode):
    """What was asked before the violation is answered before it; what comes behind it is not."""
    backend.script(answer(200, FOUND_BODY[mode]))
    handler = handler_for(mode)
    handler.send(REQUEST[mode] + VIOLATION[mode] + REQUEST[mode])
    assert handler.result()[:2] == (FOUND[mode] + VIOLATION_REPLY[mode], 0)
    assert len(backend.requests) == 1


@pytest.mark.parametrize("mode", LOOKUPS)
@pytest.mark.parametrize("more", [1, 1_000_000], ids=["one more byte", "1 MB more"])
def test_the_reply_to_a_violation_survives_what_follows(tmp_path, launch, backend, mode, more):
    """Over TCP the reply arrives, followed by an orderly end, although input was left unread."""
    config = write_config(tmp_path, endpoint(mode, backend.url()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        handler = launch("--config", config, "--endpoint", mode, ends=accepted(listener))
    handler.send(VIOLATION[mode] + b"x" * more)
    received = b""
    while data := handler.client.receive():  # a reset would raise here
        received += data
    assert received == VIOLATION_REPLY[mode]
    handler.client.close()
    assert handler.wait() == 0


def test_a_client_that_goes_on_sending_after_a_violation(tmp_path, launch, backend):
    """Input behind the reply is read and thrown away: an early close would reset the connection."""
    config = write_config(tmp_path, endpoint(TCP, backend.url()))
    with socket.create_server(("127.0.0.1", 0)) as listener:
        handler = launch("--config", config, "--endpoint", TCP, ends=accepted(listener))
    handler.send(VIOLATION[TCP])
    assert handler.read_to_end() == TCP_BROKEN
    for _ in range(2):
        handler.send(b"x" * 1000)
        with pytest.raises(subprocess.TimeoutExpired):
            handler.process.wait(0.3)
    handler.client.close()
    assert handler.wait() == 0


@pytest.mark.parametrize("mode", MODES)
def test_a_client_that_stays_after_a_violation(handler_for, mode):
    """The handler does not wait for ever for a client that ignores the end of the connection."""
    handler = handler_for(mode)
    handler.send(VIOLATION[mode])
    assert handler.read_to_end() == VIOLATION_REPLY[mode]
    assert handler.wait() == 0


# -- limits

TCP_LIMIT = 320 * 1024  # the line with its newline
SOCKETMAP_LIMIT = 110_000  # the payload
POLICY_LIMIT = 512 * 1024  # every line with its newline
ATTRIBUTE_LIMIT = 1000


def _policy_of_size(size: int) -> bytes:
    return b"n=" + b"x" * (size - len(b"n=\n\n")) + b"\n\n"


AT_THE_LIMIT = [
    ("tcp", TCP, b"get " + b"k" * (TCP_LIMIT - 5) + b"\n"),
    ("socketmap", SOCKETMAP, netstring(b"m " + b"k" * (SOCKETMAP_LIMIT - 2))),
    ("policy bytes", POLICY, _policy_of_size(POLICY_LIMIT)),
    ("policy attributes", POLICY, b"n=v\n" * ATTRIBUTE_LIMIT + b"\n"),
]


@pytest.mark.parametrize(
    "mode, request_bytes", [c[1:] for c in AT_THE_LIMIT], ids=[c[0] for c in AT_THE_LIMIT]
)
def test_the_largest_requests(handler_for, backend, mode, request_bytes):
    """A request of the largest size is a request like any other."""
    backend.script(*[answer(200, FOUND_BODY[mode])] * 2)
    handler = handler_for(mode)
    assert handler.ask(mode, request_bytes) == FOUND[mode]
    assert handler.ask(mode, REQUEST[mode]) == FOUND[mode]
    asked = backend.requests[0]
    length = len(asked.body if mode == POLICY else asked.target)
    assert length > (3000 if b"n=v" in request_bytes else len(request_bytes) - 10)


OVER_THE_LIMIT = [
    ("tcp, the whole line", TCP, b"get " + b"k" * (TCP_LIMIT - 4) + b"\n"),
    ("tcp, no newline yet", TCP, b"get " + b"k" * (TCP_LIMIT - 4)),
    ("socketmap, the length alone", SOCKETMAP, b"110001:"),
    ("policy bytes, whole", POLICY, _policy_of_size(POLICY_LIMIT + 1)),
    ("policy bytes, no newline yet", POLICY, b"n=" + b"x" * (POLICY_LIMIT - 2)),
    ("policy bytes in many lines", POLICY, (b"n=" + b"x" * 997 + b"\n") * 525),
    ("policy attributes", POLICY, b"n=v\n" * (ATTRIBUTE_LIMIT + 1)),
]


@pytest.mark.parametrize(
    "mode, request_bytes", [c[1:] for c in OVER_THE_LIMIT], ids=[c[0] for c in OVER_THE_LIMIT]
)
def test_requests_over_the_limit(handler_for, backend, mode, request_bytes):
    """One byte or one attribute more is a broken request, at once: nothing piles up in memory."""
    handler = handler_for(mode)
    handler.send(request_bytes)
    finished = handler.result()
    if mode == SOCKETMAP:
        _is_one_perm(finished)
    else:
        assert finished[:2] == ({TCP: TCP_BROKEN, POLICY: b""}[mode], 0)
    assert backend.connections == []
