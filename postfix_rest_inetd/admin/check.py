# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd check`: is the configuration one that the handler can use?

Exit status 0 when it is, 1 when it is not. Every problem is printed on a line of its own, with its
place in the file; the endpoints of a good file are listed with where they listen and whom they ask.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd import config, credentials, rest
from postfix_rest_inetd.errors import ConfigError

if TYPE_CHECKING:
    import argparse

    from postfix_rest_inetd.endpoint import Endpoint

EXIT_GOOD = 0
EXIT_BAD = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line knows."""
    parser.add_argument(
        "--config",
        default=config.DEFAULT_PATH,
        metavar="FILE",
        help="the configuration (%(default)s)",
    )


def run(arguments: argparse.Namespace) -> int:
    """Check a file and print what was found; returns the exit status."""
    path = arguments.config
    try:
        loaded = config.load(path)
    except ConfigError as error:
        _print_problems(error)
        return EXIT_BAD
    bad = [endpoint for endpoint in loaded.endpoints if not _is_usable(endpoint, loaded.user_agent)]
    for endpoint in loaded.endpoints:
        state = "unusable" if endpoint in bad else "ok"
        where = f"{endpoint.mode} on {endpoint.address}, asks {endpoint.target.origin}"
        print(f"{state:8}  {endpoint.name}: {where}")
    if not loaded.endpoints:
        print(f"{path}: there are no endpoints yet; nothing will listen")
    return EXIT_BAD if bad else EXIT_GOOD


def _is_usable(endpoint: Endpoint, user_agent: str) -> bool:
    """Can the files that an endpoint names be used, by the user who runs this?"""
    try:
        rest.Client(endpoint, user_agent, credentials.auth_token_of(endpoint))
    except ConfigError as error:
        _print_problems(error)
        return False
    return True


def _print_problems(error: ConfigError) -> None:
    for json_path, text in error.problems:
        print(f"{error.source}: {json_path + ': ' if json_path else ''}{text}", file=sys.stderr)
