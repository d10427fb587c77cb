# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd demo`: an embedded backend, three endpoints, one question of each kind."""

from __future__ import annotations

import argparse

from postfix_rest_inetd.admin.command_error import EXIT_INTERRUPTED
from postfix_rest_inetd.admin.demo import session
from postfix_rest_inetd.admin.demo.questions import ENDPOINTS

EXIT_RIGHT = 0
EXIT_WRONG = 1
EXIT_STATUS = {
    EXIT_RIGHT: "the answers were right, or --once was not given",
    EXIT_WRONG: "an answer was wrong, or the demo could not start",
    EXIT_INTERRUPTED: "interrupted before the last answer",
}

DEFAULT_PORT = 9001


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = """\
Without --once, the endpoints and the backend stay up afterwards, until
interrupted.
"""
    last = len(ENDPOINTS) - 1

    def first_port(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= 65535 - last:
            raise argparse.ArgumentTypeError(f"{text} is not a port from 1 to {65535 - last}")
        return int(text)

    parser.add_argument(
        "--once",
        action="store_true",
        help="exit after the questions",
    )
    parser.add_argument(
        "--port",
        type=first_port,
        default=DEFAULT_PORT,
        metavar="N",
        help=f"listen on the ports N to N+{last}; default: {DEFAULT_PORT}",
    )


def run(arguments: argparse.Namespace) -> int:
    """Show the demo; returns the exit status."""
    all_right = session.run(arguments.port, once=arguments.once)
    return EXIT_WRONG if arguments.once and not all_right else EXIT_RIGHT
