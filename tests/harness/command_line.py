# SPDX-License-Identifier: MIT
"""The options and subcommands of `postfix-rest-inetd`, according to its own parsers."""

from __future__ import annotations

import argparse

from postfix_rest_inetd.admin.cli import COMMANDS, parser


def options_of(command: argparse.ArgumentParser) -> set[str]:
    """The options of a parser, long and short, except --help."""
    return {
        option
        for action in command._actions
        for option in action.option_strings
        if option not in ("-h", "--help")
    }


def subcommands() -> dict[str, argparse.ArgumentParser]:
    """The parser of each subcommand."""
    (choices,) = [
        action.choices
        for action in parser([*COMMANDS])._actions
        if isinstance(action, argparse._SubParsersAction)
    ]
    return dict(choices)
