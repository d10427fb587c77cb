# SPDX-License-Identifier: MIT
"""Postfix: do its tables and policy services that point here fit the endpoints?

What it asks elsewhere is nobody's business here. But something on this machine at which nothing
listens, and for which there is no endpoint, is taken for a wrong port.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd import endpoint as endpoints_module
from postfix_rest_inetd import model
from postfix_rest_inetd.address import LocalAddress
from postfix_rest_inetd.admin import check_access, postfix_references, postfix_settings
from postfix_rest_inetd.admin.check_finding import ERROR, NOTE, WARNING, Finding, commands

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.listeners import Listeners
    from postfix_rest_inetd.admin.postfix_references import Reference
    from postfix_rest_inetd.admin.postfix_settings import Service, Settings
    from postfix_rest_inetd.admin.systemd_units import Unit
    from postfix_rest_inetd.endpoint import Endpoint

START_MS = 1000  # that a handler may need before its request-timeout begins
_SCHEMES = {
    model.TCP_LOOKUP: "tcp:{}",
    model.SOCKETMAP_LOOKUP: "socketmap:inet:{}:NAME",
    model.POLICY: "check_policy_service inet:{}",
}
_REFUSING = {"local": ("alias_maps", "local"), "virtual": ("virtual_mailbox_maps", "virtual")}


def findings(
    endpoints: list[Endpoint],
    listeners: Listeners,
    settings: Settings,
    ours: frozenset[str] = frozenset(),
) -> Iterator[Finding]:
    """What does not fit; `ours` are the addresses of socket units of ours."""
    asked = set()
    for reference in postfix_references.find(settings):
        target = endpoint_of(reference, endpoints, settings)
        if target is None and any(str(place) in ours for place in reference.addresses):
            what = f"{reference.text}: a socket of ours is there, and no endpoint in config.json"
            advice = "Every request gets a temporary error. Change one or the other."
            yield Finding(ERROR, _where(reference), what, advice)
            continue
        if target is None:
            yield from _strays(reference, endpoints, listeners, settings)
            continue
        asked.add(target)
        yield from _of_reference(reference, target, listeners, settings)
    for endpoint in endpoints:
        if endpoint not in asked:
            yield Finding(NOTE, endpoint.name, "no table or policy service of Postfix asks it")


def endpoint_of(
    reference: Reference, endpoints: list[Endpoint], settings: Settings
) -> Endpoint | None:
    """The endpoint that a reference leads to, whether that is of use or not."""
    places = list(reference.addresses)
    if reference.path is not None:
        places = [LocalAddress(None, path=path) for path in _paths(reference, settings)]
    for place in places:
        found = endpoints_module.select(endpoints, place)
        if not isinstance(found, str):
            return found
    return None


def _paths(reference: Reference, settings: Settings) -> list[str]:
    """The paths that a unix: path may mean: below the queue directory, and as it is."""
    path = reference.path or ""
    queue = settings.value("queue_directory").rstrip("/")
    return [path, queue + path] if path.startswith("/") else [f"{queue}/{path}"]


def _strays(
    reference: Reference, endpoints: list[Endpoint], listeners: Listeners, settings: Settings
) -> Iterator[Finding]:
    """References to nobody, where nobody is known to be anything else."""
    places = list(reference.addresses)
    if reference.path is not None:
        if _is_service(reference.path, settings):
            return
        places = [LocalAddress(None, path=path) for path in _paths(reference, settings)]
    if not places or any(listeners.at(place) is not None for place in places):
        if reference.mode == model.SOCKETMAP_LOOKUP and not places and not reference.path:
            yield from _without_map_name(reference, endpoints)
        return
    what = f"{reference.text}: nothing listens there, and it is no address of an endpoint"
    there = [e for e in endpoints if e.mode == reference.mode]
    known = ", ".join(f"{e.name} at {e.address}" for e in there) or "none"
    advice = f"The {reference.mode} endpoints of config.json: {known}."
    yield Finding(ERROR, _where(reference), what, advice)


def _is_service(path: str, settings: Settings) -> bool:
    """Is it a socket that Postfix itself listens at, as for spawn(8)?"""
    directory, _, name = path.partition("/")
    services = {service.name for service in settings.services}
    return directory in ("private", "public") and f"{name}/unix" in services


def _without_map_name(reference: Reference, endpoints: list[Endpoint]) -> Iterator[Finding]:
    if any(f":{e.address.port}" in reference.text for e in endpoints if e.address.port):
        yield _no_map_name(reference)


def _no_map_name(reference: Reference) -> Finding:
    what = f"{reference.text}: the name of the map is missing"
    advice = "The name is the last part, and the backend gets it: "
    return Finding(ERROR, _where(reference), what, f"{advice}{reference.text.rstrip(':')}:NAME")


def _of_reference(
    reference: Reference, endpoint: Endpoint, listeners: Listeners, settings: Settings
) -> Iterator[Finding]:
    where = _where(reference)
    if reference.mode != endpoint.mode:
        what = f"{reference.text} asks {endpoint.name}, whose mode is {endpoint.mode}"
        right = _SCHEMES[endpoint.mode].format(endpoint.address)
        if endpoint.address.path is not None:
            right = right.replace("inet:", "unix:")
        yield Finding(ERROR, where, what, f"That would be {right}")
        return
    if reference.mode == model.SOCKETMAP_LOOKUP and reference.map_name is None:
        yield _no_map_name(reference)
    if reference.path is not None:
        yield from _chroot(reference, endpoint, settings)
    if listeners.at(endpoint.address) is None:
        what = f"{reference.text} asks {endpoint.name}, for which nobody listens at the moment"
        yield Finding(ERROR, where, what, "Mail is deferred until its socket is started.")
    elif reference.path is not None:
        yield from _closed(where, endpoint)
    if reference.is_proxied:
        yield from _proxy(reference, settings)
    if reference.mode == model.POLICY:
        yield from _timeout(reference, endpoint)
    yield from _refusing(reference, settings)


def _closed(where: str, endpoint: Endpoint) -> Iterator[Finding]:
    path = endpoint.address.path or ""
    if check_access.may("postfix", "w", path) is False:
        blocked = check_access.obstacle("postfix", path)
        what = f"postfix may not connect to {path}: {blocked} is {check_access.rights(blocked)}"
        yield Finding(ERROR, where, what, "Choose a bind-path that Postfix can reach.")


def _chroot(reference: Reference, endpoint: Endpoint, settings: Settings) -> Iterator[Finding]:
    """An absolute path is another one for the services that are chrooted."""
    path = reference.path or ""
    if not path.startswith("/"):
        return
    queue = settings.value("queue_directory").rstrip("/")
    real = endpoint.address.path or ""
    chrooted = {service.is_chrooted: service.name for service in _askers(reference, settings)}
    for is_chrooted, seen in ((True, queue + path), (False, path)):
        if is_chrooted in chrooted and seen != real:
            kind = "is chrooted" if is_chrooted else "is not chrooted"
            what = f"unix:{path}: {chrooted[is_chrooted]} {kind} and would look for {seen}, "
            what += f"but {endpoint.name} listens at {real}"
            if real.startswith(f"{queue}/"):
                advice = f"Without the first /, all find it: unix:{real[len(queue) + 1 :]}"
            else:
                advice = f"Let bind-path be below {queue}, {queue}/rest/{endpoint.name}, and "
                advice += f"write unix:rest/{endpoint.name}"
            yield Finding(ERROR, _where(reference), what, advice)
            return


def _proxy(reference: Reference, settings: Settings) -> Iterator[Finding]:
    if reference.text not in settings.value("proxy_read_maps").replace(",", " ").split():
        parameter = reference.parameters[0].rpartition(" ")[2]
        what = f"{reference.text} is not in proxy_read_maps, so proxymap(8) refuses it"
        known = '"proxy_read_maps = $(postconf -h proxy_read_maps)'
        advice = commands(f'postconf -e {known} \\${parameter}"', "postfix reload")
        yield Finding(ERROR, _where(reference), what, advice)


def _timeout(reference: Reference, endpoint: Endpoint) -> Iterator[Finding]:
    timeout = reference.timeout_sec
    if timeout * 1000 < endpoint.request_timeout + START_MS:
        what = f"Postfix waits {timeout} s for {reference.text}, and the request-timeout of "
        what += f"{endpoint.name} is {endpoint.request_timeout} ms"
        enough = -(-(endpoint.request_timeout + START_MS) // 1000)
        advice = f"Postfix should wait {enough} s or more, because the start of a handler comes on "
        advice += "top (smtpd_policy_service_timeout); or lower request-timeout."
        yield Finding(WARNING, _where(reference), what, advice)


def _refusing(reference: Reference, settings: Settings) -> Iterator[Finding]:
    """local(8) and virtual(8) take no answers from a network."""
    for program, (parameter, transport) in _REFUSING.items():
        in_use = settings.value(f"{program}_transport").startswith(transport)
        if in_use and parameter in reference.parameters:
            what = (
                f"{program}(8) refuses {reference.text} (not allowed for security sensitive data)"
            )
            advice = f"Another {program}_transport, LMTP for example, has no such limit."
            if program == "local":
                advice = "Use virtual_alias_maps in place of alias_maps."
            yield Finding(ERROR, parameter, what, advice)


def _askers(reference: Reference, settings: Settings) -> list[Service]:
    """The services that connect to what a reference names."""
    if reference.is_proxied:
        return [service for service in settings.services if service.name.startswith("proxymap/")]
    services = settings.of(reference.programs)
    own = [service for service in services if service.name == reference.service]
    return own or services


def capacity(
    units: list[tuple[Unit, list[Endpoint]]], endpoints: list[Endpoint], settings: Settings
) -> Iterator[Finding]:
    """Whether Postfix could hold more connections to a socket unit than that takes."""
    connections: dict[tuple[Endpoint, str, str], int] = {}
    for reference in postfix_references.find(settings):
        target = endpoint_of(reference, endpoints, settings)
        if target is None or reference.is_proxied:
            continue
        # The maps of a socketmap share one connection of a process.
        shared = "" if target.mode == model.SOCKETMAP_LOOKUP else reference.text
        for service in _askers(reference, settings):
            connections[target, shared, service.name] = service.max_processes
    for unit, served in units:
        own = {key: number for key, number in connections.items() if key[0] in served}
        total = sum(own.values())
        if total > unit.max_connections > 0:
            by = ", ".join(dict.fromkeys(name for _, _, name in own))
            what = f"takes {unit.max_connections} connections, and Postfix may want {total} ({by})"
            advice = "Postfix takes a refused connection for a failure. Set a MaxConnections= of "
            advice += f"{total} or more in\n" + commands(
                "/etc/systemd/system/postfix-rest-@.socket.d/50-local.conf"
            )
            advice += "\nor have fewer processes (default_process_limit), or use proxy: tables."
            yield Finding(WARNING, unit.name, what, advice)


def _where(reference: Reference) -> str:
    return f"Postfix: {', '.join(reference.parameters)}"


def settings_or_note() -> tuple[Settings | None, list[Finding]]:
    """The settings of Postfix, or why there are none."""
    if not postfix_settings.is_installed():
        return None, [Finding(NOTE, "Postfix", "is not installed here, so it was not looked at")]
    try:
        return postfix_settings.read(), []
    except postfix_settings.PostfixError as error:
        return None, [Finding(NOTE, "Postfix", f"was not looked at: {error}")]
