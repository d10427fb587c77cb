# SPDX-License-Identifier: MIT
"""systemd.generator(7): from config.json to where the sockets listen.

For each mode that has endpoints, drop-ins with ListenStream= are written for these instances of its
socket template (postfix-rest-tcp@.socket and so on):

    @all    every endpoint of the mode
    @NAME   the endpoints of that name. NAME is what systemd-escape(1) makes of it; a name like
            domain-lookup, which systemd would take as it is, can be used as it is too

Two instances that would listen at one place exclude each other (Conflicts=). An instance @NAME
with a unix socket is refused with a message: the handlers of two such units could get the same unit
name (`NUMBER-PID-UID`), on which systemd fails a socket unit for good; @all is one unit and counts
its connections itself. A socket unit that fails is started again by revive-postfix-rest@.service.

It never stands in the way of a boot: nothing is written where there is no config.json, or no
endpoint in it. Where config.json cannot be used, the sockets get no new address, a unit is written
that prints the problems into the journal during the boot, the journal is told at once if it is
there already (daemon-reload), and the exit status is 1, which systemd reports.

Sockets that are listening already must not lose their addresses by that: systemd would close them
at the daemon-reload, which the upgrade of any package may cause, and they would stay closed when
the file has been mended. Each socket unit leaves a copy of its drop-in in LISTENING_DIRECTORY for
as long as it listens, and these are what is written when there is no usable config.json.

Reading a file and writing a few is all there is: targets, tokens and certificates are not looked
at.
"""

from __future__ import annotations

import os

from . import config, journal, model
from .errors import ConfigError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .endpoint import Endpoint

    Write = Callable[[str, str], None]

LISTENING_DIRECTORY = "/run/postfix-rest-inetd"  # written by postfix-rest-@.socket.d/

EXIT_OK = 0
EXIT_FAILED = 1

_KINDS = {
    model.TCP_LOOKUP: "postfix-rest-tcp",
    model.SOCKETMAP_LOOKUP: "postfix-rest-socketmap",
    model.POLICY: "postfix-rest-policy",
}
_DROP_IN = "20-addresses.conf"
_MESSAGE_ID = "3ec829098d9f45afb2b577e916c25a83"
_MAX_UNIT_NAME_CHARACTERS = 255
_IPV4_BYTES, _IPV6_BYTES = 4, 16
_FIRST_VERSION_WITH_POLL_LIMIT = 255


def main(arguments: list[str], config_path: str = config.DEFAULT_PATH) -> int:
    """Write units below the first of the three directories that systemd names.

    Returns the exit status.
    """
    directory = arguments[0] if arguments else "/tmp"  # noqa: S108 - as systemd.generator(7) has it

    def write(path: str, content: str) -> None:
        path = os.path.join(directory, path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"# Written by postfix-rest-inetd-generator from {config_path}\n\n{content}")

    if not os.path.lexists(config_path):
        _keep_listening(write)
        return EXIT_OK
    try:
        endpoints = config.load(config_path, for_listening=True).endpoints
    except ConfigError as error:
        _keep_listening(write)
        _report(error, config_path, directory, write)
        return EXIT_FAILED
    for mode, kind in _KINDS.items():
        _write_kind(kind, [e for e in endpoints if e.mode == mode], config_path, write)
    if endpoints and systemd_version() >= _FIRST_VERSION_WITH_POLL_LIMIT:
        write("postfix-rest-@.socket.d/20-poll-limit.conf", _POLL_LIMIT)
    return EXIT_OK


# In a file of its own, because systemd 252 warns of keys that it does not know.
_POLL_LIMIT = """\
[Socket]
# Default 150 connections in 2 s, and a pause after them: mail would wait. No machine starts as many
# as this; it remains as a brake on systemd itself, should accepting fail again and again.
PollLimitIntervalSec=2
PollLimitBurst=2000
"""


def _keep_listening(write: Write) -> None:
    """Write the drop-ins of the sockets that are listening, as they were."""
    try:
        names = os.listdir(LISTENING_DIRECTORY)
    except OSError:
        return
    for name in names:
        with open(os.path.join(LISTENING_DIRECTORY, name), encoding="utf-8") as file:
            text = file.read().partition("\n\n")[2]  # without write's own first line
            write(f"{name.removesuffix('.conf')}.d/{_DROP_IN}", text)


def _write_kind(kind: str, endpoints: list[Endpoint], config_path: str, write: Write) -> None:
    """The drop-ins for one socket template."""
    if not endpoints:
        return
    instances = instances_of(endpoints)
    for instance, listening in instances.items():
        unit = f"{kind}@{instance}.socket"
        if len(unit) > _MAX_UNIT_NAME_CHARACTERS:
            continue  # systemd has no such unit; @all serves the endpoint
        rivals = [f"{kind}@{other}.socket" for other in _rivals(instance, instances)]
        text = _drop_in(
            unit, listening, rivals, config_path, refused=_is_refused(instance, listening)
        )
        write(f"{unit}.d/{_DROP_IN}", text)


def instances_of(endpoints: Iterable[Endpoint]) -> dict[str, list[Endpoint]]:
    """The instances of a socket template, and where each listens; `endpoints` are of one mode."""
    endpoints = list(endpoints)
    instances = {"all": endpoints}
    named: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        named.setdefault(escape(endpoint.name), []).append(endpoint)
    plain: dict[str, list[Endpoint]] = {}
    for endpoint in endpoints:
        if _is_plain(endpoint.name) and endpoint.name not in named:
            plain.setdefault(endpoint.name, []).append(endpoint)
    return {**named, **plain, **instances}


def escape(name: str) -> str:
    """What systemd-escape(1) makes of a name."""
    escaped = []
    for index, octet in enumerate(name.encode()):
        character = chr(octet)
        if character == "/":
            escaped.append("-")
        elif octet < 0x80 and (
            character.isalnum() or character in ":_" or (character == "." and index)
        ):
            escaped.append(character)
        else:
            escaped.append(f"\\x{octet:02x}")
    return "".join(escaped)


def _is_plain(name: str) -> bool:
    """May the name stand in the name of a unit as it is?"""
    return name.isascii() and all(c.isalnum() or c in ":_.-" for c in name)


def _rivals(instance: str, instances: dict[str, list[Endpoint]]) -> list[str]:
    """The instances that listen at a place at which this one listens too."""
    places = {endpoint.address for endpoint in instances[instance]}
    if _is_refused(instance, instances[instance]):
        return []  # it never listens, and must not stop what does
    return [
        other
        for other, endpoints in instances.items()
        if other != instance
        and not _is_refused(other, endpoints)
        and not places.isdisjoint(e.address for e in endpoints)
    ]


def _is_refused(instance: str, listening: list[Endpoint]) -> bool:
    return instance != "all" and any(e.address.path is not None for e in listening)


def _drop_in(
    unit: str, listening: list[Endpoint], rivals: list[str], config_path: str, *, refused: bool
) -> str:
    lines = ["[Unit]", f"SourcePath={config_path}"]
    lines += [f"Conflicts={rival}" for rival in rivals]
    # One of two has closed before the other one opens, if they are ordered in any direction.
    lines += [f"After={rival}" for rival in rivals if rival < unit]
    if not refused:
        # Not in a shared drop-in: a refused unit is to stay down, and nothing takes this back.
        lines.append("OnFailure=revive-postfix-rest@%n.service")
    lines += ["", "[Socket]"]
    lines += [f"ListenStream={_specifier_free(str(e.address))}" for e in listening]
    if refused:
        lines += ["RemoveOnStop=no", f"ExecStartPre=/usr/bin/sh -c '{_REFUSAL}'"]
    elif any(e.address.path is not None for e in listening):
        # For a drop-in of the operator's own to change, where others than Postfix ask.
        lines += ["SocketUser=postfix", "SocketGroup=postfix", "SocketMode=0660"]
    lines += _wildcards(listening)
    return "\n".join([*lines, ""])


_REFUSAL = (
    'echo "<3>%n: an endpoint with a bind-path is served by %p@all.socket only. '
    'Disable %n and enable %p@all.socket." >&2; exit 1'
)


def _wildcards(endpoints: list[Endpoint]) -> list[str]:
    """What makes [::] take IPv4 connections too, unless 0.0.0.0 has an endpoint at the same port.

    BindIPv6Only= is for a whole unit: where one port needs it, the others get their IPv4 apart.
    """
    v4 = {e.address.port for e in endpoints if e.address.ip == bytes(_IPV4_BYTES)}
    v6 = {e.address.port for e in endpoints if e.address.ip == bytes(_IPV6_BYTES)}
    if v4.isdisjoint(v6):
        return ["BindIPv6Only=both"] if v6 else []
    return ["BindIPv6Only=ipv6-only", *(f"ListenStream=0.0.0.0:{port}" for port in sorted(v6 - v4))]


def _specifier_free(text: str) -> str:
    return text.replace("%", "%%")


def systemd_version() -> int:
    """The version of the running service manager, 0 when it cannot be found out.

    Its shared library bears the version in its name; asking systemctl would cost a process.
    """
    mark = "/libsystemd-shared-"
    try:
        with open("/proc/1/maps", encoding="utf-8", errors="replace") as file:
            for line in file:
                _, found, rest = line.partition(mark)
                digits = rest[: len(rest) - len(rest.lstrip("0123456789"))]
                if found and digits:
                    return int(digits)
    except OSError:
        pass
    return 0


def _report(error: ConfigError, config_path: str, directory: str, write: Write) -> None:
    """Tell the operator what is wrong: now if there is a journal, during the boot if not."""
    text = f"sockets keep the addresses that they have, if any: the configuration is wrong: {error}"
    priority = str(journal.ERROR)
    journal.send({"MESSAGE": text, "MESSAGE_ID": _MESSAGE_ID, "PRIORITY": priority})
    name = "postfix-rest-inetd-config.service"
    write(name, _REPORTING_UNIT.format(config_path=config_path))
    wants = os.path.join(directory, "multi-user.target.wants")
    os.makedirs(wants, exist_ok=True)
    os.symlink(f"../{name}", os.path.join(wants, name))


_REPORTING_UNIT = """\
[Unit]
Description=Report what is wrong with {config_path}
Documentation=man:postfix-rest-inetd.json(5)
SourcePath={config_path}

[Service]
Type=oneshot
ExecStart=/usr/bin/python3 -I -m postfix_rest_inetd.admin.cli check \\
    --only config --config {config_path}
SyslogIdentifier=postfix-rest-inetd
"""
