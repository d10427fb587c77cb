# SPDX-License-Identifier: MIT
"""Where Postfix asks: the tables and policy services of its settings that could be ours.

A reference is a `tcp:` or `socketmap:` table, by way of `proxy:` or not, or what stands behind
check_policy_service. One that stands in several parameters is one reference. What other hosts
answer is left out: no name but localhost is looked up.
"""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd import model
from postfix_rest_inetd.address import LocalAddress, parse_ip
from postfix_rest_inetd.admin import postfix_settings

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.postfix_settings import Settings

_TABLE = re.compile(r"(?<![\w:])(proxy:)?(tcp|socketmap):([^\s,{}]+)")
_POLICY = re.compile(r"check_policy_service[\s,]+(\{[^}]*\}|[^\s,{}]+)")
_PLACE = re.compile(r"(\[[^\]]*\]|[^:\[\]]*):([^:]+)(?::(.*))?")
_MODES = {"tcp": model.TCP_LOOKUP, "socketmap": model.SOCKETMAP_LOOKUP}
_LISTS_OF_TABLES = ("proxy_read_maps", "proxy_write_maps")

# Which of Postfix's programs look a parameter up; the first match counts, and else it is smtpd.
_USERS = (
    (r"smtp_|sender_dependent_relay|tls_policy", ("smtp",)),
    (r"lmtp_", ("lmtp",)),
    (r"smtpd_", ("smtpd",)),
    (r"virtual_alias_maps|.*canonical|.*_bcc_maps", ("cleanup", "smtpd")),
    (r"(mime_|nested_)?header_checks|body_checks|milter_", ("cleanup",)),
    (r".*_domains|mydestination|transport_maps|relocated_maps|sender_dep", ("trivial-rewrite",)),
)


class Reference(NamedTuple):
    """A table or a policy service.

    Attributes:
        text: as it stands there, `proxy:` included.
        addresses: where it connects to, for TCP; empty for another host.
        path: the unix socket, as it stands there.
        map_name: of a socketmap; None where it is missing.
        timeout_sec: of a policy service.
        parameters: where it stands: `virtual_alias_maps`, or `smtp/inet: smtpd_…` for an override.
        programs: which of Postfix's programs ask.
        service: the service of an override.
    """

    text: str
    mode: str
    is_proxied: bool
    addresses: tuple[LocalAddress, ...]
    path: str | None
    map_name: str | None
    timeout_sec: int
    parameters: tuple[str, ...]
    programs: frozenset[str]
    service: str


def find(settings: Settings) -> list[Reference]:
    """All references, each with every parameter that it stands in."""
    found: dict[tuple[str, str, int], Reference] = {}
    places = [("", name, value) for name, value in settings.parameters.items()]
    places += [(service, name, value) for (service, name), value in settings.overrides.items()]
    for service, parameter, value in places:
        if parameter in _LISTS_OF_TABLES:
            continue
        for reference in (*_tables(value), *_policies(value, settings, service)):
            key = reference.text, service, reference.timeout_sec
            known = found.get(key, reference)
            shown = f"{service}: {parameter}" if service else parameter
            found[key] = known._replace(
                parameters=(*known.parameters, shown),
                programs=known.programs.union(_users_of(parameter)),
                service=service,
            )
    return list(found.values())


def _users_of(parameter: str) -> tuple[str, ...]:
    return next((users for name, users in _USERS if re.match(name, parameter)), ("smtpd",))


def _tables(value: str) -> Iterator[Reference]:
    for proxy, kind, rest in _TABLE.findall(value):
        text = f"{proxy}{kind}:{rest}"
        if kind == "tcp":
            yield _reference(text, _MODES[kind], "inet", rest)
        else:
            transport, _, place = rest.partition(":")
            yield _reference(text, _MODES[kind], transport, place)


def _policies(value: str, settings: Settings, service: str) -> Iterator[Reference]:
    default = postfix_settings.seconds(settings.value("smtpd_policy_service_timeout", service), 100)
    for specification in _POLICY.findall(value):
        server, *options = re.split(r"[\s,]+", specification.strip("{} \t"))
        given = re.search(r"timeout\s*=\s*(\w+)", specification) if options else None
        transport, _, place = server.partition(":")
        reference = _reference(server, model.POLICY, transport, place)
        timeout = postfix_settings.seconds(given[1], default) if given else default
        yield reference._replace(timeout_sec=timeout)


def _reference(text: str, mode: str, transport: str, place: str) -> Reference:
    path = map_name = None
    addresses: tuple[LocalAddress, ...] = ()
    is_map = mode == model.SOCKETMAP_LOOKUP
    if transport in ("unix", "local"):
        path, _, map_name = place.partition(":") if is_map else (place, "", None)
    elif transport == "inet" and (match := _PLACE.fullmatch(place)):
        addresses = _addresses(match[1].strip("[]"), match[2])
        map_name = match[3]
    return Reference(
        text=text,
        mode=mode,
        is_proxied=text.startswith("proxy:"),
        addresses=addresses,
        path=path,
        map_name=map_name or None,
        timeout_sec=100,
        parameters=(),
        programs=frozenset(),
        service="",
    )


def _addresses(host: str, service: str) -> tuple[LocalAddress, ...]:
    """Where a host and a port of this machine are; nothing for another machine."""
    try:
        port = int(service) if service.isdecimal() else socket.getservbyname(service, "tcp")
    except OSError:
        return ()
    if host in ("", "localhost"):
        return tuple(LocalAddress(ip, port) for ip in (b"\x7f\0\0\1", bytes(15) + b"\1"))
    packed = parse_ip(host)
    return (LocalAddress(packed, port),) if packed is not None and is_local(packed) else ()


def is_local(packed: bytes) -> bool:
    """Is it an address of this machine?"""
    family = socket.AF_INET if len(packed) == 4 else socket.AF_INET6
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((socket.inet_ntop(family, packed), 0))
    except OSError:
        return False
    return True
