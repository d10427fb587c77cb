# SPDX-License-Identifier: MIT
"""What all socket units need on the machine: the generator, addresses, and no failed services."""

from __future__ import annotations

import os
import shlex
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING, Finding, commands
from postfix_rest_inetd.admin.checks.steps import RESET, Step
from postfix_rest_inetd.admin.checks.trouble import Trouble, solvable
from postfix_rest_inetd.admin.host import handler_units, systemd
from postfix_rest_inetd.admin.host.listeners import is_local
from postfix_rest_inetd.config.address import WILDCARDS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.config.endpoint import Endpoint

_RELOAD = "systemctl daemon-reload"
# Where version 0.1.0 had the programs of units, and where they are.
_FORMER, _PROGRAMS = "/usr/lib/postfix-rest-inetd/", "/usr/libexec/postfix-rest-inetd/"


def troubles(endpoints: list[Endpoint] | None) -> Iterator[Trouble]:
    """What is wrong; `endpoints` is None without a usable configuration."""
    for finding in _generator():
        yield Trouble(finding, is_blocking=True)
    for finding in _former_programs():
        yield Trouble(finding)
    if endpoints is not None:
        yield from _left_failed()
        for finding in _elsewhere(endpoints):
            yield Trouble(finding)


def _generator() -> Iterator[Finding]:
    """The program that gives all sockets their addresses."""
    path, is_usable = systemd.generator()
    if not path:
        what = "is missing, so sockets get no addresses"
        yield Finding(ERROR, "generator", what, "Install the package again.")
    elif os.path.realpath(path) == os.devnull:
        what = "is masked, so sockets get no addresses"
        yield Finding(ERROR, path, what, commands(f"rm {path}", _RELOAD))
    elif not is_usable:
        what = "cannot be run by systemd, so sockets get no addresses"
        yield Finding(ERROR, path, what, commands(f"chmod 0755 {path}", _RELOAD))


def _former_programs() -> Iterator[Finding]:
    """Drop-ins that name a program where 0.1.0 had it; this version has copies there."""
    for path in handler_units.files_naming(_FORMER):
        what = f"names a program in {_FORMER}, which a later version does not have"
        steps = (f"sed -i 's,{_FORMER},{_PROGRAMS},g' {shlex.quote(path)}", _RELOAD)
        yield Finding(WARNING, path, what, commands(*steps))


def _left_failed() -> Iterator[Trouble]:
    """Services that have failed. systemd keeps this state, even without a cause, until a reset."""
    for name in systemd.failed_services():
        what = "is still marked as failed, although the configuration is good now"
        if not name.endswith("-config.service"):
            what = "has failed; its journal says why"
        trouble = solvable(WARNING, name, what, Step(RESET, name))
        # A reset would hide a failure that has nothing to do with sockets.
        yield trouble._replace(steps=()) if name.startswith("export-") else trouble


def _elsewhere(endpoints: list[Endpoint]) -> Iterator[Finding]:
    """Addresses that this machine does not have; with FreeBind=, a socket can listen there."""
    for endpoint in endpoints:
        ip = endpoint.address.ip
        if ip is not None and ip not in WILDCARDS and not is_local(ip):
            what = f"this machine has no address {str(endpoint.address).rpartition(':')[0]}, so "
            what += f"no client can connect to {endpoint.address}, even if a socket listens there"
            advice = "Correct bind-address, unless this machine gets the address later."
            yield Finding(WARNING, endpoint.name, what, advice)
