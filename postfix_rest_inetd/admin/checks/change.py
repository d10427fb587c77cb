# SPDX-License-Identifier: MIT
"""A change of the configuration: whether the new content can be used, and what follows from it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.checks import configuration, files
from postfix_rest_inetd.admin.checks.finding import ERROR, Finding
from postfix_rest_inetd.admin.host import handler_units, systemd
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError

if TYPE_CHECKING:
    from postfix_rest_inetd.config.loading import Config


class Change(NamedTuple):
    """What differs from one content to the next.

    Attributes:
        new: the new addresses, each with the name of its endpoint.
        gone: the addresses that no longer have an endpoint.
        is_installed: do the socket units of systemd follow this file?
    """

    new: dict[str, str]
    gone: list[str]
    is_installed: bool


def errors(path: str, content: bytes) -> list[Finding]:
    """The errors in the future content of `path`, and in the files that it names."""
    loaded, found = configuration.load(path, content)
    if loaded is not None:
        if _has_units():
            files.use_credentials(loaded, handler_units.handler_settings())
        found += files.usable(path, loaded, content)
    return [finding._replace(advice="") for finding in found if finding.severity == ERROR]


def between(path: str, before: bytes, after: bytes) -> Change | None:
    """What follows from a saved change; None if handlers cannot use the new content."""
    old, new = _config(before), _config(after)
    if new is None:
        return None
    was = {str(endpoint.address) for endpoint in old.endpoints} if old else set()
    now = {str(endpoint.address): endpoint.name for endpoint in new.endpoints}
    added = {address: name for address, name in now.items() if address not in was}
    is_installed = os.path.abspath(path) == loading.DEFAULT_PATH and _has_units()
    return Change(added, sorted(was - now.keys()), is_installed)


def _has_units() -> bool:
    return not systemd.obstacle()


def _config(content: bytes) -> Config | None:
    try:
        return loading.parse(content, "")
    except ConfigError:
        return None
