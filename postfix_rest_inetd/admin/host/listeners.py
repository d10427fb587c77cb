# SPDX-License-Identifier: MIT
"""Who listens on this machine: addresses from /proc/net, and the processes that hold them.

Without root, the processes of other users cannot be seen: the holder of an address is then None.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
import struct
from typing import NamedTuple

from postfix_rest_inetd.config.address import WILDCARDS, LocalAddress

_TCP_LISTEN = "0A"
_ACCEPTS_CONNECTIONS = 0x10000  # __SO_ACCEPTON: the flag of a unix socket that listens
_SOCKET_LINK = re.compile(r"socket:\[(\d+)\]")


def resolved(path: str) -> str:
    """A path without symbolic links on the way, such as /var/run; the last part stays as it is."""
    directory, slash, name = path.rpartition("/")
    return f"{os.path.realpath(f'{directory}{slash}').rstrip('/')}/{name}" if slash else path


def is_local(packed: bytes) -> bool:
    """Is it an address of this machine?"""
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((socket.inet_ntop(family, packed), 0))
    except OSError:
        return False
    return True


class Holder(NamedTuple):
    """A process."""

    pid: int
    name: str

    def __str__(self) -> str:
        """The form for messages."""
        return f"{self.name} (pid {self.pid})"


class Listeners:
    """The sockets that listen at this moment."""

    def __init__(self, directory: str = "/proc") -> None:
        """Read /proc."""
        self._proc = directory
        self._inodes: dict[LocalAddress, str] = {}
        for name in ("tcp", "tcp6"):
            self._read_tcp(f"{directory}/net/{name}")
        self._read_unix(f"{directory}/net/unix")
        self._holders: dict[str, Holder] | None = None

    def at(self, address: LocalAddress) -> LocalAddress | None:
        """The socket that listens at an address, or at a wildcard that covers it."""
        if address in self._inodes:
            return address
        if address.ip is None:
            real = resolved(address.path or "")
            sockets = (place for place in self._inodes if place.path is not None)
            return next((place for place in sockets if resolved(place.path or "") == real), None)
        # [::] covers IPv4 as well, unless the socket is IPv6-only, which /proc does not show.
        wildcards = (LocalAddress(ip, address.port) for ip in WILDCARDS)
        return next((place for place in wildcards if place in self._inodes), None)

    def in_the_way_of(self, address: LocalAddress) -> LocalAddress | None:
        """The socket that blocks an address: as `at`, or for a wildcard any socket on the port."""
        found = self.at(address)
        if found is None and address.ip in WILDCARDS:
            same_port = (place for place in self._inodes if place.port == address.port)
            found = next((place for place in same_port if place.ip is not None), None)
        return found

    def holder(self, address: LocalAddress) -> Holder | None:
        """The process that listens at an address (the oldest of several); None if unknown."""
        if self._holders is None:
            self._holders = self._find_holders()
        return self._holders.get(self._inodes.get(address, ""))

    def _read_tcp(self, path: str) -> None:
        for line in _lines(path):
            fields = line.split()
            if len(fields) > 9 and fields[3] == _TCP_LISTEN:
                ip, _, port = fields[1].partition(":")
                address = LocalAddress(_packed(ip), int(port, 16))
                self._inodes[address] = fields[9]

    def _read_unix(self, path: str) -> None:
        for line in _lines(path):
            fields = line.split(maxsplit=7)
            if len(fields) == 8 and int(fields[3], 16) & _ACCEPTS_CONNECTIONS:
                self._inodes[LocalAddress(None, path=fields[7])] = fields[6]

    def _find_holders(self) -> dict[str, Holder]:
        wanted = set(self._inodes.values())
        found: dict[str, Holder] = {}
        for pid in sorted(int(name) for name in os.listdir(self._proc) if name.isdecimal()):
            for inode in _sockets_of(f"{self._proc}/{pid}/fd") & wanted - found.keys():
                name = "".join(_lines(f"{self._proc}/{pid}/comm", skip=0)).strip()
                found[inode] = Holder(pid, name)
        return found


def _packed(digits: str) -> bytes:
    """An address of /proc/net/tcp: 32-bit words in the byte order of the machine."""
    words = [int(digits[at : at + 8], 16) for at in range(0, len(digits), 8)]
    return struct.pack(f"={len(words)}I", *words)


def _lines(path: str, skip: int = 1) -> list[str]:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read().splitlines()[skip:]
    except OSError:
        return []


def _sockets_of(directory: str) -> set[str]:
    """The inodes of the sockets that a process has open; it may open and close some meanwhile."""
    inodes = set()
    with contextlib.suppress(OSError):
        for name in os.listdir(directory):
            with contextlib.suppress(OSError):
                match = _SOCKET_LINK.fullmatch(os.readlink(f"{directory}/{name}"))
                if match:
                    inodes.add(match[1])
    return inodes
