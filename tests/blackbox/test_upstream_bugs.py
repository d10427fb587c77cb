# SPDX-License-Identifier: MIT
"""What postfix-rest-connector does wrong, and this project must not.

One short test for each bug that was found in it (versions 1.1.0 to 3.x); each docstring states the
behaviour that must not occur. Other modules have the tables around these cases.
"""

from __future__ import annotations

import json
import threading

import pytest
from blackbox.support import (
    INVALID,
    TCP_BROKEN,
    UNREACHABLE,
    netstring,
    perm_broken,
    policy_reply,
    server_error,
    temporary_user_error,
    unspecified,
)

from harness.modes import FOUND, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import (
    ScriptedBackend,
    answer,
    endless,
    hang_up,
    response,
    send_and_close,
    when,
)

KILLERS = [
    ("a bad escape in a key", TCP, b"get %zz\n", TCP_BROKEN),
    ("a second bad byte", SOCKETMAP, b"xx", perm_broken("Expected a digit, but got: x")),
]


@pytest.mark.parametrize(
    "mode, request_bytes, expected", [k[1:] for k in KILLERS], ids=[k[0] for k in KILLERS]
)
def test_1_an_input_ends_the_service(handler_for, backend, mode, request_bytes, expected):
    """Bug 1: postfix-rest-connector dies of a bad escape, or of a second bad byte.

    Afterwards its ports are still open and nobody answers. Here the client that did it gets its
    error, and the next one its answer.
    """
    backend.script(answer(200, b'["value"]'))
    offender = handler_for(mode)
    offender.send(request_bytes)
    assert offender.result()[:2] == (expected, 0)
    assert handler_for(mode).ask(mode, REQUEST[mode]) == FOUND[mode]


def test_1_a_failing_backend_ends_the_service(handler_for, backend):
    """Bug 1: postfix-rest-connector dies after about six policy requests to a failing backend."""
    backend.script(*[hang_up] * 20, answer(200, b"DUNNO"))
    handler = handler_for(POLICY)
    for _ in range(20):
        assert handler.ask(POLICY, REQUEST[POLICY]) == UNREACHABLE[POLICY]
    assert handler.ask(POLICY, REQUEST[POLICY]) == FOUND[POLICY]


@pytest.mark.parametrize("body", [b"REJECT no\n\naction=OK", b"REJECT no\naction=OK", b"", b"200"])
def test_2_the_text_of_an_action_is_not_looked_at(lanes, body):
    """Bug 2: postfix-rest-connector passes any body on as the action.

    A newline splits the reply in two, an empty body and one of digits accept the mail.
    """
    assert lanes.get(POLICY).ask(answer(200, body)) == INVALID[POLICY]


@pytest.mark.parametrize("status", [101, 201, 204, 301, 304])
def test_3_a_policy_request_is_not_answered(lanes, status):
    """Bug 3: postfix-rest-connector leaves Postfix hanging on 1xx, 2xx other than 200, and 3xx."""
    step = send_and_close(b"HTTP/1.1 %d Whatever\r\n\r\n" % status)
    assert lanes.get(POLICY).ask(step) == unspecified(status)[POLICY]


@pytest.mark.parametrize("mode", [TCP, SOCKETMAP])
@pytest.mark.parametrize("body", [b"null", b"[null]"])
def test_4_null_is_not_answered(lanes, mode, body):
    """Bug 4: postfix-rest-connector never answers when the backend says null."""
    assert lanes.get(mode).ask(answer(200, body)) == INVALID[mode]


def test_5_values_are_not_utf_8(lanes):
    """Bug 5: postfix-rest-connector turns non-ASCII values into `?` or ISO-8859-1.

    It also counts the characters of a netstring in place of its bytes.
    """
    step = answer(200, '["grüße"]'.encode())
    assert lanes.get(TCP).ask(step) == b"200 gr%C3%BC%C3%9Fe\n"
    assert lanes.get(SOCKETMAP).ask(step) == b"10:OK gr\xc3\xbc\xc3\x9fe,"


def test_6_keys_and_values_are_changed(lanes):
    """Bug 6: postfix-rest-connector changes keys and values on their way.

    A `+` becomes a space, UTF-8 is destroyed, `%` in a tcp reply is not encoded, socketmap keys are
    percent-decoded or encoded twice, and values are joined with the word "null".
    """
    tcp, socketmap = lanes.get(TCP), lanes.get(SOCKETMAP)
    tcp.ask(answer(404), request=b"get a+b%C3%BC\n")
    assert tcp.backend.requests[-1].target == b"/lookup?key=a%2Bb%C3%BC"
    assert tcp.ask(answer(200, b'["100%"]')) == b"200 100%25\n"
    socketmap.ask(answer(404), request=netstring(b"map a%40b+c"))
    assert socketmap.backend.requests[-1].target == b"/lookup?name=map&key=a%2540b%2Bc"
    assert tcp.ask(answer(200, b'["a","b"]')) == b"200 a,b\n"


def test_7_an_empty_netstring_shifts_the_stream(handler_for, backend):
    """Bug 7: postfix-rest-connector reads `0:` and takes the comma for the next length."""
    backend.script(answer(200, b'["value"]'))
    handler = handler_for(SOCKETMAP)
    handler.send(REQUEST[SOCKETMAP] + b"0:," + REQUEST[SOCKETMAP])
    expected = FOUND[SOCKETMAP] + perm_broken("invalid request format")
    assert handler.result()[:2] == (expected, 0)


UNBOUNDED = [
    ("a line", TCP, b"get " + b"x" * 400_000),
    ("a netstring", SOCKETMAP, b"999999999:m "),
    ("attributes", POLICY, b"n=v\n" * 1001),
]


@pytest.mark.parametrize(
    "mode, request_bytes", [u[1:] for u in UNBOUNDED], ids=[u[0] for u in UNBOUNDED]
)
def test_8_requests_have_no_limit(handler_for, mode, request_bytes):
    """Bug 8: postfix-rest-connector collects a line, netstring or attributes without end."""
    handler = handler_for(mode)
    handler.send(request_bytes)
    assert handler.result().status == 0


def test_8_responses_have_no_limit(lanes):
    """Bug 8: postfix-rest-connector collects a response without end."""
    step = endless(b"HTTP/1.1 200 OK\r\n\r\n", b" " * 65536)
    assert lanes.get(TCP).ask(step) == INVALID[TCP]


def test_9_replies_overtake_each_other(handler_for, backend):
    """Bug 9: postfix-rest-connector asks for all requests at once and replies as answers come."""
    go_on = threading.Event()
    backend.script(when(go_on, answer(200, b'["slow"]')), answer(200, b'["fast"]'))
    handler = handler_for(TCP)
    handler.send(b"get slow\nget fast\n")
    backend.wait_for_requests(1)
    assert not handler.pending(0.3)
    go_on.set()
    assert handler.finish().output == b"200 slow\n200 fast\n"


@pytest.mark.parametrize("mode", MODES)
def test_9_a_half_closed_client_is_not_answered(handler_for, backend, mode):
    """Bug 9: postfix-rest-connector forgets a request whose sender half-closes."""
    backend.script(answer(200, b"DUNNO" if mode == POLICY else b'["value"]'))
    handler = handler_for(mode)
    handler.send(REQUEST[mode])
    assert handler.finish()[:2] == (FOUND[mode], 0)


@pytest.mark.parametrize("length, fits", [(10_001, True), (99_997, True), (99_998, False)])
def test_10_a_long_value_drops_the_connection(handler_for, backend, length, fits):
    """Bug 10: postfix-rest-connector drops the connection over 10 000 bytes of a socketmap reply.

    Postfix would have taken 100 000; it asks again, and so does the connector.
    """
    value = b"x" * length
    backend.script(answer(200, json.dumps([value.decode()]).encode()), answer(404))
    handler = handler_for(SOCKETMAP)
    expected = netstring(b"OK " + value) if fits else INVALID[SOCKETMAP]
    assert handler.ask(SOCKETMAP, REQUEST[SOCKETMAP]) == expected
    assert len(backend.requests) == 1
    assert handler.ask(SOCKETMAP, REQUEST[SOCKETMAP]) == b"9:NOTFOUND ,"


def test_11_secrets_are_logged(handler_for, backend):
    """Bug 11: postfix-rest-connector logs each header, X-Auth-Token included, and each address."""
    backend.script(answer(200, b'["value"]'))
    handler = handler_for(TCP, auth_token="the-token", log_keys=False)
    handler.send(b"get somebody@example.org\n")
    log = handler.finish().log
    assert "found" in log
    for secret in ("the-token", "somebody", "value"):
        assert secret not in log


def test_11_the_token_goes_to_a_foreign_host(handler_for, backend):
    """Bug 11: postfix-rest-connector follows a redirect, with its token, to whatever host."""
    with ScriptedBackend(default=answer(200, b'["stolen"]')) as foreign:
        backend.script(answer(301, b"", b"Location: " + foreign.url().encode()))
        assert handler_for(TCP).ask(TCP, REQUEST[TCP]) == unspecified(301)[TCP]
        assert foreign.connections == []


@pytest.mark.parametrize("mode", MODES)
def test_12_a_request_is_repeated_again_and_again(handler_for, backend, mode):
    """Bug 12: postfix-rest-connector tries six times when the connection dies, POSTs as well."""
    backend.script(hang_up)
    assert handler_for(mode).ask(mode, REQUEST[mode]) == UNREACHABLE[mode]
    assert len(backend.requests) == 1
    assert len(backend.connections) == 1


@pytest.mark.parametrize("status", [401, 403, 404, 408, 429])
def test_13_an_expired_token_bounces_all_mail(lanes, status):
    """Bug 13: postfix-rest-connector answers 554 to every 4xx, and nothing can be done about it.

    The default is the same here, by contract; `temporary-statuses` makes it temporary.
    """
    lane = lanes.get(POLICY, temporary_statuses=[401, 403, 404, 408, 429])
    assert lane.ask(answer(status)) == temporary_user_error(status)[POLICY]


def test_13_the_answer_to_a_failure_is_fixed(lanes):
    """Bug 13: postfix-rest-connector always defers mail when the backend fails.

    With `failure-action` the operator decides otherwise.
    """
    lane = lanes.get(POLICY, failure_action="DUNNO", temporary_statuses=[401])
    assert lane.ask(answer(401)) == policy_reply("DUNNO")
    assert lane.ask(send_and_close(response(500))) == policy_reply("DUNNO")
    assert lanes.get(POLICY).ask(answer(500)) == server_error(500)[POLICY]
