# SPDX-License-Identifier: MIT
"""The endpoint that is wanted: each part of it checked, and its entry in config.json.

The functions that check a part raise ValueError with a sentence that says what is wrong. The
sentences do not repeat URLs and tokens. Everything here is pure.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.migration.main_cf import PURPOSES
from postfix_rest_inetd.admin.protocols import SIDES, has_maps
from postfix_rest_inetd.config import values
from postfix_rest_inetd.config.address import LocalAddress, parse_ip
from postfix_rest_inetd.config.credentials import MAX_TOKEN_BYTES
from postfix_rest_inetd.config.target import Target
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from collections.abc import Collection

FIRST_PORTS = {model.TCP_LOOKUP: 9001, model.SOCKETMAP_LOOKUP: 9002, model.POLICY: 9003}
"""The ports of the examples in the manual."""

NAMES = {model.TCP_LOOKUP: "", model.SOCKETMAP_LOOKUP: "maps", model.POLICY: "policy"}
"""How the examples in the manual name an endpoint; empty: by its purpose."""

_LOOPBACK = b"\x7f\0\0\1"
_MAX_PORT = 65535
_MAX_PATH_BYTES = 107  # fields.py, bind-path
# A backend that forgets its token, its routes or its limits defers mail, and does not bounce it.
_TEMPORARY_STATUSES = [401, 403, 404, 408, 429]
_ALLOWED_ACTIONS = ["DUNNO", "REJECT"]


class Wanted(NamedTuple):
    """An endpoint.

    Attributes:
        mode: one of model.MODES.
        purposes: for a lookup, words of PURPOSES.
        url: of the backend. It may contain secrets.
        token: empty if the backend wants none.
        address: where Postfix asks.
        name: of the endpoint.
    """

    mode: str
    purposes: tuple[str, ...]
    url: str
    token: str
    address: LocalAddress
    name: str

    def entry(self, token_path: str) -> dict[str, object]:
        """The entry in config.json; `token_path` is that of the token file."""
        found: dict[str, object] = {"name": self.name, "mode": self.mode}
        if self.address.path is not None:
            found["bind-path"] = self.address.path
        else:
            if self.address.ip != _LOOPBACK:
                found["bind-address"] = str(self.address).rpartition(":")[0].strip("[]")
            found["bind-port"] = self.address.port
        found["target"] = self.url
        found.update({"auth-token-file": token_path} if self.token else {"auth-token": ""})
        found["temporary-statuses"] = _TEMPORARY_STATUSES
        if not is_lookup(self.mode):
            found["allowed-actions"] = _ALLOWED_ACTIONS
        return found


def checked_mode(text: str) -> str:
    """A mode; `tcp` and `socketmap` are enough."""
    word = text.strip().lower()
    return values.mode(next((mode for mode in model.MODES if mode.split("-")[0] == word), word))


def checked_purposes(text: str, mode: str) -> tuple[str, ...]:
    """Words of PURPOSES, with commas or blanks between them; a mode without maps has only one."""
    words = tuple(dict.fromkeys(re.split(r"[\s,]+", text.strip().lower()))) if text.strip() else ()
    if words and not is_lookup(mode):
        raise ValueError("a policy endpoint has no tables")
    for word in words:
        if word not in PURPOSES:
            raise ValueError(f"{word!r} is none of {', '.join(PURPOSES)}")
    if len(words) > 1 and not has_maps(mode):
        raise ValueError(f"{mode} has one table for each endpoint; socketmap-lookup has several")
    return words


def checked_url(text: str) -> str:
    """An http or https URL."""
    url = text.strip()
    Target(url)
    return url


def checked_token(content: bytes) -> str:
    """The token in a file, without the line end; empty for an empty file."""
    try:
        token = content.decode().removeprefix("\ufeff").strip(" \t\r\n")
    except UnicodeDecodeError:
        raise ValueError("the token is not UTF-8") from None
    if len(token.encode()) > MAX_TOKEN_BYTES or any(c < " " or c == "\x7f" for c in token):
        what = f"the token must be one line of at most {MAX_TOKEN_BYTES} bytes"
        raise ValueError(f"{what}, without control characters")
    return token


def checked_name(text: str, taken: Collection[str]) -> str:
    """A name that no endpoint has."""
    name = values.text(text.strip())
    if name in taken:
        raise ValueError(f"there is an endpoint {name!r} already")
    return name


def checked_address(text: str, mode: str, taken: Collection[LocalAddress]) -> LocalAddress:
    """A port of 127.0.0.1, HOST:PORT, or the path of a unix socket; no endpoint has it."""
    found = _address(text.strip())
    side = SIDES[mode]
    if found.path is not None and not side.HAS_UNIX_SOCKETS:
        raise ValueError(f"Postfix has no unix sockets for {mode}; give a port")
    if found in taken:
        raise ValueError(f"an endpoint listens at {found} already")
    return found


def _address(text: str) -> LocalAddress:
    if text.startswith("/"):
        return LocalAddress(None, path=values.socket_path(text, _MAX_PATH_BYTES))
    host, _, port = text.rpartition(":")
    if not (port.isascii() and port.isdecimal() and 1 <= int(port) <= _MAX_PORT):
        raise ValueError("an address is a port, as 9001, HOST:PORT or the path of a unix socket")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise ValueError("an IPv6 address has brackets, as [::1]:9001")
    packed = parse_ip(host.strip("[]") or "localhost")
    if packed is None:
        raise ValueError("the host must be an IP address, as 127.0.0.1 or [::1], or localhost")
    return LocalAddress(packed, int(port))


def usual_name(mode: str, purposes: tuple[str, ...], taken: Collection[str]) -> str:
    """A name that is free."""
    stem = NAMES[mode] or next(iter(purposes), "lookup")
    if stem not in taken:
        return stem
    names = (f"{stem}{number}" for number in range(2, len(taken) + 3))
    return next(name for name in names if name not in taken)


def purposes_in(name: str, mode: str) -> tuple[str, ...]:
    """What a name says about the purpose, as in `migrate`: one purpose, or nothing."""
    found = [word for word in PURPOSES if word in name.lower()] if is_lookup(mode) else []
    return (found[0],) if len(found) == 1 else ()


def token_file_name(name: str) -> str:
    """The name of the file of an endpoint's token."""
    return f"{re.sub(r'[^A-Za-z0-9_-]+', '-', name)}.token"
