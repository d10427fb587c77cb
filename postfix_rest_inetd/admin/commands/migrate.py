# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd migrate FILE`: from the daemon postfix-rest-connector to our sockets.

FILE is the daemon's configuration, which is used unchanged. Three things are printed: the
differences, the processes that hold its addresses now, and the commands that put it into service,
in their order. The whole output can be run by a shell, because everything else is a comment.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import configuration, postfix, report
from postfix_rest_inetd.admin.checks.finding import WARNING, Finding
from postfix_rest_inetd.admin.command_error import EXIT_CONFIG, EXIT_FAILED
from postfix_rest_inetd.admin.host.listeners import Listeners
from postfix_rest_inetd.admin.migration import differences, holders, main_cf, steps
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError

if TYPE_CHECKING:
    import argparse

EXIT_GOOD = 0
EXIT_STATUS = {
    EXIT_GOOD: "FILE can be used as it is",
    EXIT_FAILED: "the output cannot be written",
    EXIT_CONFIG: "FILE cannot be used",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = "The commands are printed, not run."
    parser.add_argument("file", metavar="FILE", help="configuration of postfix-rest-connector")


def run(arguments: argparse.Namespace) -> int:
    """Print the differences and the steps; returns the exit status."""
    path = arguments.file
    try:
        loaded = loading.load(path)
    except ConfigError as error:
        if os.path.isfile(path) and os.access(path, os.R_OK):
            error.add_note("correct this in a copy first; postfix-rest-inetd.json(5) has the keys")
        raise
    found = configuration.described(path, loaded)
    listeners = Listeners()
    held = dict(holders.holders(loaded, listeners))
    found += differences.findings(path, loaded)
    settings, _ = postfix.settings_or_note()
    found += main_cf.warnings(loaded.endpoints, settings)
    found += [
        Finding(
            WARNING, differences.named([endpoint]), f"its address is held by {who}: stop it first"
        )
        for endpoint, (who, _) in held.items()
    ]
    if os.path.abspath(path) != loading.DEFAULT_PATH and steps.has_endpoints():
        what = "already has endpoints; the first command keeps it as config.json~"
        found.append(Finding(WARNING, loading.DEFAULT_PATH, what))
    report.as_text(("config", found))
    units = sorted({unit for _, unit in held.values() if unit})
    print()
    for line in steps.lines(path, loaded, units, unknown=len(units) < len(held)):
        print(line)
    print("# 3. Postfix keeps asking the same addresses:")
    for line in main_cf.lines(loaded.endpoints, settings):
        print(line)
    print("# 4. Check the result:\npostfix-rest-inetd check --probe")
    return EXIT_GOOD
