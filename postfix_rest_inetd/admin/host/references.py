# SPDX-License-Identifier: MIT
"""The tables and policy services in Postfix's settings that may lead to our endpoints.

A reference is a `tcp:` or `socketmap:` table, with or without `proxy:`, or the server that follows
check_policy_service. One that appears in several parameters is one reference. References to other
hosts are left out, and no host name except localhost is resolved. A file that a list names, such as
`mydestination = /etc/postfix/domains`, and the configuration file of a table are not examined.

Tables are parsed as Postfix does it: the name of a socketmap follows the last colon
(util/dict_sockmap.c), and `host:port` can be a port alone (util/host_port.c).
"""

from __future__ import annotations

import itertools
import re
import socket
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.host import postconf
from postfix_rest_inetd.admin.host.listeners import is_local
from postfix_rest_inetd.admin.host.tokens import words
from postfix_rest_inetd.admin.protocols import MODES_OF_TABLES, has_maps
from postfix_rest_inetd.config.address import LocalAddress, parse_ip

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.postconf import Service, Settings

POLICY_SERVICE = "check_policy_service"
_AROUND_ONE = ("proxy", "debug")  # tables around another table, and around several tables
_AROUND_SEVERAL = ("unionmap", "pipemap")
_LISTS_OF_TABLES = ("proxy_read_maps", "proxy_write_maps")
# Parameters whose default is another parameter's value. They are not reported besides that one.
_BY_DEFAULT = re.compile(r"address_verify_.*|tlsproxy_.*|fast_flush_domains|virtual_alias_domains")
_OPTION = re.compile(r"\{?\s*(\w+)\s*=\s*(.*?)\s*\}?", re.DOTALL)

# Which of Postfix's programs look a parameter up (the tables of parameters at the end of their
# sources). The first match counts; without one, it is smtpd.
_USERS = (
    (r"sender_dependent_.*|transport_maps|relocated_maps|address_verify_.*", ("trivial-rewrite",)),
    (r"smtp_", ("smtp",)),
    (r"lmtp_", ("lmtp",)),
    (r"smtpd_", ("smtpd",)),
    (r"postscreen_", ("postscreen",)),
    (r"tlsproxy_", ("tlsproxy",)),
    (r"fast_flush_", ("flush",)),
    (r"virtual_alias_maps|.*canonical_maps", ("cleanup", "smtpd")),
    (r".*_bcc_maps|(mime_|nested_|milter_)?header_checks|body_checks|milter_", ("cleanup",)),
    (r".*_domains|mydestination", ("trivial-rewrite", "smtpd")),
    (r"(alias|mailbox_command|mailbox_transport|fallback_transport)_maps", ("local",)),
    (r"virtual_([ug]id|mailbox_limit)_maps", ("virtual",)),
)


class Reference(NamedTuple):
    """A table or a policy service.

    Attributes:
        text: the reference as written, with `proxy:`.
        addresses: where it connects to, for TCP; empty for another host.
        path: the unix socket, as written.
        map_name: of a socketmap; None if it is missing.
        timeout_sec: of a policy service.
        has_own_timeout: is it an option in the braces of the policy service?
        default_action: of a policy service.
        parameters: where it appears: `virtual_alias_maps`, or `smtp/inet: smtpd_…` for an override;
            without those that only have the value of another by default.
        askers: the services of Postfix that ask, unless proxymap(8) does so for them.
    """

    text: str
    mode: str
    is_proxied: bool
    addresses: tuple[LocalAddress, ...]
    path: str | None
    map_name: str | None
    timeout_sec: int = 100
    has_own_timeout: bool = False
    default_action: str = ""
    parameters: tuple[str, ...] = ()
    askers: tuple[Service, ...] = ()


def find(settings: Settings) -> list[Reference]:
    """All references, each with every parameter in which it appears."""
    found: dict[Reference, Reference] = {}
    for service, parameter, value in places(settings):
        askers = _askers(service, parameter, settings)
        for reference in in_value(value, settings, service):
            known = found.get(reference, reference)
            shown = f"{service}: {parameter}" if service else parameter
            found[reference] = known._replace(
                parameters=tuple(dict.fromkeys((*known.parameters, shown))),
                askers=tuple(dict.fromkeys((*known.askers, *askers))),
            )
    return [_without_defaults(reference) for reference in found.values()]


def places(settings: Settings) -> Iterator[tuple[str, str, str]]:
    """Service, parameter and value wherever Postfix looks up a table; without a service, for all.

    The lists of tables that proxymap(8) may open are left out.
    """
    found = [("", name, value) for name, value in settings.parameters.items()]
    found += [(service, name, value) for (service, name), value in settings.overrides.items()]
    return (place for place in found if place[1] not in _LISTS_OF_TABLES)


def follows_by_default(parameter: str) -> bool:
    """Is the default of a parameter another parameter's value?"""
    return _BY_DEFAULT.fullmatch(parameter) is not None


def _without_defaults(reference: Reference) -> Reference:
    own = tuple(name for name in reference.parameters if not follows_by_default(name))
    return reference._replace(parameters=own) if own else reference


def is_own(parameter: str) -> bool:
    """May a parameter have references that are not, by default, those of another one?"""
    return parameter not in _LISTS_OF_TABLES and not _BY_DEFAULT.fullmatch(parameter)


def in_value(value: str, settings: Settings, service: str = "") -> list[Reference]:
    """The references in one value, of a service or of all."""
    return [*_tables(value), *_policies(value, settings, service)]


def _askers(service: str, parameter: str, settings: Settings) -> list[Service]:
    """The services that use a parameter of main.cf, or an override in master.cf."""
    if service:
        return [each for each in settings.services if each.name == service]
    programs = next((users for name, users in _USERS if re.match(name, parameter)), ("smtpd",))
    services = settings.of(programs)
    return [each for each in services if (each.name, parameter) not in settings.overrides]


def _inside(word: str) -> str | None:
    """The text in the braces of a word; None without braces."""
    return word[1:-1] if word.startswith("{") and word.endswith("}") else None


def _tables(value: str, around: str = "") -> Iterator[Reference]:
    for word in words(value):
        text = word.lstrip("!")
        inside = _inside(text)
        kind, _, rest = text.partition(":")
        if inside is not None:
            yield from _tables(inside, around)
        elif kind in _AROUND_ONE:
            yield from _tables(rest, f"{around}{kind}:")
        elif kind in _AROUND_SEVERAL:
            yield from _tables(_inside(rest) or "", around)
        elif kind in MODES_OF_TABLES and rest:
            yield table(f"{around}{text}", kind, rest)


def table(text: str, kind: str, rest: str) -> Reference:
    """The table `text`; `rest` is the part after `kind:`."""
    mode = MODES_OF_TABLES[kind]
    transport, place, map_name = "inet", rest, None
    if has_maps(mode):
        server, _, map_name = rest.rpartition(":")
        transport, _, place = server.partition(":")
    reference = _reference(text, mode, transport, place)
    return reference._replace(is_proxied="proxy:" in text, map_name=map_name or None)


def _policies(value: str, settings: Settings, service: str) -> Iterator[Reference]:
    restrictions = words(value)
    for restriction, specification in itertools.pairwise(restrictions):
        if restriction.lower() == POLICY_SERVICE:
            yield policy(specification, settings, service)


def policy(specification: str, settings: Settings, service: str) -> Reference:
    """The argument of check_policy_service: a server, or braces with a server and its options."""
    inside = _inside(specification)
    server, *given = words(inside) if inside is not None else [specification]
    options = {match[1]: match[2] for each in given if (match := _OPTION.fullmatch(each))}
    transport, _, place = server.partition(":")
    default = postconf.seconds(settings.value("smtpd_policy_service_timeout", service), 100)
    action = settings.value("smtpd_policy_service_default_action", service)
    return _reference(server, model.POLICY, transport, place)._replace(
        timeout_sec=postconf.seconds(options.get("timeout", ""), default),
        has_own_timeout="timeout" in options,
        default_action=options.get("default_action", action),
    )


def _reference(text: str, mode: str, transport: str, place: str) -> Reference:
    path = place if transport in ("unix", "local") and place else None
    addresses = _addresses(*_host_and_port(place)) if transport == "inet" else ()
    return Reference(text, mode, False, addresses, path, None)  # noqa: FBT003 - is_proxied


def _host_and_port(place: str) -> tuple[str, str]:
    if place.startswith("["):
        host, _, port = place[1:].partition("]")
        return host, port.removeprefix(":")
    host, _, port = place.rpartition(":")
    return host, port


def _addresses(host: str, service: str) -> tuple[LocalAddress, ...]:
    """The addresses of a host and a port of this machine; none for another machine."""
    try:
        port = int(service) if service.isdecimal() else socket.getservbyname(service, "tcp")
    except OSError:
        return ()
    if host in ("", "localhost"):
        return tuple(LocalAddress(ip, port) for ip in (b"\x7f\0\0\1", bytes(15) + b"\1"))
    packed = parse_ip(host)
    return (LocalAddress(packed, port),) if packed is not None and is_local(packed) else ()
