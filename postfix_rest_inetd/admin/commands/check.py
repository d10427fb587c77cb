# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd check`: does all fit that has to work together, and what is to be done?

Its parts, each a module check_*.py that yields findings:

    config      the configuration: all of its problems, with line and column; risks; urllib3
    files       the files that it names, and the rights of the handlers
    sockets     systemd's socket units, and who listens
    postfix     the tables and policy services of Postfix that lead here
    probe       (--probe) the backends, the endpoints as Postfix asks them, and recent failures

All of them concern the installed configuration. To a file that is not installed (`--config`), only
`config` and `files` apply, unless `--only` asks for more.

Exit status: 0 when no error was found, 1 when one was, 2 for a wrong command line. A warning is
about a step that is still to be taken, or a risk: with `--strict` it counts as an error, without it
`check` can stand before these steps in a script.
"""

from __future__ import annotations

import argparse
import os
import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import (
    capacity,
    configuration,
    files,
    python,
    report,
    risks,
    units,
)
from postfix_rest_inetd.admin.checks import (
    postfix as postfix_checks,
)
from postfix_rest_inetd.admin.checks.finding import ERROR, NOTE, WARNING, Finding
from postfix_rest_inetd.admin.host import references, systemd
from postfix_rest_inetd.admin.host.listeners import Listeners
from postfix_rest_inetd.admin.ui.options import add_config_option
from postfix_rest_inetd.config import loading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.config.endpoint import Endpoint

EXIT_GOOD = 0
EXIT_BAD = 1

PARTS = ("config", "files", "sockets", "postfix", "probe")
_OF_ANY_FILE = frozenset(("config", "files"))
_OF_THE_INSTALLED = _OF_ANY_FILE | {"sockets", "postfix"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line knows."""
    parser.epilog = (
        "exit status: 0 no error was found (warnings are steps still to be taken, or "
        "risks); 1 an error, or with --strict a warning; 2 wrong command line."
    )
    add_config_option(parser)
    parser.add_argument(
        "--probe",
        action="store_true",
        help="ask each backend and each socket for something that cannot exist, and tell of the "
        "failures of the last hour",
    )
    parser.add_argument(
        "--only",
        type=_parts,
        metavar="PART[,PART]",
        help=f"run only these parts: {', '.join(PARTS)}",
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings as well")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Check, and print what was found; returns the exit status."""
    parts = arguments.only or (
        _OF_THE_INSTALLED if _is_installed(arguments.config) else _OF_ANY_FILE
    )
    if arguments.probe:
        parts |= {"probe"}
    findings = list(_findings(arguments.config, parts))
    if arguments.json:
        report.as_json(arguments.config, findings)
    else:
        report.as_text(findings)
    bad = {ERROR, WARNING} if arguments.strict else {ERROR}
    return EXIT_BAD if any(finding.severity in bad for finding in findings) else EXIT_GOOD


def _parts(text: str) -> frozenset[str]:
    parts = frozenset(text.split(","))
    if not parts <= set(PARTS):
        raise argparse.ArgumentTypeError(f"the parts are {', '.join(PARTS)}")
    return parts


def _is_installed(path: str) -> bool:
    """Is it the file that systemd's handlers and the generator read?"""
    return os.path.abspath(path) == loading.DEFAULT_PATH


def _findings(path: str, parts: frozenset[str]) -> Iterator[Finding]:
    loaded, found = configuration.load(path)
    if "config" in parts or loaded is None:
        yield from found
    if "config" in parts:
        yield from python.findings()
        yield from risks.findings([] if loaded is None else loaded.endpoints)
    if "files" in parts:
        yield from _files(path, loaded)
    listeners = Listeners()
    if "sockets" in parts:
        yield from _sockets(loaded, listeners)
    if loaded is None or not loaded.endpoints:
        return
    if not parts.isdisjoint(("postfix", "probe")):
        yield from _asked(path, loaded, parts, listeners)


def _asked(
    path: str, loaded: loading.Config, parts: frozenset[str], listeners: Listeners
) -> Iterator[Finding]:
    """Who asks the endpoints, and what they answer; do handlers use this configuration?"""
    in_use = _is_installed(path) or "sockets" in parts
    postfix, notes = postfix_checks.settings_and_notes()
    if "postfix" in parts:
        yield from notes
        if postfix:
            yield from _postfix(loaded.endpoints, listeners, postfix)
    if "probe" in parts:
        yield from _probe(path, loaded, listeners if in_use else None, postfix)


def _has_units() -> bool:
    return systemd.is_running() and systemd.are_installed()


def _files(path: str, loaded: loading.Config | None) -> Iterator[Finding]:
    if _is_installed(path) and _has_units():
        settings = systemd.handler_settings()
        if loaded is not None:
            files.use_credentials(loaded, settings)
        yield from files.installed(path, loaded, settings)
    if loaded is not None:
        yield from files.usable(path, loaded)


def _sockets(loaded: loading.Config | None, listeners: Listeners) -> Iterator[Finding]:
    endpoints = None if loaded is None else loaded.endpoints
    if _has_units():
        yield from units.findings(endpoints, listeners)
        return
    missing = "the units are" if systemd.is_running() else "systemd is"
    yield Finding(NOTE, "sockets", f"{missing} not there, so no socket unit was looked at")
    yield from units.without_units(endpoints or [], listeners)


def _postfix(
    endpoints: list[Endpoint], listeners: Listeners, instances: list[Settings]
) -> Iterator[Finding]:
    has_units = _has_units()
    ours = units.open_addresses() if has_units else frozenset()
    yield from postfix_checks.findings(endpoints, listeners, instances, ours)
    if has_units:
        serving = units.serving(endpoints)
        yield from capacity.findings(serving, endpoints, instances)


def _probe(
    path: str, loaded: loading.Config, listeners: Listeners | None, postfix: list[Settings]
) -> Iterator[Finding]:
    """Ask the backends; and where the configuration is one in use, its sockets and the journal."""
    names = _map_names(loaded.endpoints, postfix)
    failed = set()
    if python.is_usable():
        from postfix_rest_inetd.admin.checks import probe

        for endpoint in loaded.endpoints:
            for finding in probe.findings(endpoint, loaded, path, names):
                yield finding
                if finding.severity == ERROR:
                    failed.add(endpoint)
    if listeners is not None:
        from postfix_rest_inetd.admin.checks import failures, questions

        began = time.time()
        asked = questions.Asked(loaded.endpoints, path, names, failed)
        yield from questions.findings(asked, listeners)
        yield from failures.findings(loaded.endpoints, began)


def _map_names(endpoints: list[Endpoint], postfix: list[Settings]) -> dict[Endpoint, list[str]]:
    """The names of the maps that Postfix asks each socketmap endpoint for."""
    names: dict[Endpoint, list[str]] = {}
    for settings in postfix:
        for reference in references.find(settings):
            target = postfix_checks.endpoint_of(reference, endpoints, settings)
            if target is None or reference.map_name is None:
                continue
            known = names.setdefault(target, [])
            if reference.map_name not in known:
                known.append(reference.map_name)
    return names
