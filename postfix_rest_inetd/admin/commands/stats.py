# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd stats`: requests, failures and latencies, from the journal.

The exit status is 0, also if there were no requests, or if --follow was interrupted, which is how
it ends. With --fail-above it is EXIT_ABOVE if too many have failed, which no other cause has. The
others are those that all commands share (cli.py).
"""

from __future__ import annotations

import argparse
import contextlib
import sys
import time
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.command_error import EXIT_FAILED, EXIT_INTERRUPTED, UsageError
from postfix_rest_inetd.admin.host import atomic_file
from postfix_rest_inetd.admin.statistics import (
    groups,
    latest,
    lost,
    period,
    permission,
    selection,
    state,
    threshold,
    times,
)
from postfix_rest_inetd.admin.statistics.comparison import Before
from postfix_rest_inetd.admin.statistics.counters import Counters
from postfix_rest_inetd.admin.statistics.following import follow
from postfix_rest_inetd.admin.statistics.journal import Journal
from postfix_rest_inetd.admin.statistics.totals import Totals
from postfix_rest_inetd.admin.ui import redrawing, terminal
from postfix_rest_inetd.admin.ui.options import (
    add_journal_option,
    add_json_option,
    add_output_option,
    add_period_options,
)
from postfix_rest_inetd.admin.ui.terminal import screen_width
from postfix_rest_inetd.admin.ui.wrap import WIDTH

if TYPE_CHECKING:
    import os
    from fractions import Fraction

EXIT_OK = 0
EXIT_ABOVE = 3
EXIT_STATUS = {
    EXIT_OK: "a report was made",
    EXIT_ABOVE: "a report was made, and more has failed than --fail-above allows",
    EXIT_FAILED: "the journal or a file cannot be used",
    EXIT_INTERRUPTED: "interrupted, without --follow",
}

DEFAULT_SINCE = "-24h"

EPILOG = f"""\
TIME is one that journalctl(1) takes:
  {times.FORMATS}
Without --since, the last 24 hours; with --prometheus, since the boot.
With --json, times are in microseconds.

Counters for Prometheus must never fall, but journald removes old entries.
--state FILE keeps the counters, and each run adds what is new. The timer
export-postfix-rest-metrics.timer does so for node_exporter; enable it with:
  systemctl enable --now export-postfix-rest-metrics.timer
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = EPILOG
    add_period_options(parser)
    parser.add_argument(
        "--endpoint",
        metavar="NAME",
        action="append",
        default=[],
        help="count only this endpoint; may be repeated",
    )
    parser.add_argument(
        "--by",
        choices=groups.GROUPS,
        help="show what was refused, deferred and failed, by sender, login, client or endpoint",
    )
    parser.add_argument(
        "--compare", action="store_true", help="compare with the period of the same length before"
    )
    parser.add_argument(
        "--fail-above",
        metavar="PERCENT",
        type=_percentage,
        help="exit with 3 if more than this part of the requests failed, such as 1%%",
    )
    parser.add_argument("--follow", action="store_true", help="keep updating until interrupted")
    _add_forms(parser)


def _add_forms(parser: argparse.ArgumentParser) -> None:
    """Define the arguments about the form of the report, and its place."""
    kinds = parser.add_mutually_exclusive_group()
    add_json_option(kinds)
    kinds.add_argument(
        "--prometheus", action="store_true", help="print the text exposition format of Prometheus"
    )
    parser.add_argument(
        "--state", metavar="FILE", help="with --prometheus: continue the counters in FILE"
    )
    parser.add_argument(
        "--known",
        metavar="FILE",
        help="with --prometheus: include all endpoints in FILE, which `endpoints --output` wrote",
    )
    add_output_option(parser)
    add_journal_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Read the journal and print the report; returns the exit status."""
    since, until = _range(arguments)
    with Journal(arguments.directory) as journal:
        if arguments.prometheus:
            _export(journal, arguments, since, until)
            return EXIT_OK
        totals = _report(journal, arguments, since, until)
    if arguments.fail_above is None:
        return EXIT_OK
    if text := threshold.exceeded(totals, arguments.fail_above):
        terminal.complain(text)
        return EXIT_ABOVE
    if arguments.directory is None and not latest.is_open(latest.journals()):
        terminal.complain("this user cannot read the journal, so --fail-above tells nothing")
        return EXIT_FAILED
    return EXIT_OK


def _percentage(text: str) -> Fraction:
    try:
        return threshold.parse(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _range(arguments: argparse.Namespace) -> tuple[float | None, float | None]:
    """The begin and the end of the period; None for those that are not given.

    Raises:
        UsageError: options contradict one another, or a time cannot be read.
    """
    _refuse_combinations(arguments)
    if arguments.since is None and not arguments.prometheus:
        arguments.since = DEFAULT_SINCE
    return period.of(arguments.since, arguments.until)


def _refuse_combinations(arguments: argparse.Namespace) -> None:
    if arguments.state and not arguments.prometheus:
        raise UsageError("--state requires --prometheus")
    if arguments.known and not arguments.prometheus:
        raise UsageError("--known requires --prometheus")
    if arguments.state and (arguments.until or arguments.endpoint):
        raise UsageError("--state cannot be combined with --until or --endpoint")
    if arguments.by and arguments.prometheus:
        raise UsageError("--by cannot be combined with --prometheus, because it names people")
    if arguments.compare and (arguments.by or arguments.follow or arguments.prometheus):
        raise UsageError("--compare cannot be combined with --by, --follow or --prometheus")
    if arguments.fail_above is not None and (arguments.follow or arguments.prometheus):
        raise UsageError("--fail-above cannot be combined with --follow or --prometheus")
    if arguments.follow and (arguments.until or arguments.prometheus or arguments.output):
        raise UsageError("--follow cannot be combined with --until, --prometheus or --output")


def _export(
    journal: Journal, arguments: argparse.Namespace, since: float | None, until: float | None
) -> None:
    from postfix_rest_inetd.admin.statistics import known_endpoints, prometheus

    known = known_endpoints.read(arguments.known) if arguments.known else None
    if known and arguments.endpoint:
        known = [series for series in known if series.endpoint in arguments.endpoint]
    names = [series.endpoint for series in known or ()]

    def publish(counters: Counters) -> None:
        text = prometheus.text_of(counters, known)
        _write(arguments.output, text, atomic_file.PUBLIC_MODE)

    if arguments.state:
        state.update(journal, arguments.state, since, publish, names)
        return
    counters = Counters()
    counters.reserve(names)
    if since is None:
        journal.this_boot_only()
    else:
        journal.seek_time(since)
    for entry in selection.entries(journal, arguments.endpoint, since, until):
        counters.add(entry)
    publish(counters)


def _report(
    journal: Journal, arguments: argparse.Namespace, since: float | None, until: float | None
) -> Totals:
    """Print the report of what it returns."""
    from postfix_rest_inetd.admin.statistics import json_report
    from postfix_rest_inetd.admin.statistics import screen as report_screen

    totals = Totals(arguments.by)
    before = _count(journal, arguments, totals, since, until)
    if arguments.follow:
        _follow(journal, arguments, totals, since)
        return totals
    totals.lost = lost.read(arguments.directory, since, until)
    width = WIDTH if arguments.output else screen_width()
    if arguments.json:
        text = json_report.report(totals, since, until, before)
    elif before is None:
        text = report_screen.report(totals, since, until, width)
    else:
        text = report_screen.compared(totals, since, until, before, width)
    _write(arguments.output, text, atomic_file.PRIVATE_MODE)
    if not totals.requests and not totals.others:
        permission.hint(arguments.directory)
    return totals


def _count(
    journal: Journal,
    arguments: argparse.Namespace,
    totals: Totals,
    since: float | None,
    until: float | None,
) -> Before | None:
    """Add the entries of the period to TOTALS; with --compare, also count the period before."""
    begin, before = since, None
    if arguments.compare and since is not None:
        begin = max(0.0, 2 * since - (time.time() if until is None else until))
        before = Before(Totals(), begin, journal.first_time())
    if begin is not None:
        journal.seek_time(begin)
    for entry in selection.entries(journal, arguments.endpoint, begin, until):
        if before is not None and since is not None and entry.when_usec < int(since * 1_000_000):
            before.totals.add(entry)
        else:
            totals.add(entry)
    return before


def _follow(
    journal: Journal, arguments: argparse.Namespace, totals: Totals, since: float | None
) -> None:
    """Print the report again and again, until interrupted, which is the usual end."""
    shown = _followed_json if arguments.json else _followed

    def shown_now(size: os.terminal_size | None) -> str:
        totals.lost = lost.read(arguments.directory, since, None)
        return shown(totals, since, size)

    with contextlib.suppress(KeyboardInterrupt):
        follow(journal, arguments.endpoint, totals, shown_now)


def _followed_json(totals: Totals, since: float | None, _size: os.terminal_size | None) -> str:
    from postfix_rest_inetd.admin.statistics import json_report

    return json_report.report(totals, since, None)


def _followed(totals: Totals, since: float | None, size: os.terminal_size | None) -> str:
    """The report as it fits the terminal; elsewhere all of it."""
    from postfix_rest_inetd.admin.statistics import screen as report_screen

    sections = list(report_screen.sections(totals, since, None, screen_width()))
    return redrawing.drawn(sections, size)


def _write(path: str | None, text: str, mode: int) -> None:
    if path is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        atomic_file.write(path, text, mode)
