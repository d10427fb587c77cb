# SPDX-License-Identifier: MIT
"""Local addresses: how they are written, shown and compared, and found out."""

from __future__ import annotations

import socket

import pytest

from harness.wire import table
from postfix_rest_inetd.config.address import LocalAddress, local_address_of, parse_ip

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
    "a former place of /run": (LocalAddress(None, path="/var/run/x/y"), "/run/x/y"),
    "another place in /var": (LocalAddress(None, path="/var/runner"), "/var/runner"),
    "a unix socket without a name": (LocalAddress(None), "an unnamed unix socket"),
}


@pytest.mark.parametrize("where, text", table(SHOWN))
def test_str(where, text):
    """An address is shown as systemd's ListenStream= takes it."""
    assert str(where) == text


def test_a_unix_socket_has_no_port():
    """A unix socket has a path, no IP address, and port 0."""
    where = LocalAddress(None, path="/run/x")
    assert (where.ip, where.port, where.path) == (None, 0, "/run/x")


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
    # Sets look at the hash first, so equality is asked for by itself too.
    assert [other for other in others if other == address()] == []
    assert address() == address("::ffff:127.0.0.1")
    assert LocalAddress(None, path="/var/run/x") == LocalAddress(None, path="/run/x")
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
        return local_address_of(connection.fileno())


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
        assert local_address_of(ours.fileno()) == LocalAddress(None)
    with socket.socket(socket.AF_UNIX) as abstract:
        abstract.bind("")  # the kernel chooses an abstract name
        assert local_address_of(abstract.fileno()) == LocalAddress(None)


def test_local_address_of_another_family():
    """A socket of another family has no local address here."""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW) as other:
        assert local_address_of(other.fileno()) is None
