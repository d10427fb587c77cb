# SPDX-License-Identifier: MIT
"""The configuration of Postfix, as postconf(1) prints it: parameters and services.

Postfix itself expands the $parameters in values. A parameter that the administrator has defined is
only a part of other values; Postfix uses its built-in parameters and the restriction classes.
Overrides of single services (`-o` in master.cf) are separate.

There can be several instances of Postfix (postmulti(1)), each with settings of its own.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_SEC = 30
_DURATION = re.compile(r"(\d+)([smhdw]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_LOOKED_UP = ("-C", "builtin,service")
_UNUSED = re.compile(r"^\S*postconf: warning: \S*main\.cf: unused parameter: ([^\s=]+)=(.*)$")


class Service(NamedTuple):
    """A line of master.cf."""

    name: str  # smtp/inet
    command: str  # smtpd
    is_chrooted: bool
    max_processes: int


class Settings(NamedTuple):
    """The settings of one instance.

    Attributes:
        parameters: the parameters that Postfix uses, from main.cf or by default, and restriction
            classes.
        overrides: by service and parameter.
        unknown: the names and the unexpanded values of main.cf that nothing uses.
        instance: its name, or its configuration directory; empty for the default one.
        directory: the configuration directory; empty for the default one.
    """

    parameters: dict[str, str]
    overrides: dict[tuple[str, str], str]
    services: list[Service]
    unknown: tuple[tuple[str, str], ...] = ()
    instance: str = ""
    directory: str = ""

    def value(self, parameter: str, service: str = "") -> str:
        """The value of a parameter, for one service or for all of them."""
        return self.overrides.get((service, parameter), self.parameters.get(parameter, ""))

    def of(self, commands: Iterable[str]) -> list[Service]:
        """The services that run one of these commands."""
        wanted = set(commands)
        return [service for service in self.services if service.command in wanted]

    @property
    def shown(self) -> str:
        """The name of the instance in findings."""
        return f"Postfix {self.instance}".rstrip()


class PostfixError(Exception):
    """Postfix cannot be asked; the text says why."""


def is_installed() -> bool:
    """Is there a Postfix that can be asked?"""
    return _program("postconf") is not None


def is_configured() -> bool:
    """Is there a Postfix with a main.cf? Without one, its programs wait for a second, and fail."""
    directory = os.environ.get("MAIL_CONFIG", "/etc/postfix")
    return is_installed() and os.path.exists(os.path.join(directory, "main.cf"))


def instances() -> list[tuple[str, str]]:
    """Name and configuration directory of each instance; both are empty for the default one."""
    try:
        lines = _output("postmulti", "-l")[0]
    except PostfixError:  # an unusable instance stops postmulti(1), but not postconf(1)
        return [("", ""), *_listed_instances()]
    # NAME GROUP ENABLED DIRECTORY, with - for a missing name; the default instance comes first.
    found = [line.split(maxsplit=3) for line in lines]
    others = [fields for fields in found if len(fields) == 4][1:]
    return [("", ""), *((name if name != "-" else path, path) for name, _, _, path in others)]


def _listed_instances() -> list[tuple[str, str]]:
    try:
        lines = _output("postconf", "-xh", "multi_instance_directories")[0]
    except PostfixError:
        return []
    return [(path, path) for path in re.split(r"[\s,]+", " ".join(lines)) if path]


def read(instance: str = "", directory: str = "") -> Settings:
    """The settings of an instance of this machine's Postfix.

    Raises:
        PostfixError: postconf(1) cannot print them.
    """
    lines, warnings = _postconf(directory, "-x", *_LOOKED_UP)
    parameters = dict(map(_pair, lines))
    own = dict(map(_pair, _postconf(directory, "-x", "-C", "user")[0]))
    classes = re.split(r"[\s,]+", parameters.get("smtpd_restriction_classes", ""))
    parameters.update({name: own[name] for name in classes if name in own})
    return Settings(
        parameters,
        _overrides(directory, parameters, own),
        _services(directory, parameters),
        tuple((match[1], match[2]) for line in warnings if (match := _UNUSED.match(line))),
        instance,
        directory,
    )


def present(parameter: str) -> str | None:
    """A parameter's unexpanded value in main.cf, or its default.

    None if postconf(1) does not print it, or if the value has characters that cannot be copied
    from a terminal.
    """
    try:
        _, value = _pair("".join(_output("postconf", parameter)[0]))
    except PostfixError:
        return None
    # _output() shows bytes that are not UTF-8 as \xNN.
    shown = value.isascii() and value.isprintable() and not re.search(r"\\x[89a-f]", value)
    return value if shown else None


def set_values(timeout_sec: float) -> dict[str, str]:
    """The parameters that main.cf of the default instance sets, expanded.

    Raises:
        PostfixError: postconf(1) does not print them, within this time.
    """
    return dict(map(_pair, _output("postconf", "-nx", timeout_sec=timeout_sec)[0]))


def seconds(duration: str, default: int) -> int:
    """The seconds of a duration in Postfix's form: `100s`, `5m`, or a number without a unit."""
    match = _DURATION.fullmatch(duration.strip())
    return int(match[1]) * _UNITS[match[2]] if match else default


def _overrides(
    directory: str, parameters: dict[str, str], own: dict[str, str]
) -> dict[tuple[str, str], str]:
    """The overrides of services, direct ones and those by way of an administrator's parameter."""
    overrides: dict[tuple[str, str], str] = {}
    indirect: dict[str, list[str]] = {}
    for line in _postconf(directory, "-Px")[0]:
        place, value = _pair(line)
        service, _, parameter = place.rpartition("/")
        if parameter in parameters:
            overrides[service, parameter] = value
        elif parameter in own:
            indirect.setdefault(service, []).extend(("-o", f"{parameter}={value}"))
    for service, options in indirect.items():
        seen = map(_pair, _postconf(directory, "-x", *options)[0])
        for parameter, value in seen:
            if parameters.get(parameter, value) != value:
                overrides.setdefault((service, parameter), value)
    return overrides


def _services(directory: str, parameters: dict[str, str]) -> list[Service]:
    limit = _number(parameters.get("default_process_limit", ""), 100)
    # postconf(5), compatibility_level: the default of the column is `y` below 1.
    chroot_default = parameters.get("compatibility_level", "").startswith("0")
    return [
        _service(line.split(), limit, chroot_default=chroot_default)
        for line in _postconf(directory, "-M")[0]
        if len(line.split()) > 7
    ]


def _service(fields: list[str], limit: int, *, chroot_default: bool) -> Service:
    name, kind, _private, _unprivileged, chroot, _wakeup, processes, command, *_ = fields
    return Service(
        f"{name}/{kind}",
        command,
        is_chrooted=chroot_default if chroot == "-" else chroot == "y",
        # 0 means no limit here; the clients of the service have one.
        max_processes=_number(processes, limit) or limit,
    )


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition("=")
    return name.strip(), value.strip()


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() else default


def _program(name: str) -> str | None:
    return shutil.which(name) or shutil.which(name, path="/usr/sbin:/usr/local/sbin")


def _postconf(directory: str, *options: str) -> tuple[list[str], list[str]]:
    return _output("postconf", *(("-c", directory) if directory else ()), *options)


def _output(name: str, *options: str, timeout_sec: float = _SEC) -> tuple[list[str], list[str]]:
    """The lines of standard output and standard error."""
    program = _program(name)
    if program is None:
        raise PostfixError(f"there is no {name}(1)")
    shown = f"{name} {' '.join(options)}"
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            [program, *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=timeout_sec,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PostfixError(f"{shown} does not work: {error}") from None
    output, errors = (
        text.decode(errors="backslashreplace").splitlines() for text in (done.stdout, done.stderr)
    )
    if done.returncode != 0:
        raise PostfixError(f"{shown} fails: {' '.join(errors) or 'no reason given'}")
    return output, errors
