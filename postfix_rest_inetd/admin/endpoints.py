# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd endpoints`: the endpoints of the configuration, for scripts and completion.

One line for each, in the order of the file: name, mode and address, separated by tabs. A name has
no control characters, so no line is ambiguous. Targets are not looked at, and not told.

Exit status 0, or 1 when the configuration cannot be used; the problems are on standard error.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd import config
from postfix_rest_inetd.admin.config_option import add_config_option
from postfix_rest_inetd.errors import ConfigError

if TYPE_CHECKING:
    import argparse

EXIT_GOOD = 0
EXIT_BAD = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line knows."""
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print the endpoints; returns the exit status."""
    try:
        loaded = config.load(arguments.config, for_listening=True)
    except ConfigError as error:
        print(error, file=sys.stderr)
        return EXIT_BAD
    for endpoint in loaded.endpoints:
        print(endpoint.name, endpoint.mode, endpoint.address, sep="\t")
    return EXIT_GOOD
