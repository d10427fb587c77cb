# SPDX-License-Identifier: MIT
"""Who listens on this machine: addresses from /proc/net, and the processes that hold them.

Without root, the processes of other users cannot be seen: the holder of an address is then None.
"""

from __future__ import annotations

import contextlib
import os
import re
import socket
from typing import NamedTuple

from postfix_rest_inetd.admin.host import proc_net
from postfix_rest_inetd.config.address import WILDCARDS, LocalAddress

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
        found = proc_net.sockets(directory)
        self._inodes = {each.local: each.inode for each in found if each.listens}
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

    def _find_holders(self) -> dict[str, Holder]:
        wanted = set(self._inodes.values())
        found: dict[str, Holder] = {}
        for pid in sorted(int(name) for name in os.listdir(self._proc) if name.isdecimal()):
            for inode in _sockets_of(f"{self._proc}/{pid}/fd") & wanted - found.keys():
                name = "".join(proc_net.lines(f"{self._proc}/{pid}/comm", skip=0)).strip()
                found[inode] = Holder(pid, name)
        return found


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
