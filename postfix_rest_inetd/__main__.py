# SPDX-License-Identifier: MIT
"""The handler's entry point: `python3 -m postfix_rest_inetd`, with the connection on fd 0 and 1.

The exit status is 0 at the end of the connection, 64 (EX_USAGE) for a wrong command line, and 70
(EX_SOFTWARE) after an unexpected exception. argparse is not used, because it costs more than the
rest of the start.

Until the first bytes arrive, and again in hibernation, only the modules that this one imports are
loaded. In this state the process has 3 MB of its own, and a connection on which nothing is sent
costs little more than the start of python3.
"""

from __future__ import annotations

import os
import stat
import sys
from time import monotonic_ns, process_time_ns

from . import __version__, journal, model
from .connection import ENDED, Connection
from .restart import installed, retry_if_being_replaced, settled

# sysexits.h
EXIT_USAGE = 64
EXIT_SOFTWARE = 70

HELP = f"""\
Usage: python3 -m postfix_rest_inetd [OPTION]...

Answer Postfix's requests on standard input from a REST backend. To be started
by systemd (Accept=yes), inetd or spawn(8), once per connection; its local
address tells which endpoint of the configuration the connection belongs to.

  --config FILE    the configuration (/etc/postfix-rest-inetd/config.json)
  --mode MODE      only endpoints of this mode:
                   {", ".join(model.MODES)}
  --endpoint NAME  the endpoint of this name, whatever the local address;
                   required when standard input is not a socket
  --cache-directory DIR
                   where handlers share stored answers ($CACHE_DIRECTORY)
  --help           show this and exit
  --version        show the version and exit

What operators want is postfix-rest-inetd; see postfix-rest-inetd --help.
"""


class UsageError(Exception):
    """The command line is wrong; the text says why."""


def main(arguments: list[str]) -> int:
    """Do what the command line says; returns the exit status."""
    silent = journal.guard_stderr()
    try:
        values = _parse(arguments)
    except UsageError as error:
        if silent:
            _tell_journal(f"wrong command line: {error}")
        else:
            journal.write_stderr(f"{error}; see --help")
        return EXIT_USAGE
    for shown, text in (("--help", HELP), ("--version", f"postfix-rest-inetd {__version__}\n")):
        if shown in values:
            sys.stdout.write(text)
            return 0
    try:
        return _serve(values)
    except Exception as error:  # noqa: BLE001 - its text may hold a secret and is not shown
        from .log_entry import of_exception

        _tell_journal(of_exception(error))
        return EXIT_SOFTWARE
    finally:
        journal.settle()


def _serve(values: dict[str, str]) -> int:
    """Wait for the first request with few modules loaded; then load the rest and answer."""
    before = installed()
    connection = Connection()
    if connection.wait() == ENDED or connection.is_at_end():
        return 0
    marks = settled(connection, before)
    began_ns = _began(connection)
    try:
        from .handler import serve
        from .in_force import Options
    except Exception:
        retry_if_being_replaced(connection)
        raise
    config = values.get("--config", "/etc/postfix-rest-inetd/config.json")
    directory = _cache_directory(values)
    options = Options(config, values.get("--mode"), values.get("--endpoint"), directory)
    return serve(options, connection, began_ns, marks)


def _began(connection: Connection) -> int:
    """When the client began to wait for this handler, by the monotonic clock.

    A handler that woke up: now. A handler that was started: when its process was forked. Since
    then it has waited for nothing except its client, so the processor time of the process is the
    time that the start took. /proc would have to be read, and has hundredths of a second only.
    """
    return monotonic_ns() - (0 if connection.restarted else process_time_ns())


def _tell_journal(detail: str) -> None:
    from .log_entry import of_trouble

    journal.send(of_trouble("", None, model.INTERNAL_ERROR, detail))


def _parse(arguments: list[str]) -> dict[str, str]:
    """The options and their values.

    Raises:
        UsageError: the command line has something unknown in it.
    """
    values: dict[str, str] = {}
    rest = iter(arguments)
    for argument in rest:
        option, equals, value = argument.partition("=")
        if option in ("--help", "--version") and not equals:
            return {option: ""}
        if option not in ("--config", "--mode", "--endpoint", "--cache-directory"):
            raise UsageError(f"{option!r} is not an option")
        values[option] = value if equals else next(rest, "")
        if not values[option]:
            raise UsageError(f"{option} needs a value")
    if "--mode" in values:
        values["--mode"] = values["--mode"].lower()
        if values["--mode"] not in model.MODES:
            raise UsageError(f"--mode is one of {', '.join(model.MODES)}")
    if not values.get("--cache-directory", "/").startswith("/"):
        raise UsageError("--cache-directory is an absolute path")
    if "--endpoint" not in values and not _is_socket(0):
        raise UsageError("standard input is not a socket, so --endpoint is required")
    return values


def _cache_directory(values: dict[str, str]) -> str | None:
    """The directory that all handlers share, from the option or from systemd; None without both.

    If CacheDirectory= names several, systemd.exec(5) separates them by colons in the variable.
    """
    passed = os.environ.get("CACHE_DIRECTORY", "").partition(":")[0]
    return values.get("--cache-directory") or (passed if passed.startswith("/") else None)


def _is_socket(descriptor: int) -> bool:
    try:
        return stat.S_ISSOCK(os.fstat(descriptor).st_mode)
    except OSError:
        return False


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
