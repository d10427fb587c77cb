# SPDX-License-Identifier: MIT
"""urllib.parse works as usual, whatever was not loaded with it."""

from __future__ import annotations

import pytest
from unit.test_imports import ALL, PACKAGE, imported_by, loaded_by, name_of


def test_a_name_needs_no_addresses():
    """Nor does an address without brackets."""
    modules, _ = loaded_by(
        f"from {PACKAGE}.urls import urlsplit; urlsplit('http://127.0.0.1:8080/lookup?a=b')"
    )
    assert "urllib.parse" in modules
    assert "ipaddress" not in modules


@pytest.mark.parametrize("host", ["[::1]", "[fe80::1]"])
def test_a_host_in_brackets(host):
    """It is an address, and is parsed."""
    program = f"from {PACKAGE}.urls import urlsplit; print(urlsplit('http://{host}:1/').port)"
    assert loaded_by(program)[1] == b"1\n"


def test_a_wrong_host_in_brackets():
    """It is refused, by Python or by ours."""
    program = f"""
from {PACKAGE}.config.target import Target
try:
    Target("http://[127.0.0.1]/")
except ValueError as error:
    print("refused")
"""
    assert loaded_by(program)[1] == b"refused\n"


def test_the_real_module_can_be_loaded_afterwards():
    """Nothing is left of the one that stood in."""
    program = f"import {PACKAGE}.urls, ipaddress; print(ipaddress.ip_address('::1'))"
    assert loaded_by(program)[1] == b"::1\n"


def test_handlers_parse_urls_here():
    """No other module of the core loads urllib.parse."""
    users = {name_of(path) for path in ALL if "urllib.parse" in imported_by(path)}
    assert {name for name in users if not name.startswith("admin.")} == {"urls"}
