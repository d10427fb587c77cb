# SPDX-License-Identifier: MIT
"""What SELinux denies: programs that would run in the domain of systemd, and unix sockets.

systemd leaves its own domain only for programs of some types, which those in /usr/bin have. In its
domain, a handler may not connect to its backend. And Postfix may connect to any TCP port, but to a
unix socket only if a module permits that. The policy that is loaded decides: there is nothing to
find if it is another one, or if a module of the administrator permits what is needed.

A finding is a warning, or a note where SELinux is permissive and only logs what it would deny.
"""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, NamedTuple

from postfix_rest_inetd.admin.checks.finding import NOTE, WARNING, Finding, commands
from postfix_rest_inetd.admin.host import selinux
from postfix_rest_inetd.units.advice import listed
from postfix_rest_inetd.units.names import unit_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from postfix_rest_inetd.admin.host.selinux import Policy
    from postfix_rest_inetd.config.endpoint import Endpoint

MODULE = "/usr/share/doc/postfix-rest-inetd/examples/postfix_rest_inetd.cil"
_DIRECTORY = "/run/postfix-rest"  # in which the module permits unix sockets
_POSTFIX = "postfix_smtpd_t"  # policies, and the module, treat all processes of Postfix alike here
# By default, programs here have a type for which systemd leaves its domain.
_USUAL = re.compile(r"/usr/(?:local/)?(?:bin|sbin|libexec)/")
_SPECIAL = re.compile(r"([][.^$?*+|(){}\\])")


LOADING = (
    f"semodule -i {MODULE}",
    f"restorecon -Ri {_DIRECTORY}",
    "systemctl restart 'postfix-rest-*.socket'",
)
"""The commands that load it, for a socket that may have been made before."""


class Used(NamedTuple):
    """What systemd runs and reads.

    Attributes:
        services: the program of each service, by the name of the unit.
        generator: the path of the generator, or empty.
        config: the configuration, which the generator reads.
        credentials: the files that systemd reads for handlers (LoadCredential=).
    """

    services: dict[str, str]
    generator: str
    config: str
    credentials: tuple[str, ...] = ()


def findings(endpoints: list[Endpoint], used: Used, policy: Policy) -> Iterator[Finding]:
    """The findings."""
    severity = WARNING if policy.is_enforcing else NOTE
    try:
        for where, what, advice in _denied(endpoints, used, policy):
            yield Finding(severity, where, what, advice)
    except OSError as error:
        what = f"SELinux cannot be asked what it denies: {error.strerror}"
        yield Finding(NOTE, "SELinux", what, "Run this as root to check that.")
    except ValueError:
        what = "SELinux was not checked, because an answer of the kernel was not understood"
        yield Finding(NOTE, "SELinux", what)


def _denied(
    endpoints: list[Endpoint], used: Used, policy: Policy
) -> Iterator[tuple[str, str, str]]:
    """The place, the text and the advice of each finding."""
    by_path: dict[str, list[str]] = {}
    for unit, path in used.services.items():
        by_path.setdefault(path, []).append(unit)
    for path, units in by_path.items():
        yield from _program(path, units, policy)
    yield from _generator(used, policy)
    for path in used.credentials:
        if os.path.exists(path):
            yield from _file(path, policy.systemd, "systemd", policy)
    for endpoint in endpoints:
        place = endpoint.address.path
        program = used.services.get(f"{unit_of(endpoint.mode)}@.service")
        if place is not None and program is not None and _is_executable(program, policy):
            domain = policy.domain(selinux.label(program))
            yield from _unix_socket(endpoint.name, place, domain, policy)


def _generator(used: Used, policy: Policy) -> Iterator[tuple[str, str, str]]:
    """The generator; some policies have a domain for it, and others run it in that of systemd."""
    if not used.generator:
        return
    context = selinux.label(used.generator)
    if not _is_executable(used.generator, policy):
        what = f"has the SELinux type {selinux.type_of(context)}, which systemd may not execute"
        yield used.generator, what, commands(f"restorecon -v {used.generator}")
    elif os.path.exists(used.config):
        yield from _file(used.config, policy.domain(context), "the generator", policy)


def _file(path: str, domain: str, reader: str, policy: Policy) -> Iterator[tuple[str, str, str]]:
    """A file that its reader may not read: mv(1) keeps the label of a home directory."""
    context = selinux.label(path)
    if not policy.may(domain, context, "file", "read"):
        what = f"has the SELinux type {selinux.type_of(context)}, which {reader} may not read"
        if path.startswith("/etc/"):
            yield path, what, commands(f"restorecon -v {shlex.quote(path)}")
        else:
            yield (
                path,
                what,
                "Keep it in /etc/postfix-rest-inetd, with the label of that directory.",
            )


def _program(path: str, units: list[str], policy: Policy) -> Iterator[tuple[str, str, str]]:
    """A program that systemd may not run, or runs in its own domain."""
    own, found = selinux.type_of(policy.systemd), selinux.type_of(selinux.label(path))
    if not _is_executable(path, policy):
        what = f"has the SELinux type {found}, which systemd may not execute ({listed(units)})"
        yield path, what, _relabelling(path)
    elif selinux.type_of(policy.domain(selinux.label(path))) == own:
        what = f"has the SELinux type {found}, so systemd runs it in its own domain, {own}, where "
        what += f"SELinux denies what it needs, such as connections to backends ({listed(units)})"
        yield path, what, _relabelling(path)


def _is_executable(path: str, policy: Policy) -> bool:
    """May systemd execute this file, according to SELinux?"""
    return policy.may(policy.systemd, selinux.label(path), "file", "execute")


def _relabelling(path: str) -> str:
    """The commands that give a program the right label."""
    real = os.path.realpath(path)
    right = [f"restorecon -v {shlex.quote(real)}"]
    if not _USUAL.match(real):
        pattern = shlex.quote(_SPECIAL.sub(r"\\\1", real))
        right.insert(0, f"semanage fcontext -a -t bin_t {pattern}")
    return commands(*right)


def _unix_socket(
    name: str, path: str, domain: str, policy: Policy
) -> Iterator[tuple[str, str, str]]:
    """A unix socket that Postfix may not use; `domain` is that of the handlers, and its own."""
    postfix = selinux.with_type(policy.systemd, _POSTFIX)
    if not policy.has(postfix):
        return
    real = os.path.realpath(path)
    is_right = real.startswith(f"{_DIRECTORY}/")
    if os.path.exists(real):
        is_right = policy.may(postfix, selinux.label(real), "sock_file", "write")
    if is_right and policy.may(postfix, domain, "unix_stream_socket", "connectto"):
        return
    what = f"SELinux does not let Postfix connect to {path}"
    advice = "Use bind-port: SELinux permits Postfix to connect to all TCP ports. "
    if real.startswith(f"{_DIRECTORY}/"):
        advice += "Or load the module for unix sockets:\n"
    else:
        advice += f"Or use a bind-path below {_DIRECTORY}, and load the module for it:\n"
    yield name, what, advice + commands(*LOADING)
