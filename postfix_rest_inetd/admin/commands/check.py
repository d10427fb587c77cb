# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd check`: does all fit that has to work together, and what is to be done?

`checks/parts.py` has the parts. A problem of the configuration is an error that `check` reports:
the exit status is 1 as for other errors, not the one of commands that need a configuration. A
warning is about a step that is still to be taken, or a risk, and counts with --strict only, so that
`check` can stand before these steps in a script.
"""

from __future__ import annotations

import argparse

from postfix_rest_inetd.admin.checks import parts, report
from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING
from postfix_rest_inetd.admin.ui.options import add_config_option

EXIT_GOOD = 0
EXIT_BAD = 1
EXIT_STATUS = {EXIT_GOOD: "no errors", EXIT_BAD: "errors or, with --strict, warnings"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line knows."""
    parser.epilog = """\
A warning is a step that is still to be taken, or a risk. Problems of the
configuration are errors, with exit status 1.
"""
    add_config_option(parser)
    parser.add_argument(
        "--probe",
        action="store_true",
        help="ask each backend and each socket for an address that cannot exist, and report the "
        "failures of the last hour",
    )
    parser.add_argument(
        "--only",
        type=_parts,
        metavar="PART[,PART]",
        help=f"run only these parts: {', '.join(parts.PARTS)}",
    )
    parser.add_argument("--strict", action="store_true", help="exit with 1 for warnings as well")
    parser.add_argument("--json", action="store_true", help="print JSON")


def run(arguments: argparse.Namespace) -> int:
    """Check, and print what was found; returns the exit status."""
    chosen = arguments.only or parts.parts_for(arguments.config)
    if arguments.probe:
        chosen |= {"probe"}
    findings = list(parts.findings(arguments.config, chosen))
    if arguments.json:
        report.as_json(arguments.config, findings)
    else:
        report.as_text(findings)
    bad = {ERROR, WARNING} if arguments.strict else {ERROR}
    return EXIT_BAD if any(finding.severity in bad for finding in findings) else EXIT_GOOD


def _parts(text: str) -> frozenset[str]:
    chosen = frozenset(text.split(","))
    if not chosen <= set(parts.PARTS):
        raise argparse.ArgumentTypeError(f"the parts are {', '.join(parts.PARTS)}")
    return chosen
