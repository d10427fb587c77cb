# SPDX-License-Identifier: MIT
"""urllib.parse without ipaddress: what is left out is found as soon as it is used."""

from __future__ import annotations

import subprocess
import sys

import pytest
from unit.test_imports import ALL, imported_by, name_of

HEAD = "import sys; from postfix_rest_inetd import url_parser\n"


def run(program: str, head: str = HEAD) -> str:
    """What a program prints, in a fresh interpreter."""
    return subprocess.run(
        [
            sys.executable,
            "-S",
            "-P",
            "-B",
            "-c",
            f"import sys\nsys.path[:0] = {sys.path!r}\n{head}{program}",
        ],
        stdout=subprocess.PIPE,
        text=True,
        timeout=60,
        check=True,
        env={"PATH": "/usr/bin:/bin"},
    ).stdout.strip()


def test_not_loaded() -> None:
    """A target with a name or an IPv4 address needs no ipaddress, nor does one that is no URL."""
    program = """
for url in ("http://a.example:80/b?c", "http://127.0.0.1/", "http://a:b/", "nothing"):
    try:
        url_parser.urlsplit(url).port
    except ValueError:
        pass
print("ipaddress" in sys.modules, "urllib.parse" in sys.modules)
"""
    assert run(program) == "False True"


@pytest.mark.parametrize(
    "host, is_valid", [("::1", True), ("2001:db8::1", True), ("::1::", False), ("a:b", False)]
)
def test_brackets(host: str, *, is_valid: bool) -> None:
    """Hosts in brackets are looked at as ever: by urllib.parse, where it does so, and by us."""
    program = f"""
from postfix_rest_inetd.config.target import Target
try:
    print(Target("http://[{host}]:81/").host)
except ValueError:
    print("wrong")
"""
    assert run(program) == (host if is_valid else "wrong")


def test_afterwards() -> None:
    """The name means the real module again, and the same one to urllib.parse."""
    program = """
import ipaddress, urllib.parse
print(ipaddress.ip_address("::1"))
stands_in = getattr(urllib.parse, "ipaddress", ipaddress)
print(stands_in.ip_address is ipaddress.ip_address)
"""
    assert run(program) == "::1\nTrue"


@pytest.mark.parametrize("module", ["ipaddress", "urllib.parse"])
def test_loaded_before(module: str) -> None:
    """A module that is loaded already is not replaced, not even for a moment."""
    head = f"import {module}; loaded = sys.modules[{module!r}]\n{HEAD}"
    assert run(f"print(sys.modules[{module!r}] is loaded)", head) == "True"
    program = """
import urllib.parse
real = sys.modules.get("ipaddress")
print(getattr(urllib.parse, "ipaddress", real) is real)
"""
    assert run(program, head) == "True"


def test_urls_are_parsed_here() -> None:
    """No other module of the core loads urllib.parse."""
    users = {name_of(path) for path in ALL if "urllib.parse" in imported_by(path)}
    assert {name for name in users if not name.startswith("admin.")} == {"url_parser"}
