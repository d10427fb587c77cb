# SPDX-License-Identifier: MIT
"""The processes that hold the addresses of endpoints, and the units that these belong to."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.listeners import Listeners
    from postfix_rest_inetd.config.endpoint import Endpoint
    from postfix_rest_inetd.config.loading import Config


def holders(
    loaded: Config, listeners: Listeners
) -> Iterator[tuple[Endpoint, tuple[str, str | None]]]:
    """For each endpoint, the process that holds its address, and its unit, if any."""
    for endpoint in loaded.endpoints:
        place = listeners.in_the_way_of(endpoint.address)
        if place is not None:
            holder = listeners.holder(place)
            if holder is None:
                yield endpoint, ("a process that only root can see", None)
            elif holder.pid != 1:
                yield endpoint, (str(holder), _unit_of(holder.pid))


def _unit_of(pid: int) -> str | None:
    """The service that a process belongs to."""
    try:
        with open(f"/proc/{pid}/cgroup", encoding="utf-8") as file:
            found = re.findall(r"/([^/\n]+\.service)\b", file.read())
    except OSError:
        return None
    # To stop the service does not stop a container, or a process that was started on a terminal.
    own = [unit for unit in found if not unit.startswith(("docker.", "containerd.", "user@"))]
    return own[-1] if own and own == found else None
