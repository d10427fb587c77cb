# SPDX-License-Identifier: MIT
"""The copies of their drop-ins that socket units keep in a directory while they listen.

systemd closes a listening socket at a daemon-reload after which its unit no longer has the address.
So the generator has to know which sockets listen. It cannot ask systemd, which waits for it. The
units create and remove the copies (systemd/system/postfix-rest-@.socket.d/).
"""

from __future__ import annotations

import os

from .. import regular_file

DIRECTORY = "/run/postfix-rest-inetd"

_PREFIX, _SUFFIX = "postfix-rest-", ".socket.conf"
_MAX_BYTES = 4 * 1024 * 1024  # 1000 endpoints with the longest paths and names need less
_KEPT_KEYS = "ListenStream BindIPv6Only SocketUser SocketGroup SocketMode Backlog".split()


def left_behind(directory: str) -> tuple[dict[str, str], list[str]]:
    """The drop-ins of the sockets that listen, by unit, and which of them cannot be read, and why.

    The comment on their first line is removed. Other files in the directory are not opened.
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
        if not (name.startswith(_PREFIX) and name.endswith(_SUFFIX)):
            continue
        path = os.path.join(directory, name)
        try:
            found[name.removesuffix(".conf")] = _content(path).partition("\n\n")[2]
        except OSError as error:
            failures.append(f"{path} cannot be read: {error.strerror}")
        except ValueError as error:
            failures.append(f"{path} {error}")
    return found, failures


def _content(path: str) -> str:
    try:
        content = regular_file.read(path, _MAX_BYTES + 1)
    except regular_file.NotRegularError:
        raise ValueError("is not a regular file") from None
    if len(content) > _MAX_BYTES:
        raise ValueError(f"is larger than {_MAX_BYTES} bytes")
    return content.decode(errors="surrogateescape")


def addresses(text: str) -> list[str]:
    """The addresses in a drop-in."""
    lines = (line.partition("=") for line in text.splitlines())
    return [value.replace("%%", "%") for key, _, value in lines if key == "ListenStream"]


def socket_lines(text: str) -> list[str]:
    """The lines of a drop-in that say where and how to listen."""
    return [line for line in text.splitlines() if line.partition("=")[0] in _KEPT_KEYS]
