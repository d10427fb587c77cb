# SPDX-License-Identifier: MIT
"""What does not fit between a reference of Postfix and the endpoint that it leads to."""

from __future__ import annotations

import re
import shlex
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import localhost, typos, wrong_kind
from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING, Finding, commands
from postfix_rest_inetd.admin.host import access, destination, references
from postfix_rest_inetd.admin.host.listeners import resolved
from postfix_rest_inetd.admin.host.tokens import words
from postfix_rest_inetd.admin.protocols import has_maps
from postfix_rest_inetd.protocols import is_lookup

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.listeners import Listeners
    from postfix_rest_inetd.admin.host.postconf import Settings
    from postfix_rest_inetd.admin.host.references import Reference
    from postfix_rest_inetd.config.endpoint import Endpoint

START_MS = 1000  # that a handler may need before its request-timeout begins
_TIMEOUT = "smtpd_policy_service_timeout"
_ODD = re.compile(r"[^A-Za-z0-9_-]+")  # of a name that becomes a part of a path in main.cf
_REFUSING = {"local": ("alias_maps", "local"), "virtual": ("virtual_mailbox_maps", "virtual")}


def findings(
    reference: Reference,
    endpoint: Endpoint,
    endpoints: list[Endpoint],
    listeners: Listeners,
    settings: Settings,
) -> Iterator[Finding]:
    """What does not fit, where a reference leads to an endpoint, one of `endpoints`."""
    where = destination.shown(reference, settings)
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


def unreachable(
    endpoint: Endpoint, parameter: str, element: str, settings: Settings
) -> Finding | None:
    """Why not all services that use a parameter would find an endpoint there, by its element."""
    future = settings._replace(parameters={**settings.parameters, parameter: element})
    for reference in references.find(future):
        if parameter in reference.parameters and destination.endpoint_of(
            reference, [endpoint], future
        ):
            for finding in _chroot(reference, endpoint, future):
                return finding
    return None


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
    chrooted = {
        service.is_chrooted: service.name for service in destination.askers(reference, settings)
    }
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
            yield Finding(ERROR, destination.shown(reference, settings), what, advice)
            return


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
        yield Finding(ERROR, destination.shown(reference, settings), what, advice)


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
        yield Finding(WARNING, destination.shown(reference, settings), what, advice)


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
