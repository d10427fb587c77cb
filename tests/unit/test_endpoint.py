# SPDX-License-Identifier: MIT
"""Local addresses, and which endpoint a connection belongs to."""

from __future__ import annotations

import socket

import pytest
from unit.endpoints import POLICY, SOCKETMAP, TCP, endpoint
from unit.wire import table

from postfix_rest_inetd.address import LocalAddress, local_address_of, parse_ip
from postfix_rest_inetd.endpoint import select

LOOPBACK = b"\x7f\0\0\1"
MAPPED = b"\0" * 10 + b"\xff\xff"

IPS = {
    "IPv4": ("127.0.0.1", LOOPBACK),
    "a name that every file of upstream has": ("localhost", LOOPBACK),
    "any IPv4": ("0.0.0.0", b"\0" * 4),
    "IPv6": ("::1", b"\0" * 15 + b"\1"),
    "any IPv6": ("::", b"\0" * 16),
    "IPv6 in capitals": ("2001:DB8::A", b"\x20\x01\x0d\xb8" + b"\0" * 11 + b"\x0a"),
    "IPv4-mapped": ("::ffff:127.0.0.1", MAPPED + LOOPBACK),
    "empty": ("", None),
    "another name": ("example.org", None),
    "a name that is like localhost": ("localhost.localdomain", None),
    "upper case": ("LOCALHOST", None),
    "a short form": ("127.1", None),
    "a number": ("2130706433", None),
    "a leading zero, octal to some": ("127.0.0.01", None),
    "a number too high": ("127.0.0.256", None),
    "a blank": (" 127.0.0.1", None),
    "brackets": ("[::1]", None),
    "a port": ("127.0.0.1:9000", None),
    "a zone index": ("fe80::1%lo", None),
    "a NUL": ("127.0.0.1\0", None),
    "digits of another alphabet": ("١٢٧.0.0.1", None),
    "half of a surrogate pair": ("\ud800", None),
}


@pytest.mark.parametrize("text, packed", table(IPS))
def test_parse_ip(text, packed):
    """An IP literal is what inet_pton takes, and localhost is 127.0.0.1; nothing is looked up."""
    assert parse_ip(text) == packed


def address(ip="127.0.0.1", port=9000):
    """A TCP address from text."""
    return LocalAddress(parse_ip(ip), port)


SHOWN = {
    "IPv4": (address("192.0.2.1", 1), "192.0.2.1:1"),
    "IPv6": (address("2001:db8::1", 65535), "[2001:db8::1]:65535"),
    "an IPv4-mapped one is IPv4": (address("::ffff:192.0.2.1", 1), "192.0.2.1:1"),
    "a unix socket": (LocalAddress(None, path="/run/x"), "/run/x"),
    "a unix socket without a name": (LocalAddress(None), "an unnamed unix socket"),
}


@pytest.mark.parametrize("where, text", table(SHOWN))
def test_str(where, text):
    """An address is shown as systemd's ListenStream= takes it."""
    assert str(where) == text


def test_equality():
    """Addresses are equal when ip, port and path are; an IPv4-mapped one equals IPv4."""
    same = {address(), address("::ffff:127.0.0.1"), LocalAddress(LOOPBACK, 9000)}
    assert same == {address()}
    others = [
        address(port=9001),
        address("127.0.0.2"),
        address("::1"),
        address("0.0.0.0"),
        LocalAddress(None, 9000),
        LocalAddress(None, path="/run/x"),
        LocalAddress(None, path="/run/y"),
    ]
    assert len({address(), *others}) == len(others) + 1
    assert address() != "127.0.0.1:9000"


@pytest.fixture
def ipv6_loopback():
    """A listening IPv6 socket that takes IPv4 too."""
    with socket.socket(socket.AF_INET6, socket.SOCK_STREAM) as listener:
        try:
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
            listener.bind(("::", 0))
        except OSError as error:
            pytest.skip(f"no IPv6 here: {error}")
        listener.listen()
        yield listener


def accepted_from(listener, client):
    """The local address of a connection that CLIENT made to LISTENER."""
    with client, listener.accept()[0] as connection:
        return local_address_of(connection)


def test_local_address_ipv4():
    """The address of an IPv4 connection is the one that the client connected to."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        client = socket.create_connection(("127.0.0.1", port))
        assert accepted_from(listener, client) == address(port=port)


@pytest.mark.parametrize("ip", ["127.0.0.1", "::1"])
def test_local_address_on_a_socket_for_both(ipv6_loopback, ip):
    """On a socket for both families an IPv4 client's connection has an IPv4 address."""
    port = ipv6_loopback.getsockname()[1]
    try:
        client = socket.create_connection((ip, port))
    except OSError as error:
        pytest.skip(f"no address {ip} here: {error}")
    assert accepted_from(ipv6_loopback, client) == address(ip, port)


def test_local_address_unix(tmp_path):
    """The address of a connection to a unix socket is the path that was bound."""
    path = str(tmp_path / "socket")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path)
        listener.listen()
        client = socket.socket(socket.AF_UNIX)
        client.connect(path)
        assert accepted_from(listener, client) == LocalAddress(None, path=path)


def test_local_address_of_unix_sockets_without_path():
    """A socketpair and an abstract unix socket have an address that no endpoint has."""
    ours, theirs = socket.socketpair()
    with ours, theirs:
        assert local_address_of(ours) == LocalAddress(None)
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("")  # the kernel chooses an abstract name
        assert local_address_of(abstract) == LocalAddress(None)


def test_local_address_of_another_family():
    """A socket of another family has no local address here."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as other:
        assert local_address_of(other) is None


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


def test_wildcards_do_not_stand_for_unix_sockets():
    """A unix socket belongs to no wildcard, not even to that of port 0."""
    assert select([ANY4, ANY6], LocalAddress(None, 1), None, None) == (
        "no endpoint listens on an unnamed unix socket"
    )
