# SPDX-License-Identifier: MIT
"""The command `postfix-rest-inetd`: its subcommands, and what happens when one fails.

A subcommand is a module of `commands` that has

- `add_arguments(parser)`: defines its arguments;
- `run(arguments) -> int`: runs it, and returns the exit status;
- `EXIT_STATUS`: the meaning of its exit statuses, besides those that all commands share;
- `EXIT_FAILED`, if its failures have another status than 1;

and a line in COMMANDS. Only the module of the subcommand that is called is imported.

A subcommand raises an error if it cannot do its work. `_failure` maps all errors to messages and
exit statuses. A message is one line on standard error that begins with
`postfix-rest-inetd: `. Any other error is a fault of this program, and gives a traceback.
"""

from __future__ import annotations

import argparse
import contextlib
import errno
import importlib
import os
import sys
from typing import TYPE_CHECKING, NoReturn

from postfix_rest_inetd import __version__
from postfix_rest_inetd.admin.command_error import (
    EXIT_CONFIG,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_USAGE,
    CommandError,
    UsageError,
)
from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.help_text import HelpFormatter
from postfix_rest_inetd.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

# subcommand: (module in `commands`, what it does)
COMMANDS = {
    "apply": ("apply", "open and close sockets, as config.json says"),
    "cache": ("cache", "show and remove stored answers"),
    "check": ("check", "find problems of config.json, sockets, Postfix and backends"),
    "config-schema": ("config_schema", "print the JSON schema of config.json"),
    "demo": ("demo", "ask one question of each kind, with an embedded backend"),
    "edit": ("edit", "edit the configuration and check it before saving"),
    "endpoints": ("endpoints", "print the name, mode and address of each endpoint"),
    "migrate": ("migrate", "show how to take over from postfix-rest-connector"),
    "query": ("query", "ask an endpoint and show what Postfix does with the reply"),
    "setup": ("setup", "add an endpoint, and put it into service"),
    "stats": ("stats", "count requests, failures and latencies in the journal"),
    "status": ("status", "show endpoints, requests and backends on one screen"),
    "token": ("token", "make another token for an endpoint, and use it"),
    "trace": ("trace", "show why a mail was deferred or refused"),
}

COMPLETE = "__complete"
"""What shells run when Tab is pressed, which is not for people: admin/completion/__init__.py."""

# Modules of other projects, and the Debian and Fedora packages that contain them.
_PACKAGES = {"urllib3": "python3-urllib3", "systemd": "python3-systemd"}
# Errors of writing to an open file; they do not name the file.
_UNWRITABLE = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


def main(arguments: list[str] | None = None) -> int:
    """Run the subcommand that the command line names; returns the exit status.

    Without arguments, print the help.
    """
    _replace_closed_streams()
    given = sys.argv[1:] if arguments is None else arguments
    if given[:1] == [COMPLETE]:
        from postfix_rest_inetd.admin.completion import words

        return words.run(given[1:])
    parsed = argparse.Namespace(command="")
    status = EXIT_USAGE
    try:
        try:
            if given:
                parsed = _parsed(given)
                terminal.tolerate()
                status = _module(parsed.command).run(parsed)
            else:
                parser([]).print_help()
        finally:  # argparse raises this after --help
            sys.stdout.flush()
    except (CommandError, ConfigError, ImportError, OSError, KeyboardInterrupt) as error:
        status, messages = _failure(error, parsed)
        if isinstance(error, (OSError, KeyboardInterrupt)):
            _discard_output()
        for message in [*messages, *getattr(error, "__notes__", [])]:
            terminal.complain(message)
    return status


def _failure(error: BaseException, parsed: argparse.Namespace) -> tuple[int, list[str]]:
    """The exit status for an error, and the messages.

    Raises:
        BaseException: the error, if it is a fault of this program.
    """
    status, messages = EXIT_FAILED, [str(error)]
    if parsed.command:
        status = getattr(_module(parsed.command), "EXIT_FAILED", EXIT_FAILED)
    match error:
        case KeyboardInterrupt():
            status, messages = EXIT_INTERRUPTED, []
        case BrokenPipeError():  # as in `... | head`, which reads only the beginning
            messages = []
        case UsageError():
            status = EXIT_USAGE
        case CommandError():
            pass
        case ConfigError():
            path = getattr(parsed, "config", error.source)
            status, messages = EXIT_CONFIG, list(_problems(error, path))
        case ImportError(name=str(name)) if package := _package_of(name):
            messages = [f"the Python module {name} cannot be loaded; install the package {package}"]
        case OSError():
            messages = [_of_the_system(error)]
        case _:
            raise error
    return status, messages


def _of_the_system(error: OSError) -> str:
    match error:
        case FileNotFoundError(filename=None):  # os.getcwd(), for a path that is relative
            return "the working directory no longer exists; change to another one"
        case OSError(filename=str(name), strerror=str(reason)):
            return f"{name}: {reason}"
        case OSError(errno=number, strerror=str(reason)) if number in _UNWRITABLE:
            return f"the output cannot be written: {reason}"
        case _:
            raise error


def _package_of(module: str) -> str:
    return _PACKAGES.get(module.partition(".")[0], "")


def _problems(error: ConfigError, path: str) -> Iterator[str]:
    """One message for each problem of the configuration at `path`, with its place."""
    from postfix_rest_inetd.admin.checks import configuration

    for finding in configuration.problems(path, error):
        yield f"{finding.where}: {finding.what}"


def _replace_closed_streams() -> None:
    """Discard what is written to a stream that was closed at the start."""
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - to the end
    if sys.stderr is None:  # otherwise print() would use standard output instead
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115


def _discard_output() -> None:
    """Keep the interpreter from writing the rest of the output when it exits."""
    with contextlib.suppress(OSError):  # something in place of standard output, without a file
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _parsed(given: list[str]) -> argparse.Namespace:
    command = next((word for word in given if not word.startswith("-")), "")
    return parser([command]).parse_args(given)


class _Parser(argparse.ArgumentParser):
    """A parser that raises errors instead of exiting.

    Options may be anywhere, as with getopt_long(3). argparse alone refuses `cache purge -n maps`,
    because it takes optional arguments for missing as soon as an option follows.
    """

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
        """As argparse has it; the arguments of a subcommand come after its options."""
        if self._subparsers is None and args is not None:
            args = self._permuted(args)
        return super().parse_known_args(args, namespace)

    def _permuted(self, given: Sequence[str]) -> list[str]:
        options: list[str] = []
        others: list[str] = []
        rest = iter(given)
        for word in rest:
            if word == "--":
                others.extend(rest)
            elif len(word) > 1 and word[0] == "-" and not self._negative_number_matcher.match(word):
                options.append(word)
                action = self._option_string_actions.get(word)
                if action is not None and action.nargs is None:
                    value = next(rest, None)
                    if value is None:  # argparse says so
                        return list(given)
                    options.append(value)
            else:
                others.append(word)
        looks_like_options = any(word[:1] == "-" for word in others)
        return [*options, *(["--"] if looks_like_options else []), *others]

    def error(self, message: str) -> NoReturn:
        """Show the usage.

        Raises:
            UsageError: always.
        """
        self.print_usage(sys.stderr)
        raise UsageError(message)


def parser(complete: list[str]) -> argparse.ArgumentParser:
    """The parser of the command line; only the subcommands in `complete` have their arguments."""
    top = _Parser(
        prog="postfix-rest-inetd",
        description="The administrator's commands of postfix-rest-inetd, which answers Postfix's "
        "lookups and policy requests from a REST backend.",
        epilog="Run postfix-rest-inetd COMMAND --help for details.",
        formatter_class=HelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = top.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, (_, summary) in COMMANDS.items():
        description = f"{summary[0].upper()}{summary[1:]}."
        command = commands.add_parser(
            name,
            help=summary,
            description=description,
            allow_abbrev=False,
            formatter_class=HelpFormatter,
        )
        if name in complete:
            module = _module(name)
            module.add_arguments(command)
            paragraphs = ((command.epilog or "").rstrip(), _explained(module.EXIT_STATUS))
            command.epilog = "\n\n".join(filter(None, paragraphs))
    return top


def _explained(statuses: dict[int, str]) -> str:
    """The end of --help."""
    known = {EXIT_USAGE: "wrong command line", EXIT_INTERRUPTED: "interrupted", **statuses}
    lines = [f"  {status:<3}  {meaning}" for status, meaning in sorted(known.items())]
    return "\n".join(["exit status:", *lines])


def _module(command: str):  # type: ignore[no-untyped-def] # noqa: ANN202 - a module has no type
    return importlib.import_module(f".commands.{COMMANDS[command][0]}", __package__)


if __name__ == "__main__":
    sys.exit(main())
