# SPDX-License-Identifier: MIT
"""What systemd reads in a unit file: sections, and the values of their settings, one for each line.

Written from systemd.syntax(7), systemd.unit(5) (specifiers) and systemd.socket(5), and from
config_parse() and socket_address_parse() of systemd 257. It knows what the generator may write, and
refuses anything else, as a specifier that it does not know.
"""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

_SPECIFIERS = re.compile(r"%(.?)", re.DOTALL)
_UNIT_NAME = re.compile(r"[A-Za-z0-9:_.\\-]+@[A-Za-z0-9:_.\\-]*\.(?:socket|service)")
_UNIT_NAME_MAX = 255
_PATH_MAX_BYTES = 107


class Setting(NamedTuple):
    """A line."""

    section: str
    key: str
    value: str


class SocketAddress(NamedTuple):
    """Where a socket listens: a path, or an address and a port."""

    path: bytes | None
    ip: ipaddress.IPv4Address | ipaddress.IPv6Address | None = None
    port: int = 0


class SyntaxErrorInUnit(Exception):  # noqa: N818 - it is the name of what it is
    """systemd would ignore a line, or take it for something else."""


def parse(content: bytes) -> list[Setting]:
    """The settings of a file, in order."""
    text = content.decode()  # systemd skips a line that is not UTF-8
    if "\0" in text:
        raise SyntaxErrorInUnit("a NUL ends the file")
    settings = []
    section = ""
    for line in _logical_lines(text):
        if line.startswith("["):
            if not line.endswith("]"):
                raise SyntaxErrorInUnit(f"not a section: {line!r}")
            section = line[1:-1]
            continue
        key, equals, value = line.partition("=")
        if not equals or not section:
            raise SyntaxErrorInUnit(f"ignored: {line!r}")
        settings.append(Setting(section, key.rstrip(" \t\r"), value.strip(" \t\r")))
    return settings


def _logical_lines(text: str) -> list[str]:
    """Without comments and empty lines; a line that ends in a backslash goes on in the next one."""
    lines, begun = [], ""
    for line in text.split("\n"):  # read_line() ends lines at NUL and CR LF as well
        stripped = line.strip(" \t\r")
        if stripped[:1] in ("#", ";"):
            continue  # within a continuation as well
        whole = begun + (line.lstrip(" \t\r") if not begun else line)
        backslashes = len(whole) - len(whole.rstrip("\\"))
        if backslashes % 2:
            begun = whole[:-1] + " "
            continue
        begun = ""
        if whole.strip(" \t\r"):
            lines.append(whole.strip(" \t\r"))
    if begun.strip(" \t\r"):
        lines.append(begun.strip(" \t\r"))
    return lines


def expanded(value: str, specifiers: dict[str, str]) -> str:
    """A value with its specifiers replaced."""

    def replacement(match: re.Match[str]) -> str:
        name = match[1]
        if name == "%":
            return "%"
        if name not in specifiers:
            raise SyntaxErrorInUnit(f"an unknown specifier: {value!r}")
        return specifiers[name]

    return _SPECIFIERS.sub(replacement, value)


def socket_address(value: str) -> SocketAddress:
    """The value of ListenStream=, its specifiers replaced."""
    if value.startswith("/"):
        path = value.encode()
        if len(path) > _PATH_MAX_BYTES:
            raise SyntaxErrorInUnit("the path is too long")
        # path_simplify(), and patch_var_run()
        simple = b"/" + b"/".join(part for part in path.split(b"/") if part not in (b"", b"."))
        if b".." in simple.split(b"/"):
            raise SyntaxErrorInUnit("the path is not normalized")
        if simple.startswith(b"/var/run/"):
            simple = simple[len(b"/var") :]
        return SocketAddress(simple)
    match = re.fullmatch(r"\[([0-9a-f:.]+)\]:([0-9]{1,5})|([0-9.]+):([0-9]{1,5})", value)
    if match is None:
        raise SyntaxErrorInUnit(f"not an address: {value!r}")
    ip = ipaddress.IPv6Address(match[1]) if match[1] else ipaddress.IPv4Address(match[3])
    port = int(match[2] or match[4])
    if not 1 <= port <= 65535:
        raise SyntaxErrorInUnit(f"not a port: {value!r}")
    return SocketAddress(None, ip, port)


def is_unit_name(name: str) -> bool:
    """Can a unit have this name?"""
    return len(name) <= _UNIT_NAME_MAX and _UNIT_NAME.fullmatch(name) is not None
