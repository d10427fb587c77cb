# SPDX-License-Identifier: MIT
"""systemd: is it there, are our units, and what has failed or is masked; and how it is asked.

`systemctl` and `journalctl` answer every user. socket_units is about the sockets that systemd has
loaded, and handler_units about the services of handlers.
"""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess

from postfix_rest_inetd.admin.command_error import CommandError
from postfix_rest_inetd.model import MODES
from postfix_rest_inetd.units.names import unit_of

KINDS = tuple(unit_of(mode) for mode in MODES)
GENERATED = "/run/systemd/generator"

# systemd.unit(5): without those that only systemd and its generators write.
UNIT_PATH = (
    "/etc/systemd/system",
    "/run/systemd/system",
    "/usr/local/lib/systemd/system",
    "/usr/lib/systemd/system",
)
_GENERATOR = "postfix-rest-inetd-generator"
# systemd.generator(7): the first one that is found counts; a link to /dev/null masks it.
_GENERATOR_PATH = (
    *(f"{top}/systemd/system-generators" for top in ("/run", "/etc", "/usr/local/lib", "/usr/lib")),
    "/lib/systemd/system-generators",
)
_SEC = 20
SOCKETS = "postfix-rest-*.socket"
METRICS = "export-postfix-rest-metrics.service"
_SERVICES = (
    "postfix-rest-inetd-config.service",
    "revive-postfix-rest@*.service",
    METRICS,
)


def is_running() -> bool:
    """Is systemd the service manager of this machine?"""
    return os.path.isdir("/run/systemd/system") and shutil.which("systemctl") is not None


def version() -> str:
    """Its version as a number, such as 252; empty if it is not running."""
    words = output("systemctl", "--version").split() if is_running() else []
    return words[1] if words[:1] == ["systemd"] and len(words) > 1 else ""


def are_installed() -> bool:
    """Are the units of postfix-rest-inetd there?

    Raises:
        CommandError: systemd does not answer.
    """
    listed = answer("systemctl", "list-unit-files", "--no-legend", "--full", SOCKETS).split()
    return all(f"{kind}@.socket" in listed for kind in KINDS)


def obstacle() -> str:
    """Why the socket units cannot be looked at; empty if they can."""
    if not is_running():
        return "systemd is not running"
    try:
        return "" if are_installed() else "the units are not installed"
    except CommandError as error:
        return str(error)


def last_failure(unit: str) -> str:
    """The last line of the journal that says why a unit has failed, or nothing."""
    text = output(
        *("journalctl", "--quiet", "--no-pager", "--output=cat", "--priority=notice"),
        *("--boot", "--lines=20", f"--unit={unit}", "_PID=1"),
    )
    reasons = [
        line.removeprefix(f"{unit}: ")
        for line in text.splitlines()
        if line.startswith((f"{unit}: Failed", f"{unit}: Control process exited"))
        and "with result" not in line
    ]
    return reasons[-1].rstrip(".") if reasons else ""


def masked(unit: str) -> list[tuple[str, bool]]:
    """Which of a unit and its template are masked, and whether only until the next boot."""
    names = dict.fromkeys((re.sub("@.*\\.", "@.", unit), unit))
    return [
        (name, directory == "/run")
        for directory in ("/etc", "/run")
        for name in names
        if os.path.realpath(f"{directory}/systemd/system/{name}") == os.devnull
    ]


def generator() -> tuple[str, bool]:
    """The path of the generator, empty if there is none, and whether systemd can run it."""
    paths = (f"{directory}/{_GENERATOR}" for directory in _GENERATOR_PATH)
    path = next((path for path in paths if os.path.lexists(path)), "")
    try:
        mode = os.stat(path).st_mode
    except OSError:
        return path, False
    # Root may run a file that any user may run.
    return path, stat.S_ISREG(mode) and bool(mode & 0o111)


def failed_services() -> list[str]:
    """Services of ours, other than handlers, that stay failed until they are reset."""
    listed = output(
        *("systemctl", "list-units", "--all", "--plain", "--no-legend", "--full"),
        *("--state=failed", *_SERVICES),
    )
    return [line.split()[0] for line in listed.splitlines() if line.strip()]


def output(*command: str) -> str:
    """The output of a command; empty if it cannot be run."""
    try:
        done = _run(command)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.decode(errors="backslashreplace")


def answer(*command: str) -> str:
    """The output of a command that must not be taken for an answer if it fails.

    A failure with an output is an answer: systemctl leaves out names that cannot be those of units.
    So is one without a message: `list-unit-files` fails if there are none.

    Raises:
        CommandError: the command fails, and has only a message.
    """
    try:
        done = _run(command)
    except subprocess.TimeoutExpired:
        raise CommandError(f"systemd does not answer within {_SEC} s") from None
    except OSError as error:
        raise CommandError(f"systemd cannot be asked: {error.strerror}") from None
    said = done.stderr.decode(errors="backslashreplace").strip()
    if done.returncode != 0 and not done.stdout and said:
        raise CommandError(f"systemd does not answer: {said.splitlines()[0]}")
    return done.stdout.decode(errors="backslashreplace")


def _run(command: tuple[str, ...]) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(  # noqa: S603 - no shell
        command,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        timeout=_SEC,
        env={**os.environ, "LC_ALL": "C.UTF-8"},
    )
