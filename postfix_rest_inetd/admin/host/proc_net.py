# SPDX-License-Identifier: MIT
"""The sockets of this machine, as the kernel lists them in /proc/net. Every user can read that."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.config.address import LocalAddress

if TYPE_CHECKING:
    from collections.abc import Iterator

# include/net/tcp_states.h. A connection in CLOSE_WAIT was closed by the client only.
_TCP_LISTEN = "0A"
_TCP_OPEN = ("01", "08")
_ACCEPTS_CONNECTIONS = 0x10000  # __SO_ACCEPTON: the flag of a unix socket that listens
_UNIX_CONNECTED = "03"  # SS_CONNECTED of include/uapi/linux/net.h


class Socket(NamedTuple):
    """A socket with a local address that either listens or is a connection.

    Attributes:
        local: where it listens, or where the connection has arrived.
        inode: the number by which /proc/PID/fd names it; `0` if no process has accepted it yet.
        listens: does it listen? Otherwise it is an open connection.
    """

    local: LocalAddress
    inode: str
    listens: bool


def sockets(directory: str = "/proc") -> Iterator[Socket]:
    """TCP and unix sockets; nothing for what cannot be read."""
    for name in ("tcp", "tcp6"):
        yield from _tcp(f"{directory}/net/{name}")
    yield from _unix(f"{directory}/net/unix")


def _tcp(path: str) -> Iterator[Socket]:
    for line in lines(path):
        fields = line.split()
        if len(fields) > 9 and fields[3] in (_TCP_LISTEN, *_TCP_OPEN):
            ip, _, port = fields[1].partition(":")
            local = LocalAddress(_packed(ip), int(port, 16))
            yield Socket(local, fields[9], fields[3] == _TCP_LISTEN)


def _unix(path: str) -> Iterator[Socket]:
    for line in lines(path):
        fields = line.split(maxsplit=7)
        if len(fields) < 8:
            continue
        listens = bool(int(fields[3], 16) & _ACCEPTS_CONNECTIONS)
        if listens or fields[5] == _UNIX_CONNECTED:
            yield Socket(LocalAddress(None, path=fields[7]), fields[6], listens)


def _packed(digits: str) -> bytes:
    """An address of /proc/net/tcp: 32-bit words in the byte order of the machine."""
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    return struct.pack(f"={len(words)}I", *words)


def lines(path: str, skip: int = 1) -> list[str]:
    """The lines of a file in /proc after the heading; none if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().splitlines()[skip:]
    except OSError:
        return []
