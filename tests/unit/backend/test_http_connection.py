# SPDX-License-Identifier: MIT
"""Loading urllib3 without what is not used; each case in an interpreter of its own."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
from pathlib import Path

import pytest

import postfix_rest_inetd
from postfix_rest_inetd.backend import http_connection

ROOT = str(Path(postfix_rest_inetd.__file__).parents[1])

HEAD = f"""
import sys
sys.path[:0] = {[ROOT, *sys.path]!r}
from postfix_rest_inetd.backend import http_connection
"""
# Not urllib3.__version__: where another test has loaded backend/client.py, the module is the hollow
# one that http_connection.py makes.
VERSION = importlib.metadata.version("urllib3")
IS_KNOWN = (
    http_connection.OLDEST <= tuple(map(int, VERSION.split(".")[:2])) <= http_connection.NEWEST
)


def run(program: str, **environment: str) -> str:
    """What a program prints; it must not fail."""
    return subprocess.run(
        [sys.executable, "-S", "-P", "-B", "-c", HEAD + program],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": "/usr/bin:/bin", **environment},
    ).stdout.strip()


REPORT = """
found = http_connection.http_connection()
print(found.__module__, found.__name__, "urllib3.util.url" in sys.modules)
"""
LEAN = "urllib3.connection HTTPConnection False"
PLAIN = "urllib3.connection HTTPConnection True"


def test_lean():
    """The versions of urllib3 that were tested are loaded in part; others are loaded whole."""
    assert run(REPORT) == (LEAN if IS_KNOWN else PLAIN)


@pytest.mark.skipif(not IS_KNOWN, reason="this urllib3 is loaded whole")
def test_no_python_loads_more():
    """What typing and urllib3 load with some versions of Python only is not loaded either."""
    program = """
http_connection.http_connection()
print(*{"annotationlib", "ast", "backports", "compression", "zstandard"} & set(sys.modules))
"""
    assert run(program) == ""


def test_plain_on_demand():
    """An environment variable switches it off."""
    assert run(REPORT, **{http_connection.PLAIN_IMPORT: "1"}) == PLAIN


@pytest.mark.parametrize(
    "change",
    [
        "http_connection.OLDEST = (99, 0)",
        "http_connection.NEWEST = (1, 0)",
        "http_connection.LEFT_OUT['http'] = ''",
        "http_connection.LEFT_OUT['urllib3._version'] = ''",
        "http_connection._find_urllib3 = lambda: ('/nonexistent', None)",
    ],
)
def test_plain_if_anything_is_wrong(change):
    """Whatever is not as expected ends in what everybody else gets, and it can be used."""
    request = """
import socket
ours, theirs = socket.socketpair()
connection = found("h")
connection.sock = ours
connection.request("GET", "/")
theirs.sendall(b"HTTP/1.1 200 OK\\r\\nContent-Length: 2\\r\\n\\r\\nok")
response = connection.getresponse()
print(getattr(response, "data", None) or response.read())
"""
    assert run(f"{change}\n{REPORT}{request}") == f"{PLAIN}\nb'ok'"


def test_nothing_stays_behind():
    """Afterwards the names of what was left out mean the real modules again."""
    program = """
http_connection.http_connection()
import importlib.util
assert importlib.util.find_spec("urllib3") is not None
print(sorted(set(http_connection.LEFT_OUT) & set(sys.modules)))
import email.parser, logging, ssl, typing
print(email.parser.Parser.__name__, logging.getLogger("x").name, ssl.SSLContext.__name__)
print(typing.NamedTuple("Pair", [("a", int), ("b", str)])(1, "one"))
"""
    left = run(program).splitlines()
    assert left[1:] == ["Parser x SSLContext", "Pair(a=1, b='one')"]
    assert left[0] == "[]" or not IS_KNOWN


def test_what_was_loaded_before_is_used():
    """A module that somebody has loaded already is not replaced, not even for a moment."""
    program = """
import logging, ssl
http_connection.http_connection()
print(sys.modules["logging"] is logging, sys.modules["ssl"] is ssl)
"""
    assert run(program) == "True True"


@pytest.mark.skipif(not IS_KNOWN, reason="this urllib3 is loaded whole")
def test_use_of_what_was_left_out():
    """A part that was left out is an error when it is used, never another answer."""
    program = """
import io
http_connection.http_connection()
import http.client
try:
    http.client.parse_headers(io.BytesIO(b"A: b\\r\\n\\r\\n"))
except NotImplementedError as error:
    print(error)
"""
    assert run(program) == "a part of urllib3 is needed that http_connection.py leaves out"
