# SPDX-License-Identifier: MIT
"""The open connections of endpoints, and how many of their handlers hibernate.

Every user can see connections. Only root can see whether a handler of the sandbox
hibernates: then it has the file open that it leaves for the time when it wakes (handover.py), and
has not taken it yet. It leaves none if the configuration is larger than handover.MAX_BYTES, and
does not count here.
"""

from __future__ import annotations

import contextlib
import os
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.host import proc_net
from postfix_rest_inetd.config.endpoint import select
from postfix_rest_inetd.handover import FILE_NAME

if TYPE_CHECKING:
    from postfix_rest_inetd.config.endpoint import Endpoint

_LEFT = f"/memfd:{FILE_NAME}"
_TAKEN = ["pos:", "0"]


class Count(NamedTuple):
    """The connections of an endpoint.

    Attributes:
        open: how many there are, those included that wait for their handler to start.
        hibernating: how many of them have a handler that hibernates; None if that is not known.
    """

    open: int
    hibernating: int | None


def count(endpoints: list[Endpoint], directory: str = "/proc") -> list[Count]:
    """The connections of each endpoint."""
    inodes: dict[str, Endpoint] = {}
    numbers = dict.fromkeys(endpoints, 0)
    places = {(endpoint.address.port, endpoint.address.path) for endpoint in endpoints}
    for each in proc_net.sockets(directory):
        if each.listens or (each.local.port, each.local.path) not in places:
            continue
        endpoint = select(endpoints, each.local)
        if not isinstance(endpoint, str):
            numbers[endpoint] += 1
            inodes[each.inode] = endpoint
    inodes.pop("0", None)  # nobody has accepted it yet
    seen, hibernating = _handlers(inodes, directory)
    hidden = {inodes[inode] for inode in inodes if inode not in seen}
    if os.geteuid() == 0:
        hidden = set()  # these have ended meanwhile
    return [
        Count(number, None if endpoint in hidden else hibernating.get(endpoint, 0))
        for endpoint, number in numbers.items()
    ]


def _handlers(inodes: dict[str, Endpoint], directory: str) -> tuple[set[str], dict[Endpoint, int]]:
    """The connections whose process could be seen, and how many of these hibernate."""
    seen: set[str] = set()
    hibernating = dict.fromkeys(inodes.values(), 0)
    for pid in filter(str.isdecimal, os.listdir(directory) if inodes else ()):
        with contextlib.suppress(OSError):
            link = os.readlink(f"{directory}/{pid}/fd/0")  # a handler has its connection there
            inode = link.removeprefix("socket:[").removesuffix("]")
            if inode in inodes and inode not in seen:
                seen.add(inode)
                hibernating[inodes[inode]] += _hibernates(f"{directory}/{pid}")
    return seen, hibernating


def _hibernates(process: str) -> bool:
    """Has it left a file, and not taken it? `process` is its directory in /proc."""
    for name in os.listdir(f"{process}/fd"):
        with contextlib.suppress(OSError):
            if os.readlink(f"{process}/fd/{name}").partition(" ")[0] == _LEFT:
                with open(f"{process}/fdinfo/{name}", encoding="ascii") as about:
                    return about.readline().split() != _TAKEN
    return False
