# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd endpoints`: the endpoints of the configuration, for scripts and completion.

One line for each, in the order of the file: name, mode and address, separated by tabs. A name has
no control characters, so no line is ambiguous. Targets are not looked at, and not told.

Exit status 0, or 1 when the configuration cannot be used, or the output not written; the problems
are on standard error. An output file stays as it is then.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.ui.options import add_config_option
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError

if TYPE_CHECKING:
    import argparse

EXIT_GOOD = 0
EXIT_BAD = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line knows."""
    add_config_option(parser)
    parser.add_argument("--output", metavar="FILE", help="replace FILE, in one step")


def run(arguments: argparse.Namespace) -> int:
    """Print the endpoints; returns the exit status."""
    try:
        loaded = loading.load(arguments.config, for_listening=True)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD
    text = "".join(f"{e.name}\t{e.mode}\t{e.address}\n" for e in loaded.endpoints)
    if arguments.output is None:
        sys.stdout.write(text)
        return EXIT_GOOD
    from postfix_rest_inetd.admin.statistics import state

    try:
        state.write(arguments.output, text, state.PUBLIC_MODE)
    except OSError as error:
        print(f"postfix-rest-inetd endpoints: {error.filename}: {error.strerror}", file=sys.stderr)
        return EXIT_BAD
    return EXIT_GOOD
