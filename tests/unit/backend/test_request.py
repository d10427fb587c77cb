# SPDX-License-Identifier: MIT
"""What of an HTTP request is computed before there is a connection."""

from __future__ import annotations

import pytest

from harness.endpoints import endpoint
from harness.modes import POLICY, SOCKETMAP, TCP
from harness.wire import table
from postfix_rest_inetd.backend import request

FORMS = {
    "in order": ([(b"b", b"2"), (b"a", b"1"), (b"b", b"2")], b"b=2&a=1&b=2"),
    "empty values": ([(b"a", b""), (b"b", b"")], b"a=&b="),
    "separators": ([(b"a", b"&=+%;")], b"a=%26%3D%2B%25%3B"),
    "a space": ([(b"a", b"b c")], b"a=b%20c"),
    "unreserved characters": ([(b"a", b"aZ09_.-~")], b"a=aZ09_.-~"),
    "nothing else is literal": ([(b"a", b"/@:!*'()")], b"a=%2F%40%3A%21%2A%27%28%29"),
    "octets": ([(b"a", b"\x01\x7f\x80\xff")], b"a=%01%7F%80%FF"),
    "names": ([(b"a&b", b"1")], b"a%26b=1"),
}


@pytest.mark.parametrize("attributes, form", table(FORMS))
def test_form(attributes, form):
    """Attributes are a form in which all but unreserved characters are %XX in upper case."""
    assert request.form_of(attributes) == form


def shared_headers(where, user_agent, token):
    """The header fields of all requests to the only target of an endpoint."""
    (target,) = where.targets.all()
    return request.shared_headers(where, target, user_agent, token)


@pytest.mark.parametrize("mode", [TCP, SOCKETMAP])
def test_headers_of_lookups(mode):
    """A lookup has the fields of the contract, in this order."""
    headers = shared_headers(endpoint(mode), "agent/1", b"token")
    assert list(headers.items()) == [
        ("Accept-Encoding", "identity"),
        ("Host", "127.0.0.1:8080"),
        ("User-Agent", "agent/1"),
        ("X-Auth-Token", "token"),
        ("Accept", "application/json"),
    ]


def test_headers_of_policies():
    """A policy request says that it is a form, and asks for text."""
    headers = shared_headers(endpoint(POLICY), "agent/1", b"token")
    assert headers["Accept"] == "text/plain"
    assert headers["Content-Type"] == "application/x-www-form-urlencoded"


def test_user_information():
    """User information of the target is an Authorization field."""
    headers = shared_headers(endpoint(TCP, target="http://u:p@h/"), "x", b"")
    assert headers["Authorization"] == "Basic dTpw"


def test_configured_headers():
    """A configured header takes the place of one of ours in any letter case; others are added."""
    where = endpoint(TCP, headers={"USER-agent": "mine", "host": "v.example", "X-A": "é"})
    assert list(shared_headers(where, "agent/1", b"t").items()) == [
        ("Accept-Encoding", "identity"),
        ("Host", "v.example"),
        ("User-Agent", "mine"),
        ("X-Auth-Token", "t"),
        ("Accept", "application/json"),
        ("X-A", "é".encode().decode("latin-1")),
    ]


def test_octets_of_headers():
    """User agent and token are sent in UTF-8, and as the octets of the file, respectively."""
    headers = shared_headers(endpoint(TCP), "é", b"\xff")
    sent = {name: headers[name].encode("latin-1") for name in ("User-Agent", "X-Auth-Token")}
    assert sent == {"User-Agent": b"\xc3\xa9", "X-Auth-Token": b"\xff"}


def test_rendered():
    """Constant fields are rendered once, as http.client would for each request."""
    assert request.rendered({"Host": "h", "X-A": "\xe9"}) == b"Host: h\r\nX-A: \xe9\r\n"


@pytest.mark.parametrize("value", ["a\nb", "a\r\nX: y", "a\rb"])
def test_rendered_refuses(value):
    """A value that would be two fields is never sent, wherever it may come from."""
    with pytest.raises(ValueError, match="Invalid header value"):
        request.rendered({"X-A": value})
