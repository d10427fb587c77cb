# SPDX-License-Identifier: MIT
"""What Postfix is configured to do, as postconf(1) tells: parameters and services.

Values have their $parameters expanded. Overrides of single services (`-o` in master.cf) are apart.
Of several instances of Postfix, this is the default one.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

_SEC = 30
_DURATION = re.compile(r"(\d+)([smhdw]?)")
_UNITS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}


class Service(NamedTuple):
    """A line of master.cf."""

    name: str  # smtp/inet
    command: str  # smtpd
    is_chrooted: bool
    max_processes: int


class Settings(NamedTuple):
    """All of it.

    Attributes:
        parameters: main.cf, and the defaults of what does not stand there.
        overrides: by service and parameter.
    """

    parameters: dict[str, str]
    overrides: dict[tuple[str, str], str]
    services: list[Service]

    def value(self, parameter: str, service: str = "") -> str:
        """The value of a parameter, for one service or for all of them."""
        return self.overrides.get((service, parameter), self.parameters.get(parameter, ""))

    def of(self, commands: Iterable[str]) -> list[Service]:
        """The services that run one of these commands."""
        wanted = set(commands)
        return [service for service in self.services if service.command in wanted]


class PostfixError(Exception):
    """Postfix cannot be asked; the text says why."""


def is_installed() -> bool:
    """Is there a Postfix that can be asked?"""
    return _postconf() is not None


def read() -> Settings:
    """The settings of this machine's Postfix.

    Raises:
        PostfixError: postconf(1) does not tell.
    """
    parameters = dict(_pair(line) for line in _output("-x"))
    overrides = {}
    for line in _output("-Px"):
        place, value = _pair(line)
        service, _, parameter = place.rpartition("/")
        overrides[service, parameter] = value
    limit = _number(parameters.get("default_process_limit", ""), 100)
    # postconf(5), compatibility_level: the default of the column is `y` below 1.
    chroot_default = parameters.get("compatibility_level", "").startswith("0")
    services = [
        _service(line.split(), limit, chroot_default=chroot_default)
        for line in _output("-M")
        if len(line.split()) > 7
    ]
    return Settings(parameters, overrides, services)


def present(parameter: str) -> str | None:
    """A parameter's value as it stands in main.cf, or its default: nothing in it is expanded.

    None where postconf(1) does not tell, or where the value has characters that would not survive
    being shown and typed.
    """
    try:
        _, value = _pair("".join(_output(parameter)))
    except PostfixError:
        return None
    # _output() shows bytes that are not UTF-8 as \xNN.
    shown = value.isascii() and value.isprintable() and not re.search(r"\\x[89a-f]", value)
    return value if shown else None


def seconds(duration: str, default: int) -> int:
    """A duration of Postfix's in seconds: `100s`, `5m`, or seconds without a unit."""
    match = _DURATION.fullmatch(duration.strip())
    return int(match[1]) * _UNITS[match[2]] if match else default


def _service(fields: list[str], limit: int, *, chroot_default: bool) -> Service:
    name, kind, _private, _unprivileged, chroot, _wakeup, processes, command, *_ = fields
    return Service(
        f"{name}/{kind}",
        command,
        is_chrooted=chroot_default if chroot == "-" else chroot == "y",
        # 0 is without a limit: those who are served by it have one.
        max_processes=_number(processes, limit) or limit,
    )


def _pair(line: str) -> tuple[str, str]:
    name, _, value = line.partition("=")
    return name.strip(), value.strip()


def _number(text: str, default: int) -> int:
    return int(text) if text.isdecimal() else default


def _postconf() -> str | None:
    return shutil.which("postconf") or shutil.which("postconf", path="/usr/sbin:/usr/local/sbin")


def _output(option: str) -> list[str]:
    program = _postconf()
    if program is None:
        raise PostfixError("there is no postconf(1)")
    try:
        done = subprocess.run(  # noqa: S603 - no shell
            [program, option],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=_SEC,
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise PostfixError(f"postconf {option} does not work: {error}") from None
    if done.returncode != 0:
        reason = done.stderr.decode(errors="backslashreplace").strip() or "no reason given"
        raise PostfixError(f"postconf {option} fails: {reason}")
    return done.stdout.decode(errors="backslashreplace").splitlines()
