# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd trace`: what happened to a mail, why, and what to do, from the journal."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.command_error import EXIT_FAILED, UsageError
from postfix_rest_inetd.admin.statistics import lost, period, permission, times
from postfix_rest_inetd.admin.statistics.journal import Journal
from postfix_rest_inetd.admin.trace import json_report, screen, subject
from postfix_rest_inetd.admin.trace.search import Found, search
from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.options import (
    add_config_option,
    add_journal_option,
    add_json_option,
    add_period_options,
)
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.errors import ConfigError
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    import argparse

EXIT_FOUND = 0
EXIT_STATUS = {
    EXIT_FOUND: "something was found",
    EXIT_FAILED: "nothing was found, or the journal cannot be read",
}

DEFAULT_SINCE = "-24h"
_UNITS = ("postfix", *lost.HANDLERS)

EPILOG = f"""\
SUBJECT is one of:
  4dCkzq1RVQz1y     a queue id, as in Postfix's log and postqueue -p
  user@example.org  a sender or recipient (or a Message-ID): the last mails
  0123...cdef       a request id: 32 digits, the X-Request-Id of a backend's log
TIME is one that journalctl(1) takes:
  {times.FORMATS}
Without --since, the last 24 hours. With --json, times are in seconds.

examples:
  postfix-rest-inetd trace user@example.org
  postfix-rest-inetd trace 4dCkzq1RVQz1y --since=-5d
  postfix-rest-inetd trace --json user@example.org --since=10:00 --until=10:15
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = EPILOG
    parser.add_argument("subject", metavar="SUBJECT", help="what to look for")
    add_period_options(parser)
    add_json_option(parser)
    add_journal_option(parser)
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Search and print; returns the exit status."""
    try:
        wanted = subject.parse(arguments.subject)
    except ValueError as error:
        raise UsageError(str(error)) from None
    since, until = period.of(arguments.since or DEFAULT_SINCE, arguments.until)
    with Journal(arguments.directory) as journal:
        found = search(journal, wanted, since or 0.0, until)
    is_found = bool(found.mails or found.others)
    found.notes.extend(_silent_endpoints(arguments.config))
    found.notes.extend(_lost(arguments.directory, since or 0.0, until, is_found=is_found))
    if arguments.json:
        sys.stdout.write(json_report.report(found))
    elif is_found:
        sys.stdout.write(screen.report(found))
    else:
        _complain(found)
    if not is_found:
        permission.hint(arguments.directory)
    return EXIT_FOUND if is_found else EXIT_FAILED


def _complain(found: Found) -> None:
    kind = found.subject.kind.replace("-", " ")
    what = f"the journal has nothing about the {kind} {found.subject.text} in this period"
    terminal.complain(f"{what}; --since has another one")
    for note in found.notes:
        terminal.complain(note)


def _lost(directory: str | None, since: float, until: float | None, *, is_found: bool) -> list[str]:
    """What the journal does not have of handlers, and of Postfix."""
    missing = lost.read(directory, since, until, _UNITS)
    notes = [f"something may be missing here: {text}" for text in missing.sentences()]
    if missing.is_cut(since) and not is_found:
        notes.append(missing.beginning())
    return notes


def _silent_endpoints(config: str) -> list[str]:
    """A note about endpoints whose requests cannot be related, if the configuration can be read."""
    names: list[str] = []
    with contextlib.suppress(ConfigError):
        endpoints = loading.load(config, for_listening=True).endpoints
        names = [printable(endpoint.name) for endpoint in endpoints if not endpoint.log_keys]
    if not names:
        return []
    return [
        (
            f"log-keys is false for {', '.join(names)}: those entries do not say what was asked, "
            "so only failures near in time are shown"
        )
    ]
