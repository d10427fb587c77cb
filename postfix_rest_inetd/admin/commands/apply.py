# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd apply`: opens the sockets that config.json asks for, and closes all others.

It runs the commands that `check` names for the socket units, and no others. Errors of the
configuration stop it. It has no `--config`, because systemd reads only the installed file.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.application import session
from postfix_rest_inetd.admin.checks import report
from postfix_rest_inetd.admin.command_error import EXIT_CONFIG, EXIT_FAILED
from postfix_rest_inetd.admin.ui.options import add_assent_options

if TYPE_CHECKING:
    import argparse

EXIT_GOOD = 0
EXIT_STATUS = {
    EXIT_GOOD: "everything is done; with --dry-run, it can be",
    EXIT_FAILED: "something is not done",
    EXIT_CONFIG: "the configuration has errors, and nothing is done",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = """\
On a terminal, apply shows the commands of systemctl and asks before it runs
them. Sockets whose addresses are unchanged stay open.
"""
    add_assent_options(parser)


def run(arguments: argparse.Namespace) -> int:
    """Open and close sockets; returns the exit status."""
    assent = session.assent_of(arguments)
    session.require()
    errors = session.config_errors()
    if errors:
        report.listed(errors)
        print("\nNothing was done: correct the configuration first.")
        return EXIT_CONFIG
    return EXIT_GOOD if session.run(assent) else EXIT_FAILED
