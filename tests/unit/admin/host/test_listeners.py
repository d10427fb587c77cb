# SPDX-License-Identifier: MIT
"""Who listens: real sockets of this process, found in /proc."""

from __future__ import annotations

import os
import socket

import pytest

from postfix_rest_inetd.admin.host.listeners import Listeners, is_local, resolved
from postfix_rest_inetd.config.address import LocalAddress, parse_ip

LOOPBACK = {socket.AF_INET: "127.0.0.1", socket.AF_INET6: "::1"}
ANY = {socket.AF_INET: "0.0.0.0", socket.AF_INET6: "::"}


def listening(family: int, host: str) -> socket.socket:
    """A socket that listens, or a skipped test where there is no such family."""
    try:
        return socket.create_server((host, 0), family=family)
    except OSError:
        pytest.skip(f"{host} is not there")


@pytest.mark.parametrize("family", LOOPBACK, ids=["IPv4", "IPv6"])
def test_tcp(family):
    """An address that is listened at is found with its holder, and is gone with the socket."""
    with listening(family, LOOPBACK[family]) as server:
        address = LocalAddress(parse_ip(LOOPBACK[family]), server.getsockname()[1])
        found = Listeners()
        holder = found.holder(address)
    assert found.at(address) == address
    assert holder is not None
    assert holder.pid == os.getpid()
    assert str(holder).endswith(f"(pid {os.getpid()})")
    assert Listeners().at(address) is None


@pytest.mark.parametrize("family", ANY, ids=["IPv4", "IPv6"])
def test_wildcard(family):
    """A wildcard takes in every address of its port, and is in the way of each."""
    with listening(family, ANY[family]) as server:
        port = server.getsockname()[1]
        found = Listeners()
    wildcard = LocalAddress(parse_ip(ANY[family]), port)
    exact = LocalAddress(parse_ip(LOOPBACK[family]), port)
    assert found.at(exact) == wildcard
    assert found.in_the_way_of(exact) == wildcard
    assert found.at(LocalAddress(exact.ip, 1)) is None


def test_in_the_way_of_a_wildcard():
    """One address is in the way of a wildcard, though the wildcard is not listened at."""
    with listening(socket.AF_INET, "127.0.0.1") as server:
        port = server.getsockname()[1]
        found = Listeners()
    wildcard = LocalAddress(bytes(4), port)
    assert found.at(wildcard) is None
    assert found.in_the_way_of(wildcard) == LocalAddress(b"\x7f\0\0\1", port)


def test_unix(tmp_path):
    """The path of a unix socket; one that does not listen does not count."""
    path = str(tmp_path / "socket with a blank")
    address = LocalAddress(None, path=path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(path)
        assert Listeners().at(address) is None
        server.listen()
        found = Listeners()
    assert found.at(address) == address
    assert found.in_the_way_of(address) == address


def test_a_file_that_is_closed_meanwhile(tmp_path):
    """A descriptor that cannot be read, as one that was closed, hides no others of its process."""
    (tmp_path / "net").mkdir()
    fields = "0: 0100007F:2329 00000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 4711 1"
    (tmp_path / "net/tcp").write_text(f"header\n{fields}\n")
    descriptors = tmp_path / "1/fd"
    descriptors.mkdir(parents=True)
    (descriptors / "3").touch()  # not a link; one of the two is read before the socket
    (descriptors / "4").symlink_to("socket:[4711]")
    (descriptors / "5").touch()
    (tmp_path / "1/comm").write_text("systemd\n")
    holder = Listeners(str(tmp_path)).holder(LocalAddress(b"\x7f\0\0\1", 9001))
    assert str(holder) == "systemd (pid 1)"


def test_nothing_to_read(tmp_path):
    """Without /proc nobody is known to listen."""
    found = Listeners(str(tmp_path))
    address = LocalAddress(b"\x7f\0\0\1", 25)
    assert (found.at(address), found.holder(address)) == (None, None)


def test_resolved(tmp_path):
    """Links on the way are followed, the last part is not; what is no path stays as it is."""
    (tmp_path / "link").symlink_to(tmp_path / "real")
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "socket").symlink_to("/nowhere")
    assert resolved(f"{tmp_path}/link/socket") == f"{tmp_path}/real/socket"
    assert resolved("/socket") == "/socket"
    assert resolved("127.0.0.1:9001") == "127.0.0.1:9001"


def test_a_unix_socket_by_another_path(tmp_path):
    """A socket is found by each path that leads to it."""
    (tmp_path / "link").symlink_to(tmp_path)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "socket"))
        server.listen()
        found = Listeners()
        bound = LocalAddress(None, path=str(tmp_path / "socket"))
        assert found.at(LocalAddress(None, path=f"{tmp_path}/link/socket")) == bound
        assert found.at(LocalAddress(None, path=f"{tmp_path}/link/other")) is None
        assert found.holder(bound) is not None


def test_is_local():
    """Loopback is, an address for documentation is not."""
    assert is_local(parse_ip("127.0.0.1") or b"")
    assert not is_local(parse_ip("203.0.113.9") or b"")
