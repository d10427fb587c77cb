# SPDX-License-Identifier: MIT
"""The command `postfix-rest-inetd`: its subcommands, and nothing of what they do.

A subcommand is a module of this package that has

- `add_arguments(parser)`: what its command line knows;
- `run(arguments) -> int`: do it, and return the exit status;

and a line in COMMANDS. Only the module of the subcommand that is called is imported.

Exit status: what the subcommand returns; 2 for a wrong command line, as argparse has it.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys

from postfix_rest_inetd import __version__
from postfix_rest_inetd.admin import terminal

# subcommand: (module in this package, what it does)
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


def main(arguments: list[str] | None = None) -> int:
    """Run the subcommand that the command line names; returns the exit status."""
    given = sys.argv[1:] if arguments is None else arguments
    command = next((word for word in given if not word.startswith("-")), "")
    parsed = parser([command]).parse_args(given)
    terminal.tolerate()
    try:
        status: int = _module(parsed.command).run(parsed)
        sys.stdout.flush()
    except BrokenPipeError:  # `| head` has seen enough; the rest of the output goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    return status


def parser(complete: list[str]) -> argparse.ArgumentParser:
    """The parser of the command line, with the arguments of the subcommands in `complete` only."""
    top = argparse.ArgumentParser(
        prog="postfix-rest-inetd",
        description="Answer Postfix's lookups and policy requests from a REST backend: "
        "the operator's commands.",
        epilog="postfix-rest-inetd COMMAND --help tells more of a command.",
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
    return importlib.import_module(f".{COMMANDS[command][0]}", __package__)


if __name__ == "__main__":
    sys.exit(main())
