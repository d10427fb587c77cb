# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd migrate FILE`: from postfix-rest-connector, a daemon, to our sockets.

FILE is the daemon's configuration, which is used here as it is. Three things are printed: what is
wrong or different with it here, who holds its addresses at the moment, and the commands that put it
into service, in their order, as a text that a shell would take (everything else is a comment).

Nothing is changed. Exit status: 0 when the file can be used as it is, 1 when not, 2 for a wrong
command line.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.checks import configuration, postfix, report
from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING, Finding
from postfix_rest_inetd.admin.host.listeners import Listeners
from postfix_rest_inetd.admin.migration import differences, holders, main_cf, steps
from postfix_rest_inetd.config import loading

if TYPE_CHECKING:
    import argparse


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line knows."""
    parser.epilog = (
        "exit status: 0 the file can be used as it is; 1 it cannot; 2 wrong command line."
    )
    parser.add_argument("file", metavar="FILE", help="the configuration of postfix-rest-connector")


def run(arguments: argparse.Namespace) -> int:
    """Print what is to be known and done; returns the exit status."""
    path = arguments.file
    loaded, found = configuration.load(path)
    if loaded is None:
        report.as_text([finding._replace(advice="") for finding in found])
        if os.access(path, os.R_OK):
            print("\nMend this first, in a copy. The keys are those of postfix-rest-inetd.json(5).")
        return 1
    listeners = Listeners()
    held = dict(holders.holders(loaded, listeners))
    found += differences.findings(path, loaded)
    settings, _ = postfix.settings_or_note()
    found += main_cf.warnings(loaded.endpoints, settings)
    found += [
        Finding(
            WARNING, differences.named([endpoint]), f"its address is held by {who}: stop that first"
        )
        for endpoint, (who, _) in held.items()
    ]
    if os.path.abspath(path) != loading.DEFAULT_PATH and steps.has_endpoints():
        what = "has endpoints already; the first command keeps it as config.json~"
        found.append(Finding(WARNING, loading.DEFAULT_PATH, what))
    report.as_text(found)
    units = sorted({unit for _, unit in held.values() if unit})
    print()
    for line in steps.lines(path, loaded, units, unknown=len(units) < len(held)):
        print(line)
    print("# 3. Postfix, which asks what it has asked before:")
    for line in main_cf.lines(loaded.endpoints, settings):
        print(line)
    print("# 4. Is everything as it should be?\npostfix-rest-inetd check --probe")
    return 0 if all(finding.severity != ERROR for finding in found) else 1
