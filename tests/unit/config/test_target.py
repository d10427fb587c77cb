# SPDX-License-Identifier: MIT
"""The URL of a backend, taken apart."""

from __future__ import annotations

import re
from base64 import b64encode

import pytest

from harness.wire import table
from postfix_rest_inetd.config.target import Target

ATTRIBUTES = ("tls", "host", "port", "path", "host_header", "basic_auth", "origin")


def basic(credentials: bytes) -> str:
    """The value of an Authorization header."""
    return "Basic " + b64encode(credentials).decode()


def plain(host, port=80, path="/", **others):
    """What a plain http URL should become; OTHERS override."""
    shown = f"[{host}]" if ":" in host else host
    header = shown if port == 80 else f"{shown}:{port}"
    values = (False, host, port, path, header, None, f"http://{header}")
    return dict(zip(ATTRIBUTES, values, strict=True)) | others


GOOD = {
    "upstream's sample": (
        "http://localhost:8080/lookup",
        plain("localhost", 8080, "/lookup"),
    ),
    "https": (
        "https://backend.example/a",
        plain("backend.example", 443, "/a")
        | {"tls": True, "host_header": "backend.example", "origin": "https://backend.example"},
    ),
    "https on another port": (
        "https://backend.example:8443",
        plain("backend.example", 8443) | {"tls": True, "origin": "https://backend.example:8443"},
    ),
    "https on http's port": (
        "https://h:80/",
        plain("h") | {"tls": True, "host_header": "h:80", "origin": "https://h:80"},
    ),
    "the default port, spelt out": ("http://h:80/", plain("h")),
    "no path": ("http://h", plain("h")),
    "an empty port": ("http://h:/", plain("h")),
    "the highest port": ("http://h:65535/", plain("h", 65535)),
    "scheme and host in any case, the path as it is": (
        "HTTP://H.Example/P",
        plain("h.example", path="/P"),
    ),
    "a query": ("http://h/p?a=1&b", plain("h", path="/p?a=1&b")),
    "a query without path": ("http://h?a=1", plain("h", path="/?a=1")),
    "an empty query": ("http://h/p?", plain("h", path="/p")),
    "a question mark in the query": ("http://h/?a?b", plain("h", path="/?a?b")),
    "what is encoded stays so": ("http://h/%2F%20?%26", plain("h", path="/%2F%20?%26")),
    "a path in Unicode": ("http://h/é?é", plain("h", path="/%C3%A9?%C3%A9")),
    "what a URL should not have": (
        'http://h/"<>\\^`{|}',
        plain("h", path="/%22%3C%3E%5C%5E%60%7B%7C%7D"),
    ),
    "what a path may have": ("http://h/:@!$&'()*+,;=-._~", plain("h", path="/:@!$&'()*+,;=-._~")),
    "brackets in a path": ("http://h/[x]", plain("h", path="/%5Bx%5D")),
    "dots and slashes are the backend's matter": ("http://h//a/../b", plain("h", path="//a/../b")),
    "IPv4": ("http://127.0.0.1:9/", plain("127.0.0.1", 9)),
    "IPv6": ("http://[::1]/", plain("::1")),
    "IPv6 with a port": ("http://[2001:DB8::1]:8080/", plain("2001:db8::1", 8080)),
    "an IPv4-mapped address": ("http://[::ffff:192.0.2.1]/", plain("::ffff:192.0.2.1")),
    "a name with underscore and hyphen": ("http://a_b-c.d/", plain("a_b-c.d")),
    "a name with the dot of the root": ("http://h.example./", plain("h.example.")),
    "an internationalised name": ("http://bücher.example/", plain("xn--bcher-kva.example")),
    "the longest name": (f"http://{'a.' * 126}a/", plain("a." * 126 + "a")),
    "user and password": ("http://u:p@h/", plain("h", basic_auth=basic(b"u:p"))),
    "a user alone": ("http://u@h/", plain("h", basic_auth=basic(b"u:"))),
    "a user at an address": ("http://u@[::1]:9/", plain("::1", 9, basic_auth=basic(b"u:"))),
    "an empty password": ("http://u:@h/", plain("h", basic_auth=basic(b"u:"))),
    "a colon in the password": ("http://u:p:q@h/", plain("h", basic_auth=basic(b"u:p:q"))),
    "an @ in the password": ("http://u:p@q@h/", plain("h", basic_auth=basic(b"u:p@q"))),
    "user information is decoded": (
        "http://u%40d:%C3%A9+%25@h/",
        plain("h", basic_auth=basic(b"u@d:\xc3\xa9+%")),
    ),
    "user information in Unicode": ("http://u:é@h/", plain("h", basic_auth=basic(b"u:\xc3\xa9"))),
    "an empty fragment": ("http://h/p#", plain("h", path="/p")),
}

BLANK = "a URL has no blanks and no control characters; write them as %XX"
NO_URL = "this is not a URL: a bracket or the port is wrong"
SCHEME = "a target begins with http:// or https://"
HOST = "this is not a valid host name"
MISSING = "the host is missing"
IPV6 = "this is not a valid IPv6 address (zone indices are not supported)"
FRAGMENT = "the part from # on is never sent to a server; remove it or write %23"

BAD = {
    "empty": ("", SCHEME),
    "a name alone": ("h/p", SCHEME),
    "another scheme": ("ftp://h/", SCHEME),
    "a typing error": ("http//h/", SCHEME),
    "a blank": ("http://h/a b", BLANK),
    "a blank in front": (" http://h/", BLANK),
    "a line end, which urlsplit would drop": ("http://h/a\n", BLANK),
    "a tab, which urlsplit would drop": ("http://h/\ta", BLANK),
    "a second header": ("http://h/ HTTP/1.1\r\nX: y", BLANK),
    "a NUL": ("http://h/\0", BLANK),
    "a no-break space": ("http://h/\xa0", BLANK),
    "half of a surrogate pair": ("http://h/\ud800", BLANK),
    "no host": ("http:///p", MISSING),
    "a port without a host": ("http://:80/", MISSING),
    "user information without a host": ("http://u:p@/", MISSING),
    "no slashes": ("http:h", MISSING),
    "port 0": ("http://h:0/", "there is no port 0"),
    "a port too high": ("http://h:65536/", NO_URL),
    "a negative port": ("http://h:-1/", NO_URL),
    "a port in words": ("http://h:http/", NO_URL),
    "a port of other digits": ("http://h:٨٠/", NO_URL),
    "an open bracket": ("http://[::1/", NO_URL),
    "a closing bracket alone": ("http://::1]/", NO_URL),
    "IPv6 without brackets": ("http://::1/", NO_URL),
    "a zone index": ("http://[fe80::1%25eth0]/", IPV6),
    "a fragment": ("http://h/p#f", FRAGMENT),
    "a character that no host has": ("http://h*/", HOST),
    "one in the middle": ("http://a,b/", HOST),
    "an encoded host": ("http://%31/", HOST),
    "a name too long": (f"http://{'a.' * 126}ab/", HOST),
    "a label that IDNA does not take": ("http://é..example/", "the host is not a valid internat"),
    "a host that turns into a path": ("http://℀.example/", NO_URL),
}


@pytest.mark.parametrize("url, expected", table(GOOD))
def test_good(url, expected):
    """A URL gives everything that a request needs, and repeats user information nowhere."""
    target = Target(url)
    assert {name: getattr(target, name) for name in ATTRIBUTES} == expected


@pytest.mark.parametrize("url, reason", table(BAD))
def test_bad(url, reason):
    """What is no URL of a backend is refused with a sentence that does not repeat it."""
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}"):
        Target(url)


@pytest.mark.parametrize(
    "url", ["http://x[::1]/", "http://[::1]x/", "http://[::1]x:80/", "http://[v1.a]/"]
)
def test_brackets_hold_an_ipv6_address(url):
    """Brackets stand around a whole IPv6 address; whatever else is in or beside them is refused.

    Python's urlsplit takes or refuses these depending on its version, dropping what it ignores.
    """
    with pytest.raises(ValueError, match=r"this is no|IPv6"):
        Target(url)


@pytest.mark.parametrize(
    "url, expected",
    [
        ("http://h", "/?key=k"),
        ("http://h/p", "/p?key=k"),
        ("http://h/p?", "/p?key=k"),
        ("http://h/p?a=1", "/p?a=1&key=k"),
        ("http://h/p%3Fa", "/p%3Fa?key=k"),
    ],
)
def test_with_query(url, expected):
    """A query is appended to the one that the target has, or begins one."""
    assert Target(url).with_query("key=k") == expected
