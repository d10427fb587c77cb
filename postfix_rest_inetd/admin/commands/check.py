# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd check`: finds problems of the installation, and says what to do about them.

`checks/parts.py` lists the parts. `check` reports a problem of the configuration as an error, with
exit status 1 as for other errors; commands that need a configuration have another status for it. A
warning is about a step that is still to be taken, or about a risk. It affects the exit status only
with --strict, so that a script can run `check` before these steps.
"""

from __future__ import annotations

import argparse

from postfix_rest_inetd.admin.checks import parts, report
from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING
from postfix_rest_inetd.admin.ui.options import (
    add_cache_directory_option,
    add_config_option,
    add_json_option,
)

EXIT_GOOD = 0
EXIT_BAD = 1
EXIT_STATUS = {EXIT_GOOD: "no errors", EXIT_BAD: "errors or, with --strict, warnings"}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = """\
A warning is a step that is still to be taken, or a risk. Problems of the
configuration are errors, with exit status 1.
"""
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
    forms = parser.add_mutually_exclusive_group()
    forms.add_argument(
        "-q", "--quiet", action="store_true", help="print only errors and warnings, if any"
    )
    add_json_option(forms)
    add_cache_directory_option(parser)
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Check, and print the findings; returns the exit status."""
    chosen = arguments.only or parts.parts_for(arguments.config)
    if arguments.probe:
        chosen |= {"probe"}
    found = [
        (part, list(findings))
        for part, findings in parts.by_part(arguments.config, chosen, arguments.cache_directory)
    ]
    findings = [finding for _, of_part in found for finding in of_part]
    if arguments.json:
        report.as_json(arguments.config, findings)
    elif arguments.quiet:
        report.problems(findings)
    else:
        report.as_text(*found)
    bad = {ERROR, WARNING} if arguments.strict else {ERROR}
    return EXIT_BAD if any(finding.severity in bad for finding in findings) else EXIT_GOOD


def _parts(text: str) -> frozenset[str]:
    chosen = frozenset(text.split(","))
    if not chosen <= set(parts.PARTS):
        raise argparse.ArgumentTypeError(f"the parts are {', '.join(parts.PARTS)}")
    return chosen
