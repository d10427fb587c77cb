# SPDX-License-Identifier: MIT
"""The commands that put a configuration of postfix-rest-connector into service, in their order.

A shell can run the whole text: everything else is a comment.
"""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError
from postfix_rest_inetd.model import MODES
from postfix_rest_inetd.units.advice import command
from postfix_rest_inetd.units.names import escape, instances_of, socket_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.config.endpoint import Endpoint
    from postfix_rest_inetd.config.loading import Config

_USER = "postfix-rest-inetd"


def has_endpoints() -> bool:
    """Is there a configuration already that may be in use?"""
    try:
        return bool(loading.load(loading.DEFAULT_PATH).endpoints)
    except ConfigError:
        return os.path.exists(loading.DEFAULT_PATH)


def lines(path: str, loaded: Config, units: list[str], *, unknown: bool) -> Iterator[str]:
    """The commands after which our sockets listen, in their order."""
    yield "# 1. The configuration, readable only by root and the handlers:"
    if os.path.abspath(path) != loading.DEFAULT_PATH:
        keep = "-b " if has_endpoints() else ""
        file = shlex.quote(f"./{path}" if path.startswith("-") else path)
        yield f"install {keep}-m 0640 -o root -g {_USER} {file} {loading.DEFAULT_PATH}"
    yield "postfix-rest-inetd check --only config,files"
    yield "systemctl daemon-reload"
    yield "# 2. Stop the daemon and start the sockets. In between, Postfix defers mail:"
    if units:
        yield command("disable --now", *units)
    if unknown:
        yield "# Stop the other processes that hold the addresses; they are named above."
    modes = [mode for mode in MODES if any(e.mode == mode for e in loaded.endpoints)]
    if modes:
        yield command("enable", *(socket_of(mode) for mode in modes))
        yield command("start", *(socket_of(mode, "all") for mode in modes))
    yield from _single(loaded)


def _single(loaded: Config) -> Iterator[str]:
    """The units for single endpoints."""
    named = [endpoint for endpoint in loaded.endpoints if endpoint.address.path is None]
    if len(loaded.endpoints) > 1 and named:
        yield "# Instead of @all, each endpoint can have its own socket unit:"
        units = (socket_of(e.mode, _instance(e, loaded)) for e in named)
        for unit in dict.fromkeys(units):
            yield f"#   {command('start', unit)}"


def _instance(endpoint: Endpoint, loaded: Config) -> str:
    """The part after the @: the name itself if that is possible, or else escaped."""
    of_mode = [other for other in loaded.endpoints if other.mode == endpoint.mode]
    known = instances_of(of_mode)
    plain = endpoint.name
    usable = plain != "all" and endpoint in known.get(plain, ())
    return plain if usable else escape(plain)
