# SPDX-License-Identifier: MIT
"""The command `postfix-rest-inetd`: its subcommands, and nothing of what they do.

A subcommand is a module of `commands` that has

- `add_arguments(parser)`: what its command line knows;
- `run(arguments) -> int`: do it, and return the exit status;

and a line in COMMANDS. Only the module of the subcommand that is called is imported.

Exit status: what the subcommand returns; 2 for a wrong command line, as argparse has it; 130 when
it was interrupted. What cannot be written, and a Python module that is not installed, are told in
one sentence, with exit status 1. A traceback is a mistake of ours.
"""

from __future__ import annotations

import argparse
import errno
import importlib
import os
import sys

from postfix_rest_inetd import __version__
from postfix_rest_inetd.admin.ui import terminal

# subcommand: (module in `commands`, what it does)
COMMANDS = {
    "check": ("check", "tell what is wrong with configuration, sockets, Postfix and backends"),
    "config-schema": ("config_schema", "print the JSON schema of config.json"),
    "demo": ("demo", "show one question of each kind, with an embedded backend"),
    "edit": ("edit", "edit the configuration, and check it before it is saved"),
    "endpoints": ("endpoints", "print name, mode and address of each endpoint"),
    "migrate": ("migrate", "tell how to take over from postfix-rest-connector"),
    "query": ("query", "ask an endpoint, and tell what Postfix makes of it"),
    "stats": ("stats", "count requests, failures and latencies in the journal"),
}

EXIT_INTERRUPTED = 130

# The modules of others, and the packages of Debian and Fedora that have them.
_PACKAGES = {"urllib3": "python3-urllib3", "systemd": "python3-systemd"}


def main(arguments: list[str] | None = None) -> int:
    """Run the subcommand that the command line names; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    command = next((word for word in given if not word.startswith("-")), "")
    if sys.stdout is None:  # closed: whatever it was to hold goes nowhere
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - to the end
    try:
        return _run(command, given)
    except BrokenPipeError:  # `| head` has seen enough; the rest of the output goes nowhere
        _discard_output()
        return 1
    except (ImportError, OSError) as error:
        reason = _reason(error)
        if not reason:
            raise
        _discard_output()
        print(f"postfix-rest-inetd {command}".rstrip() + f": {reason}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        _discard_output()
        return EXIT_INTERRUPTED


def _run(command: str, given: list[str]) -> int:
    """Parse the command line and run the command; what it prints is written before this returns."""
    try:
        parsed = parser([command]).parse_args(given)
        terminal.tolerate()
        status: int = _module(parsed.command).run(parsed)
    finally:  # after --help, argparse leaves by an exception
        sys.stdout.flush()
    return status


def _discard_output() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _reason(error: ImportError | OSError) -> str:
    """Why it is not our mistake, in words for the operator; empty if it is."""
    if isinstance(error, ImportError):
        name = (error.name or "").partition(".")[0]
        package = _PACKAGES.get(name)
        if package is None:
            return ""
        return f"the Python module {name} cannot be loaded; install the package {package}"
    if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS):
        what = f"{error.filename}: " if error.filename else "the output cannot be written: "
        return f"{what}{error.strerror}"
    return ""


def parser(complete: list[str]) -> argparse.ArgumentParser:
    """The parser of the command line, with the arguments of the subcommands in `complete` only."""
    top = argparse.ArgumentParser(
        prog="postfix-rest-inetd",
        description="Answer Postfix's lookups and policy requests from a REST backend: "
        "the operator's commands.",
        epilog="Run postfix-rest-inetd COMMAND --help for details.",
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, summary) in COMMANDS.items():
        description = f"{summary[0].upper()}{summary[1:]}."
        command = commands.add_parser(
            name, help=summary, description=description, allow_abbrev=False
        )
        if name in complete:
            _module(name).add_arguments(command)
    return top


def _module(command: str):  # type: ignore[no-untyped-def] # noqa: ANN202 - a module has no type
    return importlib.import_module(f".commands.{COMMANDS[command][0]}", __package__)


if __name__ == "__main__":
    sys.exit(main())
