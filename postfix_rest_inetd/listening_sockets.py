# SPDX-License-Identifier: MIT
"""What sockets that listen have left behind: each a copy of its drop-in, for as long as it does.

systemd closes a listening socket at the daemon-reload after which its unit does not name the
address any more. So the generator has to know what listens, and cannot ask systemd, which waits for
it. The units make and remove the copies (systemd/system/postfix-rest-@.socket.d/).
"""

from __future__ import annotations

import os

DIRECTORY = "/run/postfix-rest-inetd"

_SUFFIX = ".socket.conf"
_KEPT_KEYS = ("ListenStream", "BindIPv6Only", "SocketUser", "SocketGroup", "SocketMode")


def left_behind(directory: str) -> tuple[dict[str, str], list[str]]:
    """The drop-ins of the sockets that listen, by unit, and which of them cannot be read, and why.

    They are without the comment on their first line.
    """
    found: dict[str, str] = {}
    failures: list[str] = []
    try:
        names = sorted(os.listdir(directory))
    except FileNotFoundError:
        return found, failures
    except OSError as error:
        return found, [f"{directory} cannot be read: {error.strerror}"]
    for name in names:
        if not name.endswith(_SUFFIX):
            continue
        path = os.path.join(directory, name)
        try:
            with open(path, encoding="utf-8", errors="surrogateescape") as file:
                found[name.removesuffix(".conf")] = file.read().partition("\n\n")[2]
        except OSError as error:
            failures.append(f"{path} cannot be read: {error.strerror}")
    return found, failures


def addresses(text: str) -> list[str]:
    """Where a drop-in says to listen."""
    lines = (line.partition("=") for line in text.splitlines())
    return [value.replace("%%", "%") for key, _, value in lines if key == "ListenStream"]


def socket_lines(text: str) -> list[str]:
    """The lines of a drop-in that say how to listen."""
    return [line for line in text.splitlines() if line.partition("=")[0] in _KEPT_KEYS]
