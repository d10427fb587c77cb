# SPDX-License-Identifier: MIT
"""systemd.generator(7): from config.json to where the sockets listen.

For each mode that has endpoints, the generator writes drop-ins with ListenStream= for the instances
of its socket template (postfix-rest-tcp@.socket and so on). The modules of `units` define
them. revive-postfix-rest@.service starts a failed socket unit again.

The generator does not block a boot. A problem with one endpoint or one file does not prevent the
others from being written. It reports what it cannot write, and exits with status 1, which systemd
reports. Without config.json, or without an endpoint in it, it writes nothing.

With an unusable config.json, the sockets get no new addresses. The generator writes a unit that
prints the problems to the journal during the boot, reports them at once if the journal is available
(daemon-reload), and exits with status 1. It reports problems that affect one endpoint only
(config/loading.py) in the same way, but all sockets get their addresses.

Sockets that already listen must keep their addresses. Otherwise systemd would close them at the
daemon-reload, which the upgrade of any package can cause, and they would stay closed after the file
has been repaired. So without a usable config.json, the generator writes what these sockets have
left behind (units/listening_sockets.py). It does the same for units that a usable config.json no
longer has: after an endpoint was renamed, @OLD continues until @NEW is started or @OLD is stopped,
and the journal says so.

The generator only reads and writes a few files. It does not check targets, tokens and certificates.
"""

from __future__ import annotations

import os

from . import journal, model
from .config import loading
from .errors import ConfigError
from .units import listening_sockets, socket_units
from .units.advice import command, listed
from .units.generated_files import GeneratedFiles
from .units.names import MAX_NAME, unit_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .config.endpoint import Endpoint
    from .units.socket_units import SocketUnit

EXIT_OK = 0
EXIT_FAILED = 1

_DROP_IN = "20-addresses.conf"
_UNUSABLE_ID = "3ec829098d9f45afb2b577e916c25a83"
_FAILED_ID = "9f3a3e1fe2e9499489948b1614b97320"
_GONE_ID = "ac9079feac334e6ab544bd91e0a18289"
_FIRST_VERSION_WITH_POLL_LIMIT = 255


def main(
    arguments: list[str],
    config_path: str = loading.DEFAULT_PATH,
    listening_directory: str = listening_sockets.DIRECTORY,
) -> int:
    """Write units below the first of the three directories that systemd names.

    Returns the exit status.
    """
    directory = arguments[0] if arguments else "/tmp"  # noqa: S108 - as systemd.generator(7) has it
    files = GeneratedFiles(directory, config_path)
    listening, files.failures = listening_sockets.left_behind(listening_directory)
    try:
        endpoints, problem = _endpoints(config_path)
    except ConfigError as error:
        problem, endpoints = error, None
    if endpoints is None:
        _keep_listening(listening, files)
    else:
        _write_units(endpoints, listening, files, config_path)
    if (endpoints or listening) and systemd_version() >= _FIRST_VERSION_WITH_POLL_LIMIT:
        files.write("postfix-rest-@.socket.d/20-poll-limit.conf", _poll_limit())
    if problem is not None:
        _report(problem, config_path, files, are_written=endpoints is not None)
    if files.failures:
        _tell_failures(files.failures)
    return EXIT_FAILED if problem is not None or files.failures else EXIT_OK


# In a separate file, because systemd 252 warns of unknown keys.
_POLL_LIMIT = """\
[Socket]
# How many connections to one address may start handlers in half a second; others wait in the queue
# of the kernel. It is less than the machine can start (about 20 a second on each processor), so a
# flood at one address leaves time for new connections to all others: on two processors, they are
# answered within 0.5 s, and after up to 26 s without a limit. Open connections are not affected.
PollLimitIntervalSec=500ms
PollLimitBurst={burst}
"""
_BURST_PER_PROCESSOR = 5
# systemd itself is one process: its own default is 150 in 2 s.
_MAX_BURST = 37
_QUOTA_PATH = "/sys/fs/cgroup/cpu.max"


def _poll_limit() -> str:
    """The drop-in for all sockets."""
    burst = min(_BURST_PER_PROCESSOR * _processors(), _MAX_BURST)
    return _POLL_LIMIT.format(burst=burst)


def _processors() -> int:
    """How many processors handlers have: those that this program has, and the quota of a container.

    The quota is that of the root of the control groups (cgroup v2; `max 100000` or the microseconds
    of processors in a period, and the period). A machine that is not a container has no such file.
    """
    processors = len(os.sched_getaffinity(0))
    try:
        with open(_QUOTA_PATH, encoding="ascii") as file:
            quota, period = file.read().split()
        if quota != "max":
            processors = min(processors, -(-int(quota) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):
        pass
    return max(processors, 1)


def _endpoints(config_path: str) -> tuple[list[Endpoint] | None, ConfigError | None]:
    """The endpoints of config.json, None without such a file; and the problems of some of them.

    Raises:
        ConfigError: the file cannot be used.
    """
    if not os.path.lexists(config_path):
        return None, None
    loaded = loading.load(config_path, for_listening=True, tolerant=True)
    return loaded.endpoints, loaded.problem


def _keep_listening(listening: dict[str, str], files: GeneratedFiles) -> None:
    """Write the drop-ins of the sockets that listen, without changes."""
    for name, text in listening.items():
        files.write(f"{name}.d/{_DROP_IN}", text)


def _write_units(
    endpoints: list[Endpoint], listening: dict[str, str], files: GeneratedFiles, config_path: str
) -> None:
    """Write the drop-ins of all endpoints, and of sockets that listen without an endpoint."""
    for mode in dict.fromkeys([*model.MODES, *(endpoint.mode for endpoint in endpoints)]):
        template = f"{unit_of(mode)}@"
        units = socket_units.units_of(mode, [e for e in endpoints if e.mode == mode])
        units = _with_names_that_fit(units)
        own = {name: text for name, text in listening.items() if name.startswith(template)}
        _keep_addresses(units, own)
        at = socket_units.at_place(units)
        for unit in units:
            text = socket_units.drop_in(unit, at, config_path)
            files.write(f"{unit.name}.d/{_DROP_IN}", text)
            if unit.kept:
                _tell_kept(unit, socket_units.rivals(unit.name, unit.kept, at))
            own.pop(unit.name, None)
        for name, text in own.items():
            addresses = listening_sockets.addresses(text)
            others = socket_units.rivals(name, addresses, at)
            lines = listening_sockets.socket_lines(text)
            kept = socket_units.gone_drop_in(name, lines, others, config_path)
            files.write(f"{name}.d/{_DROP_IN}", kept)
            _tell_gone(name, addresses, others)


def _with_names_that_fit(units: list[SocketUnit]) -> list[SocketUnit]:
    """The units whose names are not too long. Others are reported: @all serves their endpoints."""
    too_long = [unit for unit in units if len(unit.name) > MAX_NAME]
    if too_long:
        places = [f"{unit.endpoints[0].json_path}.name" for unit in too_long]
        text = (
            f"{listed(places)}: too long for a socket unit @NAME, whose name may have "
            f"{MAX_NAME} characters when it is escaped. @all serves the endpoint; for "
            "a unit of its own, shorten the name"
        )
        _tell(text, _FAILED_ID, journal.WARNING)
    return [unit for unit in units if unit not in too_long]


def _keep_addresses(units: list[SocketUnit], listening: dict[str, str]) -> None:
    """Let units continue to listen at addresses of other endpoints of their mode."""
    served = {address for unit in units for address in unit.addresses}
    for unit in units:
        own = unit.addresses
        now = listening_sockets.addresses(listening.get(unit.name, ""))
        unit.kept = [address for address in now if address in served and address not in own]


def systemd_version() -> int:
    """The version of the running service manager, 0 if it cannot be determined.

    The name of its shared library has the version in it. systemctl would cost a process.
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


def _tell(text: str, message_id: str, priority: int, unit: str = "") -> None:
    """Write to the journal, or to stderr if there is no journal yet."""
    fields = {"MESSAGE": text, "MESSAGE_ID": message_id, "PRIORITY": str(priority)}
    if unit:
        fields["OBJECT_SYSTEMD_UNIT"] = unit  # journalctl -u shows it then
    journal.send(fields)


def _tell_gone(name: str, addresses: list[str], others: list[str]) -> None:
    """Report a unit that listens without an endpoint; `others` would listen in its place."""
    text = f"{name} listens at {listed(addresses)}, but config.json has no such endpoint any more. "
    if others:
        new = _nicest(others)
        text += f"It continues until it is stopped. To replace it: {command('disable', name)}; "
        text += f"{command('enable', new)}; {command('start', new)}"
    else:
        text += "All requests there get temporary errors. To close it: "
        text += f"{command('disable --now', name)}; systemctl daemon-reload"
    _tell(text, _GONE_ID, journal.WARNING, name)


def _tell_kept(unit: SocketUnit, others: list[str]) -> None:
    """Report a unit that listens at addresses of another endpoint, whose units are `others`."""
    names = (unit.name, _nicest(others))
    text = (
        f"{unit.name} listens at {listed(unit.kept)}, which now belongs to another endpoint. "
        f"It continues until it is stopped. To correct this: {command('stop', *names)}; "
        f"systemctl daemon-reload; {command('start', *names)}"
    )
    _tell(text, _GONE_ID, journal.WARNING, unit.name)


def _tell_failures(failures: list[str]) -> None:
    text = (
        f"{listed(failures)}. Sockets whose files are missing may have closed. When the cause "
        "is removed: systemctl daemon-reload; postfix-rest-inetd check"
    )
    _tell(text, _FAILED_ID, journal.ERROR)


def _nicest(names: list[str]) -> str:
    """The best unit to name: @NAME before @all, and a name without escapes before one with them."""
    return min(names, key=lambda name: (name.partition("@")[2] == "all.socket", "\\" in name))


def _report(
    error: ConfigError, config_path: str, files: GeneratedFiles, *, are_written: bool
) -> None:
    """Report an unusable configuration: now if there is a journal, otherwise during the boot."""
    outcome = "sockets keep the addresses that they have, if any"
    if are_written:
        outcome = "endpoints with problems give temporary errors, and the others are served"
    text = f"{outcome}: the configuration is wrong: {error}"
    _tell(text, _UNUSABLE_ID, journal.ERROR)
    name = "postfix-rest-inetd-config.service"
    files.write(name, _REPORTING_UNIT.format(config_path=config_path))
    files.want(name, "multi-user.target")


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
