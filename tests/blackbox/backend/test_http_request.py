# SPDX-License-Identifier: MIT
"""The HTTP request as the backend receives it: request line, every header, body, byte by byte.

Headers are compared as a whole set, so that one too many is noticed too; their order and the case
of their names mean nothing in HTTP and are not compared.
"""

from __future__ import annotations

import base64
import re

import pytest
from blackbox.support import netstring

from harness.handler_process import endpoint, write_config
from harness.modes import FOUND, FOUND_BODY, MODES, POLICY, REQUEST, SOCKETMAP, TCP
from harness.scripted_backend import RecordedRequest, ScriptedBackend, answer

REQUEST_ID = re.compile(rb"[0-9a-f]{32}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def _headers_without_id(request: RecordedRequest) -> dict[bytes, bytes]:
    """All headers but the request id, whose form is checked here; none may occur twice."""
    headers = dict(request.headers)
    assert len(headers) == len(request.headers), request.headers
    assert REQUEST_ID.fullmatch(headers.pop(b"x-request-id"))
    return headers


def _common_headers(backend: ScriptedBackend) -> dict[bytes, bytes]:
    return {
        b"host": backend.authority.encode(),
        b"user-agent": b"Postfix REST Connector",
        b"x-auth-token": b"test-token",
        b"accept-encoding": b"identity",
    }


@pytest.mark.parametrize(
    "mode, line",
    [(TCP, b"GET /lookup?key=key HTTP/1.1"), (SOCKETMAP, b"GET /lookup?name=map&key=key HTTP/1.1")],
)
def test_lookup(handler_for, backend, mode, line):
    """A lookup is a GET with the key (and the map's name first) in the query, without a body."""
    backend.script(answer(200, b'["value"]'))
    assert handler_for(mode).ask(mode, REQUEST[mode]) == FOUND[mode]
    (request,) = backend.requests
    assert request.line == line
    assert request.body == b""
    expected = {**_common_headers(backend), b"accept": b"application/json"}
    assert _headers_without_id(request) == expected


@pytest.mark.parametrize("method", [None, "POST", "GET"])
def test_policy(handler_for, backend, method):
    """A policy request is a form in the body, by POST, or by GET where the config says so."""
    keys = {} if method is None else {"method": method}
    backend.script(answer(200, b"DUNNO"))
    handler = handler_for(POLICY, **keys)
    assert handler.ask(POLICY, REQUEST[POLICY]) == FOUND[POLICY]
    (request,) = backend.requests
    body = b"request=smtpd_access_policy&protocol_state=RCPT&sender=a%40example.org"
    assert request.line == f"{method or 'POST'} /lookup HTTP/1.1".encode()
    assert request.body == body
    assert _headers_without_id(request) == {
        **_common_headers(backend),
        b"accept": b"text/plain",
        b"content-type": b"application/x-www-form-urlencoded",
        b"content-length": b"%d" % len(body),
    }


# what is to be encoded, its form in a tcp request, in a query or form
ENCODINGS = [
    ("nothing special", b"user@example.org", b"user@example.org", b"user%40example.org"),
    ("unreserved characters stay", b"aZ09_.-~", b"aZ09_.-~", b"aZ09_.-~"),
    ("a plus is not a space", b"a+b", b"a+b", b"a%2Bb"),
    ("a space is %20, not +", b"a b", b"a%20b", b"a%20b"),
    ("a percent sign", b"a%b", b"a%25b", b"a%25b"),
    ("what looks encoded is encoded once more", b"a%20b", b"a%2520b", b"a%2520b"),
    ("the separators of a query", b"a&b=c;d?e#f", b"a&b=c;d?e#f", b"a%26b%3Dc%3Bd%3Fe%23f"),
    ("a slash and a backslash", b"a/b\\c", b"a/b\\c", b"a%2Fb%5Cc"),
    ("quotes and brackets", b"\"'<>[]{}", b"\"'<>[]{}", b"%22%27%3C%3E%5B%5D%7B%7D"),
    ("other ASCII", b"!$()*,:^`|", b"!$()*,:^`|", b"%21%24%28%29%2A%2C%3A%5E%60%7C"),
    ("UTF-8", "grüße".encode(), b"gr%C3%BC%C3%9Fe", b"gr%C3%BC%C3%9Fe"),
    ("beyond the BMP", "😀".encode(), b"%f0%9f%98%80", b"%F0%9F%98%80"),
    ("no UTF-8, byte by byte", b"k\xe9y\xff\x80", b"k%E9y%ff%80", b"k%E9y%FF%80"),
    ("controls but NUL", b"\x01\x1f\x7f", b"%01%1F%7f", b"%01%1F%7F"),
    ("tab and carriage return", b"a\tb\r", b"a%09b%0D", b"a%09b%0D"),
    ("an empty key", b"", b"", b""),
]


@pytest.mark.parametrize(
    "raw, in_tcp, in_query", [c[1:] for c in ENCODINGS], ids=[c[0] for c in ENCODINGS]
)
def test_encoding(lanes, raw, in_tcp, in_query):
    """Keys and attributes reach the backend as the very bytes Postfix has."""
    tcp = lanes.get(TCP)
    assert tcp.ask(answer(200, b'["value"]'), request=b"get %s\n" % in_tcp) == FOUND[TCP]
    assert tcp.backend.requests[-1].target == b"/lookup?key=" + in_query
    socketmap = lanes.get(SOCKETMAP)
    request = netstring(b"m " + raw)
    assert socketmap.ask(answer(200, b'["value"]'), request=request) == FOUND[SOCKETMAP]
    assert socketmap.backend.requests[-1].target == b"/lookup?name=m&key=" + in_query
    policy = lanes.get(POLICY)
    request = b"sender=%s\nx=y\n\n" % raw
    assert policy.ask(answer(200, b"DUNNO"), request=request) == FOUND[POLICY]
    assert policy.backend.requests[-1].body == b"sender=" + in_query + b"&x=y"


def test_a_newline_in_a_key(lanes):
    """A tcp key may hold an encoded newline, a socketmap key a raw one."""
    tcp, socketmap = lanes.get(TCP), lanes.get(SOCKETMAP)
    tcp.ask(answer(404), request=b"get a%0Ab\n")
    assert tcp.backend.requests[-1].target == b"/lookup?key=a%0Ab"
    socketmap.ask(answer(404), request=netstring(b"m a\nb"))
    assert socketmap.backend.requests[-1].target == b"/lookup?name=m&key=a%0Ab"


SOCKETMAP_PARTS = [
    ("the name ends at the first space", b"map a b  c", b"name=map&key=a%20b%20%20c"),
    ("an empty key", b"map ", b"name=map&key="),
    ("an empty name", b" key", b"name=&key=key"),
    ("neither", b" ", b"name=&key="),
    ("a percent sign is no escape here", b"map a%40b", b"name=map&key=a%2540b"),
    ("special characters in the name", b"a+b&c%=\xff k", b"name=a%2Bb%26c%25%3D%FF&key=k"),
    ("something like a netstring inside", b"map 3:a,,", b"name=map&key=3%3Aa%2C%2C"),
]


@pytest.mark.parametrize(
    "payload, query", [c[1:] for c in SOCKETMAP_PARTS], ids=[c[0] for c in SOCKETMAP_PARTS]
)
def test_socketmap_parts(lanes, payload, query):
    """Everything behind the first space is the key, raw."""
    lane = lanes.get(SOCKETMAP)
    lane.ask(answer(404), request=netstring(payload))
    assert lane.backend.requests[-1].target == b"/lookup?" + query


POLICY_FORMS = [
    ("the order of the attributes", b"z=1\na=2\nm=3\n\n", b"z=1&a=2&m=3"),
    ("an attribute that occurs twice", b"a=1\nb=2\na=3\n\n", b"a=1&b=2&a=3"),
    ("the same pair twice", b"a=1\na=1\n\n", b"a=1&a=1"),
    ("empty values", b"a=\nb=\n\n", b"a=&b="),
    ("an equals sign in a value", b"a=b=c==\n\n", b"a=b%3Dc%3D%3D"),
    ("blanks around a value", b"a= b \n\n", b"a=%20b%20"),
    ("a carriage return in a value", b"a=b\r\n\n", b"a=b%0D"),
    ("unknown attributes", b"request=x\ntls_sni=mx.example\n\n", b"request=x&tls_sni=mx.example"),
    ("characters in a name", b"a+b&c=d\n\n", b"a%2Bb%26c=d"),
]


@pytest.mark.parametrize(
    "request_bytes, form", [c[1:] for c in POLICY_FORMS], ids=[c[0] for c in POLICY_FORMS]
)
def test_policy_form(lanes, request_bytes, form):
    """All attributes in order; nothing is dropped, merged or trimmed."""
    lane = lanes.get(POLICY)
    assert lane.ask(answer(200, b"DUNNO"), request=request_bytes) == FOUND[POLICY]
    assert lane.backend.requests[-1].body == form


TARGETS = [
    ("no path", "", b"/?key=key"),
    ("only a slash", "/", b"/?key=key"),
    ("a trailing slash", "/a/", b"/a/?key=key"),
    ("a query", "/a?tenant=4&x=%2B+", b"/a?tenant=4&x=%2B+&key=key"),
    ("an empty query", "/a?", b"/a?key=key"),
    ("escapes in the path stay", "/a%2Fb%20c", b"/a%2Fb%20c?key=key"),
    ("no normalisation of the path", "/a/../b/./c//d", b"/a/../b/./c//d?key=key"),
]


@pytest.mark.parametrize("path, expected", [c[1:] for c in TARGETS], ids=[c[0] for c in TARGETS])
def test_target(handler_for, backend, path, expected):
    """The key is appended to whatever query the target has; the rest stays as configured."""
    backend.script(answer(404))
    handler_for(TCP, target=backend.url(path)).ask(TCP, REQUEST[TCP])
    assert backend.requests[0].target == expected


def test_policy_target_with_a_query(handler_for, backend):
    """A policy request leaves the query of its target alone."""
    backend.script(answer(200, b"DUNNO"))
    handler_for(POLICY, target=backend.url("/p?tenant=4")).ask(POLICY, REQUEST[POLICY])
    assert backend.requests[0].target == b"/p?tenant=4"


USER_INFO = [
    ("user and password", "user:pass@", b"user:pass"),
    ("only a user", "user@", b"user:"),
    ("escapes are decoded", "us%40er:p%3Ass%25%C3%BC@", "us@er:p:ss%ü".encode()),
    ("an empty password", "user:@", b"user:"),
]


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "user_info, credentials", [c[1:] for c in USER_INFO], ids=[c[0] for c in USER_INFO]
)
def test_user_info(handler_for, backend, mode, user_info, credentials):
    """User information of the target is basic authentication, and stands nowhere else."""
    backend.script(answer(200, FOUND_BODY[mode]))
    handler_for(mode, target=backend.url(user_info=user_info)).ask(mode, REQUEST[mode])
    (request,) = backend.requests
    expected = b"Basic " + base64.b64encode(credentials)
    assert request.header(b"authorization") == expected
    assert request.header(b"host") == backend.authority.encode()
    assert b"user" not in request.raw.lower().replace(b"user-agent", b"")
    assert b"pass" not in request.raw


@pytest.mark.parametrize("mode", MODES)
def test_extra_headers(handler_for, backend, mode):
    """`headers` are sent as they stand, besides the others."""
    backend.script(answer(200, FOUND_BODY[mode]))
    extra = {"X-Tenant": "42", "Authorization": "Bearer abc", "X-Empty": ""}
    handler_for(mode, headers=extra).ask(mode, REQUEST[mode])
    headers = _headers_without_id(backend.requests[0])
    assert headers[b"x-tenant"] == b"42"
    assert headers[b"authorization"] == b"Bearer abc"
    assert headers[b"x-empty"] == b""
    assert _common_headers(backend).items() <= headers.items()


@pytest.mark.parametrize("name", ["Accept", "User-Agent", "accept"])
def test_extra_headers_replace_ours(handler_for, backend, name):
    """A header that the config sets too is sent once, with the value of the config."""
    backend.script(answer(404))
    handler_for(TCP, headers={name: "mine"}).ask(TCP, REQUEST[TCP])
    assert backend.requests[0].header(name.encode()) == b"mine"


def test_user_agent(tmp_path, backend, launch):
    """`user-agent` of the file is the User-Agent header."""
    backend.script(answer(404))
    config = write_config(tmp_path, endpoint(TCP, backend.url()), user_agent="Example/1.0 (x)")
    launch("--config", config, "--endpoint", TCP).ask(TCP, REQUEST[TCP])
    assert backend.requests[0].header(b"user-agent") == b"Example/1.0 (x)"


def test_request_ids_differ(handler_for, backend):
    """Each request has an id of its own."""
    backend.script(*[answer(404)] * 3)
    handler = handler_for(TCP)
    handler.send(b"get a\n" * 3)
    handler.finish()
    assert len({request.header(b"x-request-id") for request in backend.requests}) == 3


def test_ipv6_target(tmp_path, launch):
    """An IPv6 literal keeps its brackets in the Host header."""
    try:
        backend = ScriptedBackend(answer(200, b'["value"]'), address="::1")
    except OSError as error:
        pytest.skip(f"no IPv6 loopback here: {error}")
    with backend:
        config = write_config(tmp_path, endpoint(TCP, backend.url()))
        handler = launch("--config", config, "--endpoint", TCP)
        assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
        assert backend.requests[0].header(b"host") == b"[::1]:%d" % backend.port


def test_a_named_target(handler_for, backend):
    """A host name stands in the Host header as configured."""
    backend.script(answer(200, b'["value"]'))
    target = f"http://localhost:{backend.port}/lookup"
    assert handler_for(TCP, target=target).ask(TCP, REQUEST[TCP]) == FOUND[TCP]
    assert backend.requests[0].header(b"host") == b"localhost:%d" % backend.port


def test_proxies_in_the_environment_mean_nothing(handler_for, backend):
    """http_proxy and the like do not lead tokens to somebody else."""
    backend.script(answer(200, b'["value"]'))
    with ScriptedBackend() as proxy:
        env = {name: proxy.url("") for name in ("http_proxy", "HTTP_PROXY", "all_proxy")}
        handler = handler_for(TCP, launch_with={"env": env})
        assert handler.ask(TCP, REQUEST[TCP]) == FOUND[TCP]
        assert proxy.connections == []
