# SPDX-License-Identifier: MIT
"""Risks of a configuration: who can ask, what can be read on the way, what a backend may answer."""

from __future__ import annotations

import pytest

from harness.endpoints import endpoint
from harness.modes import POLICY, SOCKETMAP, TCP
from harness.wire import table
from postfix_rest_inetd.admin.checks import risks

CLEAR, TOKEN, ADDRESSES = "unencrypted", "the token and all addresses", ": all addresses"
TARGETS = {
    "http elsewhere": ({"target": "http://rest.example/x"}, TOKEN),
    "a private address": ({"target": "http://10.0.0.1:8080/x"}, TOKEN),
    "a name that only looks like loopback": ({"target": "http://localhost.example/"}, TOKEN),
    "a user in the target": ({"target": "http://a:b@rest.example/", "auth_token": ""}, TOKEN),
    "no token": ({"target": "http://rest.example/", "auth_token": ""}, ADDRESSES),
    "https": ({"target": "https://rest.example/x"}, None),
    "localhost": ({"target": "http://localhost:8080/x"}, None),
    "a name below localhost": ({"target": "http://app.localhost/x"}, None),
    "IPv4": ({"target": "http://127.0.0.53/x"}, None),
    "IPv6": ({"target": "http://[::1]:8080/x"}, None),
    "the second of several": ({"target": ["https://a.example/", "http://b.example/"]}, TOKEN),
    "all of several": ({"target": ["http://a.example/", "http://b.example/"]}, "a.example, http"),
    "a user in another target": (
        {"target": ["https://u:p@a.example/", "http://b.example/"], "auth_token": ""},
        ADDRESSES,
    ),
    "several that are safe": ({"target": ["https://a.example/", "http://localhost/"]}, None),
}


@pytest.mark.parametrize("keys, told", table(TARGETS))
def test_clear_text(keys, told):
    """A token over http, to another machine than this one."""
    found = list(risks.findings([endpoint(**keys)]))
    assert [(each.severity, CLEAR in each.what) for each in found] == (
        [] if told is None else [("warning", True)]
    )
    assert all(told in each.what for each in found)


ADDRESS = {
    "IPv4 wildcard": ("0.0.0.0", ["warning"]),
    "IPv6 wildcard": ("::", ["warning"]),
    "loopback": ("127.0.0.1", []),
    "one address": ("192.0.2.1", []),
}


@pytest.mark.parametrize("address, severities", table(ADDRESS))
def test_wildcards(address, severities):
    """Nothing authenticates a client, so a wildcard is a risk."""
    found = list(risks.findings([endpoint(bind_address=address)]))
    assert [each.severity for each in found] == severities


def test_another_place():
    """A unix socket is recommended only where Postfix can ask at one."""
    for mode, is_told in ((TCP, False), (SOCKETMAP, True)):
        (found,) = risks.findings([endpoint(mode, bind_address="::")])
        assert ("bind-path" in found.advice) is is_told


def test_actions():
    """Without allowed-actions, a backend for policies can do everything: worth a note."""
    (found,) = risks.findings([endpoint(POLICY)])
    assert (found.severity, "OK and REDIRECT" in found.what) == ("note", True)
    assert list(risks.findings([endpoint(POLICY, allowed_actions=["DUNNO"])])) == []
    assert list(risks.findings([endpoint()])) == []


def test_actions_of_access_tables():
    """An access table answers actions as well."""
    (found,) = risks.findings([endpoint(access_table=True)])
    assert (found.severity, "without allowed-actions" in found.what) == ("note", True)
    limited = endpoint(access_table=True, allowed_actions=["DUNNO"])
    assert list(risks.findings([limited])) == []


@pytest.mark.parametrize(
    "number, where",
    [(2, "e0, e1"), (5, "e0, e1, e2, e3, e4"), (300, "e0, e1, e2, e3, e4 and 295 more")],
)
def test_many_endpoints(number, where):
    """What is only worth knowing is told once, whatever the number of endpoints."""
    (found,) = risks.findings([endpoint(POLICY, name=f"e{i}") for i in range(number)])
    assert found.where == where
