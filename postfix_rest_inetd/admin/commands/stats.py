# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd stats`: what the journal knows of requests, failures and latencies.

Exit status: 0, also when there were no requests; 1 when the journal, or a file, cannot be read or
written; 2 for a wrong command line; 130 when interrupted, unless --follow was: that ends so.
"""

from __future__ import annotations

import argparse
import functools
import os
import re
import sys
import time

from postfix_rest_inetd.admin.statistics import groups, selection, state, times
from postfix_rest_inetd.admin.statistics.counters import Counters
from postfix_rest_inetd.admin.statistics.following import follow
from postfix_rest_inetd.admin.statistics.journal import Journal, JournalError
from postfix_rest_inetd.admin.statistics.totals import Totals

EXIT_OK = 0
EXIT_FAILED = 1
EXIT_USAGE = 2
EXIT_INTERRUPTED = 130

DEFAULT_SINCE = "-24h"

EPILOG = f"""\
times, as journalctl(1) takes them:
  {times.FORMATS}
Without --since, the last 24 hours; with --prometheus, since the boot.

Counters for Prometheus must never fall, but journald removes old entries:
--state FILE keeps the counters, and each run adds what is new. The timer
export-postfix-rest-metrics.timer does so for node_exporter; enable it with
systemctl enable --now export-postfix-rest-metrics.timer

exit status: 0; 1 the journal or a file cannot be used; 2 wrong command line.
"""


class UsageError(Exception):
    """The command line is wrong; the text says why."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What the command line knows."""
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = EPILOG
    # So that `--since -1h` is a time and no option -1; argparse has no other word for that.
    parser._negative_number_matcher = re.compile(r"-\d")  # noqa: SLF001
    parser.add_argument("--since", metavar="TIME", help="begin here")
    parser.add_argument("--until", metavar="TIME", help="end here")
    parser.add_argument(
        "--endpoint",
        metavar="NAME",
        action="append",
        default=[],
        help="only this endpoint; may be repeated",
    )
    parser.add_argument(
        "--by",
        choices=groups.GROUPS,
        help="show who was refused and deferred by policy endpoints",
    )
    parser.add_argument("--follow", action="store_true", help="keep updating until interrupted")
    kinds = parser.add_mutually_exclusive_group()
    kinds.add_argument("--json", action="store_true", help="for programs; times in microseconds")
    kinds.add_argument("--prometheus", action="store_true", help="in the text exposition format")
    parser.add_argument(
        "--state", metavar="FILE", help="--prometheus: go on from, and keep the counters in, FILE"
    )
    parser.add_argument(
        "--known",
        metavar="FILE",
        help="--prometheus: have series of all endpoints in FILE, which `endpoints` has written",
    )
    parser.add_argument("--output", metavar="FILE", help="replace FILE, in one step")
    parser.add_argument("--directory", metavar="DIR", help="the journal files in this directory")


def run(arguments: argparse.Namespace) -> int:
    """Read the journal and print the report; returns the exit status."""
    try:
        since, until = _range(arguments)
        with Journal(arguments.directory) as journal:
            (_export if arguments.prometheus else _report)(journal, arguments, since, until)
    except UsageError as error:
        return _failed(str(error), EXIT_USAGE)
    except BrokenPipeError:  # `stats | head`; the rest of the output goes nowhere
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_FAILED
    except (JournalError, state.StateError) as error:
        return _failed(str(error), EXIT_FAILED)
    except OSError as error:
        return _failed(f"{error.filename}: {error.strerror}", EXIT_FAILED)
    except KeyboardInterrupt:
        return EXIT_OK if arguments.follow else EXIT_INTERRUPTED
    return EXIT_OK


def _failed(text: str, status: int) -> int:
    print(f"postfix-rest-inetd stats: {text}", file=sys.stderr)
    return status


def _range(arguments: argparse.Namespace) -> tuple[float | None, float | None]:
    """From when to when; None where that is not said.

    Raises:
        UsageError: options contradict one another, or a time is none.
    """
    if arguments.state and not arguments.prometheus:
        raise UsageError("--state goes with --prometheus")
    if arguments.known and not arguments.prometheus:
        raise UsageError("--known goes with --prometheus")
    if arguments.state and (arguments.until or arguments.endpoint):
        raise UsageError("--state counts everything: without --until and --endpoint")
    if arguments.by and arguments.prometheus:
        raise UsageError("--by names people: without --prometheus")
    if arguments.follow and (arguments.until or arguments.prometheus or arguments.output):
        raise UsageError("--follow goes on: without --until, --prometheus and --output")
    if arguments.since is None and not arguments.prometheus:
        arguments.since = DEFAULT_SINCE
    now = time.time()
    try:
        since, until = (
            None if text is None else times.parse(text, now)
            for text in (arguments.since, arguments.until)
        )
    except ValueError as error:
        raise UsageError(str(error)) from None
    if since is not None and until is not None and since > until:
        raise UsageError("--since is later than --until")
    return since, until


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
        _write(arguments.output, text, state.PUBLIC_MODE)

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
) -> None:
    from postfix_rest_inetd.admin.statistics import json_report
    from postfix_rest_inetd.admin.statistics import screen as report_screen

    totals = Totals(arguments.by)
    shown = json_report.report if arguments.json else report_screen.report
    if since is not None:
        journal.seek_time(since)
    for entry in selection.entries(journal, arguments.endpoint, since, until):
        totals.add(entry)
    if arguments.follow:
        report = functools.partial(shown, totals, since, until)
        follow(journal, arguments.endpoint, totals, report, as_json=arguments.json)
        return
    _write(arguments.output, shown(totals, since, until), state.PRIVATE_MODE)
    if not totals.requests and not totals.others:
        _hint(arguments)


def _write(path: str | None, text: str, mode: int) -> None:
    if path is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        state.write(path, text, mode)


def _hint(arguments: argparse.Namespace) -> None:
    """Say why there may be nothing, to whom it may concern."""
    if os.geteuid() != 0 and arguments.directory is None:
        print(
            "Only root, and members of the groups systemd-journal and adm, can read the whole\n"
            "journal: is that why?",
            file=sys.stderr,
        )
