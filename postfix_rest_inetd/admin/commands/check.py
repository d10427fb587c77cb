# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd check`: does all fit that has to work together, and what is to be done?

Its parts, each a module check_*.py that yields findings:

    config      the configuration: all of its problems, with line and column; risks; urllib3
    files       the files that it names, and the rights of the handlers
    sockets     systemd's socket units, and who listens
    postfix     the tables and policy services of Postfix that lead here
    probe       (--probe) the backends, the endpoints as Postfix asks them, and recent failures

All of them concern the installed configuration. To a file that is not installed (`--config`), only
`config` and `files` apply, unless `--only` asks for more.

Exit status: 0 when no error was found, 1 when one was, 2 for a wrong command line. A warning is
about a step that is still to be taken, or a risk: with `--strict` it counts as an error, without it
`check` can stand before these steps in a script.
"""

from __future__ import annotations

import argparse

from postfix_rest_inetd.admin.checks import parts, report
from postfix_rest_inetd.admin.checks.finding import ERROR, WARNING
from postfix_rest_inetd.admin.ui.options import add_config_option

EXIT_GOOD = 0
EXIT_BAD = 1


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line knows."""
    parser.epilog = (
        "exit status: 0 no error was found (warnings are steps still to be taken, or "
        "risks); 1 an error, or with --strict a warning; 2 wrong command line."
    )
    add_config_option(parser)
    parser.add_argument(
        "--probe",
        action="store_true",
        help="ask each backend and each socket for something that cannot exist, and tell of the "
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
