# SPDX-License-Identifier: MIT
"""The command `postfix-rest-inetd`: its subcommands, and nothing of what they do.

Exit status: what the subcommand returns; 2 for a wrong command line, as argparse has it.
"""

from __future__ import annotations

import argparse
import sys

from postfix_rest_inetd import __version__
from postfix_rest_inetd.config import DEFAULT_PATH


def main(arguments: list[str] | None = None) -> int:
    """Run the subcommand that the command line names; returns the exit status."""
    parsed, rest = _parser().parse_known_args(arguments)
    if parsed.command == "demo":
        from . import demo

        return demo.main(rest, prog="postfix-rest-inetd demo")
    if rest:
        _parser().error(f"unrecognized arguments: {' '.join(rest)}")
    from . import check

    return check.check(parsed.config)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="postfix-rest-inetd",
        description="Answer Postfix's lookups and policy requests from a REST backend: "
        "the operator's commands.",
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    check = commands.add_parser(
        "check", help="tell whether the configuration can be used, and why not"
    )
    check.add_argument(
        "--config", default=DEFAULT_PATH, metavar="FILE", help="the configuration (%(default)s)"
    )
    commands.add_parser(
        "demo", add_help=False, help="show one question of each kind, with an embedded backend"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
