# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd status`: one screen that says whether lookups are answered.

It asks nobody: no backend, and no endpoint. `check` looks at more, and says what to do.
"""

from __future__ import annotations

import contextlib
import functools
import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd.admin.command_error import EXIT_INTERRUPTED
from postfix_rest_inetd.admin.overview import json_report, looking, screen
from postfix_rest_inetd.admin.ui import redrawing
from postfix_rest_inetd.admin.ui.options import (
    add_cache_directory_option,
    add_config_option,
    add_journal_option,
    add_json_option,
)
from postfix_rest_inetd.admin.ui.sections import text_of
from postfix_rest_inetd.admin.ui.terminal import screen_width

if TYPE_CHECKING:
    import argparse
    import os

REDRAW_SEC = 5.0

EXIT_GOOD = 0
EXIT_BAD = 1
EXIT_UNSEEN = 77  # EX_NOPERM of sysexits.h
EXIT_STATUS = {
    EXIT_GOOD: "all endpoints listen, nothing failed in the last hour, no backend is down",
    EXIT_BAD: "something is wrong",
    EXIT_UNSEEN: "nothing is wrong, as far as this user may see, or the journal tells",
    EXIT_INTERRUPTED: "interrupted, without --watch",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = """\
Nothing is asked: the numbers of requests come from the journal. To ask
backends and sockets, use check --probe. With --json, durations are in microseconds.
"""
    parser.add_argument("--watch", action="store_true", help="keep updating until interrupted")
    add_json_option(parser)
    add_journal_option(parser)
    add_cache_directory_option(parser)
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Look, and print what there is; returns the exit status."""
    places = looking.Places(arguments.config, arguments.cache_directory, arguments.directory)
    if arguments.watch:
        with contextlib.suppress(KeyboardInterrupt):  # the usual end
            _watch(places, as_json=arguments.json)
        return EXIT_GOOD
    overview = looking.look(places)
    if arguments.json:
        sys.stdout.write(json_report.report(overview))
    else:
        sys.stdout.write(text_of(screen.sections(overview, screen_width())))
    if overview.is_wrong:
        return EXIT_BAD
    return EXIT_GOOD if overview.is_complete else EXIT_UNSEEN


def _watch(places: looking.Places, *, as_json: bool) -> None:
    def shown(size: os.terminal_size | None) -> str:
        overview = looking.look(places)
        if as_json:
            return json_report.report(overview)
        return redrawing.drawn(screen.sections(overview, screen_width()), size)

    redrawing.repeat(shown, functools.partial(redrawing.pause, REDRAW_SEC))
