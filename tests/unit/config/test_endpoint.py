# SPDX-License-Identifier: MIT
"""Which endpoint a connection belongs to."""

from __future__ import annotations

import pytest

from harness.endpoints import endpoint
from harness.modes import POLICY, SOCKETMAP, TCP
from harness.wire import table
from postfix_rest_inetd.config.address import LocalAddress, parse_ip
from postfix_rest_inetd.config.endpoint import select


def address(ip="127.0.0.1", port=9000):
    """A TCP address from text."""
    return LocalAddress(parse_ip(ip), port)


V4 = endpoint(TCP, name="v4", bind_address="127.0.0.1", bind_port=1)
V6 = endpoint(TCP, name="v6", bind_address="::1", bind_port=1)
ANY4 = endpoint(TCP, name="any4", bind_address="0.0.0.0", bind_port=1)
ANY6 = endpoint(TCP, name="any6", bind_address="::", bind_port=1)
ONLY_ANY6 = endpoint(TCP, name="only6", bind_address="::", bind_port=2)
ONLY_ANY4 = endpoint(TCP, name="only4", bind_address="0.0.0.0", bind_port=3)
MAP = endpoint(SOCKETMAP, name="map", bind_address="127.0.0.1", bind_port=4)
UNIX = endpoint(POLICY, name="unix", bind_port=..., bind_path="/run/x")
TWIN = endpoint(POLICY, name="v4", bind_port=5)
TWIN_TOO = endpoint(POLICY, name="map", bind_port=6)
TRIPLET = endpoint(POLICY, name="map", bind_port=7)
# The order must not decide: the wildcards come first.
ALL = [ANY6, ANY4, ONLY_ANY6, ONLY_ANY4, V4, V6, MAP, UNIX, TWIN, TWIN_TOO, TRIPLET]

FOUND = {
    "exact before wildcard": (address("127.0.0.1", 1), None, None, V4),
    "exact IPv6 before wildcard": (address("::1", 1), None, None, V6),
    "IPv4-mapped is IPv4": (address("::ffff:127.0.0.1", 1), None, None, V4),
    "IPv4 wildcard": (address("127.0.0.2", 1), None, None, ANY4),
    "IPv6 wildcard": (address("2001:db8::1", 1), None, None, ANY6),
    "IPv4 on a socket for both": (address("127.0.0.1", 2), None, None, ONLY_ANY6),
    "a mapped address on a wildcard": (address("::ffff:192.0.2.1", 1), None, None, ANY4),
    "the other wildcard at the end": (address("::1", 3), None, None, ONLY_ANY4),
    "a unix socket by its path": (LocalAddress(None, path="/run/x"), None, None, UNIX),
    "restricted to its mode": (address("127.0.0.1", 4), SOCKETMAP, None, MAP),
    "a name, whatever the address": (address("192.0.2.1", 99), None, "v6", V6),
    "a name without any address": (None, None, "v6", V6),
    "a name and a mode": (None, TCP, "v4", V4),
    "one of several of a name by its address": (address("127.0.0.1", 6), None, "map", TWIN_TOO),
    "one of several of a name and mode": (address("127.0.0.1", 7), POLICY, "map", TRIPLET),
}

NOT_FOUND = {
    "no such port": (
        address("127.0.0.1", 99),
        None,
        None,
        "no endpoint listens on 127.0.0.1:99",
    ),
    "no such endpoint of that mode": (
        address("127.0.0.1", 4),
        POLICY,
        None,
        "no policy endpoint listens on 127.0.0.1:4",
    ),
    "the only endpoint of its mode, at another address": (
        address("192.0.2.1", 99),
        SOCKETMAP,
        None,
        "no socketmap-lookup endpoint listens on 192.0.2.1:99",
    ),
    "no such path": (
        LocalAddress(None, path="/run/y"),
        None,
        None,
        "no endpoint listens on /run/y",
    ),
    "an unnamed socket": (
        LocalAddress(None),
        None,
        None,
        "no endpoint listens on an unnamed unix socket",
    ),
    "no such name": (
        address("127.0.0.1", 1),
        None,
        "x",
        "there is no endpoint with the name 'x'",
    ),
    "no such name of that mode": (
        address("127.0.0.1", 1),
        POLICY,
        "v6",
        "there is no policy endpoint with the name 'v6'",
    ),
    "several of a name, none at the address": (
        address("192.0.2.1", 99),
        None,
        "map",
        "no endpoint listens on 192.0.2.1:99",
    ),
    "several of a name and no address": (
        None,
        POLICY,
        "map",
        "there are 2 policy endpoints with the name 'map'",
    ),
    "no address and no name": (
        None,
        None,
        None,
        "the connection has no local address that an endpoint could have",
    ),
}


@pytest.mark.parametrize("local, mode, name, expected", table(FOUND))
def test_select(local, mode, name, expected):
    """The connection's address chooses: exact, then its family's wildcard, then the other one."""
    assert select(ALL, local, mode, name) is expected
    assert select(reversed(ALL), local, mode, name) is expected


@pytest.mark.parametrize("local, mode, name, reason", table(NOT_FOUND))
def test_select_nothing(local, mode, name, reason):
    """Where there is no endpoint a sentence says why, and no other one is taken instead."""
    assert select(ALL, local, mode, name) == reason


def test_select_from_nothing():
    """Without any endpoint no connection belongs to one, and the sentence is about the address."""
    assert select([], address()) == "no endpoint listens on 127.0.0.1:9000"


def test_wildcards_do_not_stand_for_unix_sockets():
    """A unix socket belongs to no wildcard, not even to that of port 0."""
    assert select([ANY4, ANY6], LocalAddress(None, 1), None, None) == (
        "no endpoint listens on an unnamed unix socket"
    )


ANSWERS = {
    "a lookup": ({"mode": TCP}, True, False),
    "a lookup in a map": ({"mode": SOCKETMAP}, True, False),
    "an access table": ({"mode": SOCKETMAP, "access_table": True}, True, True),
    "a policy": ({"mode": POLICY}, False, True),
}


@pytest.mark.parametrize("keys, is_lookup, answers_actions", table(ANSWERS))
def test_what_is_answered(keys, is_lookup, answers_actions):
    """Actions come from policies and from access tables: both go through the action firewall."""
    made = endpoint(**keys)
    assert (made.is_lookup, made.answers_actions) == (is_lookup, answers_actions)
