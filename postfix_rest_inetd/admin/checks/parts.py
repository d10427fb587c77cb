# SPDX-License-Identifier: MIT
"""Combines the parts of `check`: which of them apply to a file, and what they find.

    config      the configuration: all of its problems, with line and column; risks; urllib3
    files       the files that it names, the cache directory, and the rights of the handlers
    sockets     systemd's socket units, and the processes that listen
    postfix     the tables and policy services of Postfix that connect to the endpoints
    probe       the backends, the endpoints through their sockets, and recent failures

The installed configuration, which systemd's handlers and the generator read, gets all but `probe`.
Another file gets `config` and `files`.
"""

from __future__ import annotations

import itertools
import os
import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import (
    capacity,
    configuration,
    files,
    python,
    risks,
    selinux,
    space,
    stored_answers,
    units,
)
from postfix_rest_inetd.admin.checks import (
    postfix as postfix_checks,
)
from postfix_rest_inetd.admin.checks.finding import ERROR, NOTE, Finding
from postfix_rest_inetd.admin.host import destination, handler_units, references, systemd
from postfix_rest_inetd.admin.host import selinux as selinux_policy
from postfix_rest_inetd.admin.host.listeners import Listeners
from postfix_rest_inetd.admin.ui.options import CACHE_DIRECTORY
from postfix_rest_inetd.config import loading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.config.endpoint import Endpoint

PARTS = ("config", "files", "sockets", "postfix", "probe")
_OF_ANY_FILE = frozenset(("config", "files"))
_OF_THE_INSTALLED = _OF_ANY_FILE | {"sockets", "postfix"}


def parts_for(path: str) -> frozenset[str]:
    """The parts for the configuration at `path`, without `probe`."""
    return _OF_THE_INSTALLED if _is_installed(path) else _OF_ANY_FILE


def _is_installed(path: str) -> bool:
    """Is it the file that systemd's handlers and the generator read?"""
    return os.path.abspath(path) == loading.DEFAULT_PATH


def findings(
    path: str, parts: frozenset[str], cache_directory: str = CACHE_DIRECTORY
) -> Iterator[Finding]:
    """The findings of these parts, in their order."""
    for _, found in by_part(path, parts, cache_directory):
        yield from found


def by_part(
    path: str, parts: frozenset[str], cache_directory: str = CACHE_DIRECTORY
) -> Iterator[tuple[str, Iterator[Finding]]]:
    """Each of these parts with its findings, which are to be read before the next part."""
    loaded, found = configuration.load(path)
    yield "config", _config(loaded, found, parts)
    if "files" in parts:
        yield "files", _files(path, loaded, cache_directory)
    listeners = Listeners()
    if "sockets" in parts:
        yield "sockets", _sockets(loaded, listeners)
    if loaded is None or not loaded.endpoints or parts.isdisjoint(("postfix", "probe")):
        return
    postfix, notes = postfix_checks.settings_and_notes()
    if "postfix" in parts:
        yield "postfix", itertools.chain(notes, _postfix(loaded.endpoints, listeners, postfix))
    if "probe" in parts:
        asked = listeners if _is_installed(path) or "sockets" in parts else None
        yield "probe", _probe(path, loaded, asked, postfix, cache_directory)


def _config(
    loaded: loading.Config | None, found: list[Finding], parts: frozenset[str]
) -> Iterator[Finding]:
    """What was FOUND when it was loaded, as far as that is wanted or a reason to give up."""
    if "config" in parts or loaded is None:
        yield from found
    if "config" in parts:
        endpoints = [] if loaded is None else loaded.endpoints
        yield from python.findings()
        yield from risks.findings(endpoints)
        yield from stored_answers.values(endpoints)


def _has_units() -> bool:
    return not systemd.obstacle()


def _files(path: str, loaded: loading.Config | None, cache_directory: str) -> Iterator[Finding]:
    if _is_installed(path) and _has_units():
        settings = handler_units.handler_settings()
        if loaded is not None:
            files.use_credentials(loaded, settings)
        yield from files.installed(path, loaded, settings)
        yield from space.findings(space.JOURNAL, "stats, status and trace may miss what happens")
    if loaded is not None:
        yield from files.usable(path, loaded)
        yield from _stored_answers(path, loaded.endpoints, cache_directory)


def _stored_answers(path: str, endpoints: list[Endpoint], directory: str) -> Iterator[Finding]:
    """Whether handlers can use their cache directory, as far as it is known which one that is."""
    is_standard = directory == CACHE_DIRECTORY
    if not (_is_installed(path) and _has_units()):
        if not is_standard:
            yield from stored_answers.usable(endpoints, directory, None, is_made=False)
        return
    settings = handler_units.handler_settings()
    own = settings.cache_directory
    if is_standard and not own:
        yield from stored_answers.without_directory(endpoints, f"{systemd.KINDS[0]}@.service")
        return
    directory = own if is_standard else directory
    is_made = settings.is_cache_made and directory == own
    hidden = settings.hides(directory)
    if hidden is not None:
        yield from stored_answers.hidden(endpoints, directory, hidden)
        return
    yield from stored_answers.usable(endpoints, directory, settings.user, is_made=is_made)


def _sockets(loaded: loading.Config | None, listeners: Listeners) -> Iterator[Finding]:
    endpoints = None if loaded is None else loaded.endpoints
    obstacle = systemd.obstacle()
    if not obstacle:
        yield from units.findings(endpoints, listeners)
        yield from _selinux(endpoints or [])
        return
    yield Finding(NOTE, "sockets", f"{obstacle}, so socket units were not checked")
    yield from units.without_units(endpoints or [], listeners)


def _selinux(endpoints: list[Endpoint]) -> Iterator[Finding]:
    policy = selinux_policy.loaded()
    if policy is not None:
        generator, _ = systemd.generator()
        credentials = tuple(handler_units.handler_settings().credentials.values())
        used = selinux.Used(handler_units.programs(), generator, loading.DEFAULT_PATH, credentials)
        yield from selinux.findings(endpoints, used, policy)


def _postfix(
    endpoints: list[Endpoint], listeners: Listeners, instances: list[Settings]
) -> Iterator[Finding]:
    if not instances:
        return
    has_units = _has_units()
    ours = units.open_addresses() if has_units else frozenset()
    yield from postfix_checks.findings(endpoints, listeners, instances, ours)
    if has_units:
        serving = units.serving(endpoints)
        yield from capacity.findings(serving, endpoints, instances)


def _probe(
    path: str,
    loaded: loading.Config,
    listeners: Listeners | None,
    postfix: list[Settings],
    cache_directory: str,
) -> Iterator[Finding]:
    """Ask the backends and, where handlers use this configuration, its sockets and the journal."""
    names = map_names(loaded.endpoints, postfix)
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
        questions.forget(asked, loaded.user_agent, cache_directory)
        yield from questions.findings(asked, listeners)
        yield from failures.findings(loaded.endpoints, began)


def map_names(endpoints: list[Endpoint], postfix: list[Settings]) -> dict[Endpoint, list[str]]:
    """The names of the maps that Postfix asks each socketmap endpoint for."""
    names: dict[Endpoint, list[str]] = {}
    for settings in postfix:
        for reference in references.find(settings):
            target = destination.endpoint_of(reference, endpoints, settings)
            if target is None or reference.map_name is None:
                continue
            known = names.setdefault(target, [])
            if reference.map_name not in known:
                known.append(reference.map_name)
    return names
