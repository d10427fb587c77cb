# SPDX-License-Identifier: MIT
"""Postfix: do its tables and policy services that point here fit the endpoints?

Tables and services elsewhere are not checked. A reference to an address of this machine where
nothing listens, and that no endpoint has, is reported as a wrong port.
"""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import (
    asking,
    localhost,
    postfix_notes,
    relaying,
    repeats,
    typos,
    unlisted,
    unread,
    wrong_kind,
)
from postfix_rest_inetd.admin.checks.finding import (
    ERROR,
    NOTE,
    WARNING,
    Finding,
    commands,
)
from postfix_rest_inetd.admin.host import access, postconf, references
from postfix_rest_inetd.admin.host.listeners import resolved
from postfix_rest_inetd.admin.host.tokens import words
from postfix_rest_inetd.admin.protocols import has_maps
from postfix_rest_inetd.config import endpoint as endpoints_module
from postfix_rest_inetd.config.address import LocalAddress
from postfix_rest_inetd.protocols import is_lookup
from postfix_rest_inetd.units.advice import listed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.listeners import Listeners
    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint

START_MS = 1000  # that a handler may need before its request-timeout begins
_TIMEOUT = "smtpd_policy_service_timeout"
_URL = re.compile("https?:", re.IGNORECASE)
_ODD = re.compile(r"[^A-Za-z0-9_-]+")  # of a name that becomes a part of a path in main.cf
_REFUSING = {"local": ("alias_maps", "local"), "virtual": ("virtual_mailbox_maps", "virtual")}


def findings(
    endpoints: list[Endpoint],
    listeners: Listeners,
    instances: list[Settings],
    ours: frozenset[str] = frozenset(),
) -> Iterator[Finding]:
    """What does not fit, in all instances; `ours` are the addresses of our socket units."""
    asked: set[Endpoint] = set()
    for settings in instances:
        used = []
        for reference in references.find(settings):
            target = endpoint_of(reference, endpoints, settings)
            if target is None:
                yield from _strays(reference, endpoints, listeners, settings, ours)
            else:
                used.append((reference, target))
                yield from _of_reference(reference, target, endpoints, listeners, settings)
        asked.update(target for _, target in used)
        yield from unread.findings(endpoints, settings)
        yield from relaying.findings(used, settings)
        yield from unlisted.findings(used, settings)
        yield from repeats.findings(used, settings)
        yield from postfix_notes.findings(used, settings)
        yield from _unknown(endpoints, settings)
    obstacles = {e: found for e in endpoints if e not in asked and (found := asking.obstacle(e))}
    for endpoint, (what, advice) in obstacles.items():
        yield Finding(WARNING, endpoint.name, what, advice)
    idle = [e.name for e in endpoints if e not in asked and e not in obstacles]
    if idle:
        what = "is not used by any table or policy service of Postfix"
        yield Finding(NOTE, listed(idle), what)


def endpoint_of(
    reference: Reference, endpoints: list[Endpoint], settings: Settings
) -> Endpoint | None:
    """The endpoint that a reference leads to, even if its mode does not fit."""
    for place in reference.addresses:
        found = endpoints_module.select(endpoints, place)
        if not isinstance(found, str):
            return found
    paths = [resolved(path) for path in _paths(reference, settings)]
    for endpoint in endpoints:
        if endpoint.address.path is not None and resolved(endpoint.address.path) in paths:
            return endpoint
    return None


def _paths(reference: Reference, settings: Settings) -> list[str]:
    """The paths that a unix: path may mean: below the queue directory, and as it is."""
    path = reference.path
    if path is None:
        return []
    queue = settings.value("queue_directory").rstrip("/")
    return [path, queue + path] if path.startswith("/") else [f"{queue}/{path}"]


def _strays(
    reference: Reference,
    endpoints: list[Endpoint],
    listeners: Listeners,
    settings: Settings,
    ours: frozenset[str],
) -> Iterator[Finding]:
    """References that do not lead to an endpoint, although they seem to be meant for one."""
    if not is_lookup(reference.mode) and _URL.match(reference.text):
        yield _url(endpoints, reference, settings)
        return
    for problem, meant in typos.readings(reference, settings):
        target = endpoint_of(meant, endpoints, settings)
        if target is not None:
            what = f"{reference.text}: {problem}"
            fits = target.mode == meant.mode
            advice = f"Use {meant.text}"
            if not fits:
                advice = wrong_kind.advice(reference, target, endpoints, settings)
            yield Finding(ERROR, _where(reference, settings), what, advice)
            return
    places = list(reference.addresses)
    places += [LocalAddress(None, path=path) for path in _paths(reference, settings)]
    if any(str(place) in ours for place in places):
        what = f"{reference.text}: a socket unit listens there, but config.json has no endpoint "
        what += "for it"
        advice = "Every request gets a temporary error. Add the endpoint, or change this reference."
        yield Finding(ERROR, _where(reference, settings), what, advice)
        return
    for what, advice in () if places else unread.of_reference(reference, endpoints, settings):
        yield Finding(ERROR, _where(reference, settings), what, advice)
    if not places or any(listeners.at(place) is not None for place in places):
        return
    if reference.path is not None and _is_service(reference.path, settings):
        return
    what = f"{reference.text}: nothing listens there, and no endpoint has this address"
    there = [e for e in endpoints if e.mode == reference.mode]
    known = ", ".join(f"{e.name} at {e.address}" for e in there) or "none"
    advice = f"The {reference.mode} endpoints of config.json: {known}."
    yield Finding(ERROR, _where(reference, settings), what, advice)


def _is_service(path: str, settings: Settings) -> bool:
    """Is it a socket that Postfix itself listens at, as for spawn(8)?"""
    directory, _, name = path.partition("/")
    services = {service.name for service in settings.services}
    return directory in ("private", "public") and f"{name}/unix" in services


def _unknown(endpoints: list[Endpoint], settings: Settings) -> Iterator[Finding]:
    """Parameters that Postfix does not know, and nothing else uses, with an endpoint of ours."""
    for parameter, value in settings.unknown:
        for reference in references.in_value(value, settings):
            if endpoint_of(reference, endpoints, settings) is not None:
                what = f"{reference.text} is not used: Postfix does not have this parameter"
                advice = f"postconf reports it as unused. Is {parameter} misspelt?"
                yield Finding(WARNING, f"{settings.shown}: {parameter}", what, advice)


def _of_reference(
    reference: Reference,
    endpoint: Endpoint,
    endpoints: list[Endpoint],
    listeners: Listeners,
    settings: Settings,
) -> Iterator[Finding]:
    where = _where(reference, settings)
    if reference.mode != endpoint.mode:
        what = f"{reference.text} asks {endpoint.name}, whose mode is {endpoint.mode}"
        advice = wrong_kind.advice(reference, endpoint, endpoints, settings)
        yield Finding(ERROR, where, what, advice)
        return
    if has_maps(reference.mode) and reference.map_name is None:
        advice = "The name is the last part, and it is sent to the backend: "
        advice += f"{reference.text.rstrip(':')}:NAME"
        yield Finding(ERROR, where, f"{reference.text}: {typos.NO_MAP_NAME}", advice)
    if reference.path is not None:
        yield from _chroot(reference, endpoint, settings)
    if listeners.at(endpoint.address) is None:
        what = f"{reference.text} asks {endpoint.name}, but nothing listens for it now"
        yield Finding(ERROR, where, what, "Mail is deferred until its socket is started.")
    elif reference.path is not None:
        yield from _closed(where, endpoint, settings)
    yield from localhost.findings(reference, endpoint, endpoints, listeners, where)
    if reference.is_proxied:
        yield from _proxy(reference, settings)
    if not is_lookup(reference.mode):
        yield from _timeout(reference, endpoint, settings)
    yield from _refusing(reference, settings)


def _url(endpoints: list[Endpoint], reference: Reference, settings: Settings) -> Finding:
    """A URL as a policy service; it may have a password, so it is not shown."""
    what = "check_policy_service has a URL, but Postfix can only ask an endpoint"
    own = [endpoint for endpoint in endpoints if not endpoint.is_lookup]
    advice = "Make the URL the target of a policy endpoint, and use the address of that."
    if len(own) == 1:
        advice = wrong_kind.right(own[0], settings)
    return Finding(ERROR, _where(reference, settings), what, advice)


def _closed(where: str, endpoint: Endpoint, settings: Settings) -> Iterator[Finding]:
    path = endpoint.address.path or ""
    user = settings.value("mail_owner") or "postfix"
    if access.may(user, "w", path) is False:
        blocked = access.obstacle(user, path)
        what = f"{user} may not connect to {path}: {blocked} is {access.rights(blocked)}"
        yield Finding(ERROR, where, what, "Choose a bind-path that Postfix can reach.")


def _chroot(reference: Reference, endpoint: Endpoint, settings: Settings) -> Iterator[Finding]:
    """An absolute path means a different file to services that are chrooted."""
    path = reference.path or ""
    if not path.startswith("/"):
        return
    queue = settings.value("queue_directory").rstrip("/")
    real = endpoint.address.path or ""
    chrooted = {service.is_chrooted: service.name for service in askers(reference, settings)}
    for is_chrooted, seen in ((True, queue + path), (False, path)):
        if is_chrooted in chrooted and resolved(seen) != resolved(real):
            kind = "is chrooted" if is_chrooted else "is not chrooted"
            what = f"unix:{path}: {chrooted[is_chrooted]} {kind} and looks for {seen}, "
            what += f"but {endpoint.name} listens at {real}"
            if real.startswith(f"{queue}/"):
                advice = f"Without the first /, all services find it: unix:{real[len(queue) + 1 :]}"
            else:
                name = _ODD.sub("-", endpoint.name)
                advice = f"Set bind-path to a path below {queue}, such as "
                advice += f"{queue}/rest/{name}, and use unix:rest/{name}"
            yield Finding(ERROR, _where(reference, settings), what, advice)
            return


def unreachable(
    endpoint: Endpoint, parameter: str, element: str, settings: Settings
) -> Finding | None:
    """Why not all services that use a parameter would find an endpoint there, by its element."""
    future = settings._replace(parameters={**settings.parameters, parameter: element})
    for reference in references.find(future):
        if parameter in reference.parameters and endpoint_of(reference, [endpoint], future):
            for finding in _chroot(reference, endpoint, future):
                return finding
    return None


def _proxy(reference: Reference, settings: Settings) -> Iterator[Finding]:
    table = _proxied(reference, settings)
    if table not in words(settings.value("proxy_read_maps")):
        what = f"{table} is not in proxy_read_maps, so proxymap(8) refuses it"
        directory = f" -c {shlex.quote(settings.directory)}" if settings.directory else ""
        known = f"$(postconf{directory} -h proxy_read_maps)"
        advice = commands(
            f'postconf{directory} -e "proxy_read_maps = {known} {table}"',
            f"postfix{directory} reload",
        )
        yield Finding(ERROR, _where(reference, settings), what, advice)


def _proxied(reference: Reference, settings: Settings) -> str:
    """What proxymap(8) is asked to open: the table itself, or one that has it inside."""
    for shown in reference.parameters:
        service, _, parameter = shown.rpartition(": ")
        for word in words(settings.value(parameter, service)):
            inside = references.in_value(word, settings, service)
            if word.startswith("proxy:") and reference.text in (each.text for each in inside):
                return word
    return reference.text


def _timeout(reference: Reference, endpoint: Endpoint, settings: Settings) -> Iterator[Finding]:
    timeout = reference.timeout_sec
    if timeout * 1000 < endpoint.request_timeout + START_MS:
        what = f"Postfix waits {timeout} s for {reference.text}, but the request-timeout of "
        what += f"{endpoint.name} is {endpoint.request_timeout} ms"
        enough = -(-(endpoint.request_timeout + START_MS) // 1000)
        where = "timeout= in its braces" if reference.has_own_timeout else _TIMEOUT
        advice = f"Set {where} to {enough} s or more, because the start of a "
        advice += "handler takes time as well; or lower request-timeout."
        yield Finding(WARNING, _where(reference, settings), what, advice)


def _refusing(reference: Reference, settings: Settings) -> Iterator[Finding]:
    """local(8) and virtual(8) refuse tables that are network services."""
    for program, (parameter, transport) in _REFUSING.items():
        in_use = settings.value(f"{program}_transport").partition(":")[0] == transport
        if in_use and parameter in reference.parameters:
            what = (
                f"{program}(8) refuses {reference.text} (not allowed for security sensitive data)"
            )
            advice = f"Another {program}_transport, such as LMTP, does not have this limit."
            if program == "local":
                advice = "Use virtual_alias_maps instead of alias_maps."
            yield Finding(ERROR, f"{settings.shown}: {parameter}", what, advice)


def askers(reference: Reference, settings: Settings) -> list[postconf.Service]:
    """The services that connect to what a reference names."""
    if reference.is_proxied:
        return [service for service in settings.services if service.command == "proxymap"]
    return list(reference.askers)


def _where(reference: Reference, settings: Settings) -> str:
    return f"{settings.shown}: {', '.join(reference.parameters)}"


def settings_and_notes() -> tuple[list[Settings], list[Finding]]:
    """The settings of each instance of Postfix, or why there are none."""
    if not postconf.is_installed():
        return [], [Finding(NOTE, "Postfix", "is not installed here, so it was not checked")]
    found, notes = [], []
    for instance, directory in postconf.instances():
        try:
            found.append(postconf.read(instance, directory))
        except postconf.PostfixError as error:
            where = f"Postfix {instance}".rstrip()
            notes.append(Finding(NOTE, where, f"was not checked: {error}"))
    return found, notes


def settings_or_note() -> tuple[Settings | None, list[Finding]]:
    """The settings of the default instance, or why there are none."""
    found, notes = settings_and_notes()
    default = next((settings for settings in found if not settings.directory), None)
    return default, notes
