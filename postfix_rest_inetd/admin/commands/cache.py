# SPDX-License-Identifier: MIT
"""`postfix-rest-inetd cache`: the stored answers of handlers, and how to get rid of them.

Nothing is asked. The exit status is 0 also if there was nothing to show or to remove: an answer
that is not there any more is what a purge is for.
"""

from __future__ import annotations

import json
import os
import sys
from typing import TYPE_CHECKING

from postfix_rest_inetd import model
from postfix_rest_inetd.admin.ask import question
from postfix_rest_inetd.admin.command_error import EXIT_CONFIG, EXIT_FAILED, UsageError
from postfix_rest_inetd.admin.statistics import latest, period, selection
from postfix_rest_inetd.admin.statistics.journal import Journal, JournalError
from postfix_rest_inetd.admin.stored import entries, place, purging, screen, summary
from postfix_rest_inetd.admin.ui import terminal
from postfix_rest_inetd.admin.ui.options import (
    ENDPOINT_HELP,
    add_cache_directory_option,
    add_config_option,
    add_dry_run_option,
    add_journal_option,
    add_json_option,
    add_map_option,
    add_period_options,
)
from postfix_rest_inetd.cache.clock import now
from postfix_rest_inetd.cache_folder import folder_of
from postfix_rest_inetd.config import loading
from postfix_rest_inetd.log_entry import printable

if TYPE_CHECKING:
    import argparse
    from collections import Counter
    from collections.abc import Iterable

    from postfix_rest_inetd.config.endpoint import Endpoint

EXIT_GOOD = 0
EXIT_STATUS = {
    EXIT_GOOD: "shown or removed, also if there was nothing",
    EXIT_FAILED: "the cache directory cannot be used",
    EXIT_CONFIG: "the configuration cannot be used",
}

LIST, PURGE = "list", "purge"
DEFAULT_SINCE = "-1h"

EPILOG = """\
Without list or purge: the number of stored answers of each endpoint, how many
are fresh, the hit rate, and the backends that are known to be down. The hit
rate is that of the last hour, or since TIME. With --json, times are in seconds.

  list ENDPOINT      show the stored answers, with their keys
  purge              remove all stored answers
  purge ENDPOINT     remove those of an endpoint
  purge ENDPOINT KEY remove one; -n only counts them
"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Define the arguments."""
    parser.epilog = EPILOG
    parser.add_argument(
        "action", metavar="list|purge", nargs="?", choices=(LIST, PURGE), help="see below"
    )
    parser.add_argument(
        "endpoint",
        metavar="ENDPOINT",
        nargs="?",
        help=ENDPOINT_HELP,
    )
    parser.add_argument("key", metavar="KEY", nargs="?", help="purge: only the answer for this key")
    add_map_option(parser)
    add_dry_run_option(parser)
    add_period_options(parser, has_end=False)
    add_json_option(parser)
    add_journal_option(parser)
    add_cache_directory_option(parser)
    add_config_option(parser)


def run(arguments: argparse.Namespace) -> int:
    """Show or purge; returns the exit status."""
    _check(arguments)
    with place.used(arguments.cache_directory):
        pass  # a user who may not use it may not read the configuration either
    if arguments.action == PURGE:
        _purge(arguments)
    elif arguments.action == LIST:
        _list(arguments)
    else:
        _show(arguments)
    return EXIT_GOOD


def _check(arguments: argparse.Namespace) -> None:
    """Do the arguments fit together?

    Raises:
        UsageError: they do not.
    """
    action = arguments.action
    if action == LIST and arguments.endpoint is None:
        raise UsageError("list takes an ENDPOINT")
    if arguments.key is not None and action != PURGE:
        raise UsageError("only purge takes a KEY")
    if arguments.dry_run and action != PURGE:
        raise UsageError("--dry-run belongs to purge")
    if arguments.map is not None and arguments.key is None:
        raise UsageError("--map belongs to purge ENDPOINT KEY")
    if action is not None and (arguments.since is not None or arguments.directory is not None):
        raise UsageError(f"{action} takes no --since and no --directory, which are for the journal")


def _show(arguments: argparse.Namespace) -> None:
    from postfix_rest_inetd.admin.stored import down, json_report

    loaded = loading.load(arguments.config, tolerant=True)
    since = period.of(arguments.since or DEFAULT_SINCE)[0] or 0.0
    directory, moment = arguments.cache_directory, now()
    summaries = summary.configured(loaded)
    with place.used(directory):
        found = [*summaries.values(), *summary.others(directory, summaries)]
        for each in found:
            each.count(directory, moment)
        found = [each for each in found if each.mode or each.uses]
        backends = down.backends(directory, loaded.endpoints, moment)
    asked = _asked(arguments.directory, since, found)
    if arguments.json:
        _print_json(json_report.overview(directory, found, asked, backends, since))
        return
    lines = [*screen.overview(found, asked, since)]
    if backends:
        lines += ["", *screen.backends(backends)]
    _print(lines)


def _asked(
    directory: str | None, since: float, found: list[summary.Summary]
) -> dict[tuple[str, str], Counter[str]]:
    """Where answers came from, according to the journal; nothing if that cannot be read."""
    if directory is None and not latest.is_open(latest.journals()):
        terminal.complain("the hit rate is not known: only root may read the journal")
        return {}
    try:
        with Journal(directory) as journal:
            journal.seek_time(since)
            return summary.asked(selection.entries(journal, [], since, None), found)
    except JournalError as error:
        terminal.complain(f"the hit rate is not known: {error}")
        return {}


def _list(arguments: argparse.Namespace) -> None:
    loaded = loading.load(arguments.config, tolerant=True)
    endpoint = _any_of(loaded, arguments.endpoint)
    directory, folder = arguments.cache_directory, folder_of(endpoint.mode, endpoint.name)
    of = summary.configured(loaded)[folder]
    with place.used(directory):
        found = list(entries.read(directory, folder, now(), of.identities, of.settings))
    found.sort(key=_order)
    if arguments.json:
        from postfix_rest_inetd.admin.stored import json_report

        _print_json(json_report.listing(found, endpoint))
    elif found:
        _print(screen.listing(found, endpoint))
    else:
        print(f"No answers of {printable(endpoint.name)} are stored.")


def _order(entry: entries.Entry) -> tuple[bytes, bytes]:
    """By map and key; what is damaged comes first."""
    answer = entry.answer
    return (b"", b"") if answer is None else (answer.map_name or b"", answer.key)


def _purge(arguments: argparse.Namespace) -> None:
    directory, dry_run = arguments.cache_directory, arguments.dry_run
    if arguments.endpoint is None:
        number, whose = purging.all_of_it(directory, dry_run=dry_run), ""
    else:
        whose = f" of {printable(arguments.endpoint)}"
        loaded = loading.load(arguments.config, tolerant=True)
        if arguments.key is None:
            number = _purge_endpoint(loaded, arguments.endpoint, directory, dry_run=dry_run)
        else:
            endpoint = _lookup(loaded, arguments.endpoint)
            map_name = question.map_name_of(endpoint, arguments.map)
            key = os.fsencode(arguments.key)
            request = model.LookupRequest(key, map_name)
            number = purging.answer(
                directory, endpoint, loaded.user_agent, request, dry_run=dry_run
            )
            whose += f" for {printable(key.decode(errors='backslashreplace'))}"
    if arguments.json:
        _print_json({"would_remove" if dry_run else "removed": number})
    elif number == 0:
        print(f"There was no stored answer{whose}.")
    else:
        done = "Would remove" if dry_run else "Removed"
        print(f"{done} {number} stored {'answer' if number == 1 else 'answers'}{whose}.")


def _purge_endpoint(loaded: loading.Config, name: str, directory: str, *, dry_run: bool) -> int:
    """Remove the answers of an endpoint or, by the name of its FOLDER, of a removed one.

    Raises:
        UsageError: as for _lookup().
    """
    with place.used(directory):
        left = [found.folder for found in summary.others(directory, summary.configured(loaded))]
    if name in left:
        return purging.folder(directory, name, dry_run=dry_run)
    return purging.endpoint(directory, _any_of(loaded, name), dry_run=dry_run)


def _any_of(loaded: loading.Config, name: str) -> Endpoint:
    """The endpoint of that name or address, or one of several that share their FOLDER.

    Raises:
        UsageError: as for _lookup().
    """
    namesakes = [endpoint for endpoint in loaded.endpoints if endpoint.name == name]
    if len({endpoint.mode for endpoint in namesakes}) == 1 and namesakes[0].is_lookup:
        return namesakes[0]
    return _lookup(loaded, name)


def _lookup(loaded: loading.Config, name: str) -> Endpoint:
    """The endpoint of that name or address.

    Raises:
        UsageError: there is none, or it does not answer lookups.
    """
    endpoint, _ = question.endpoint_of(loaded, name)
    if not endpoint.is_lookup:
        raise UsageError(f"{name} is a policy endpoint: its answers are never stored")
    return endpoint


def _print(lines: Iterable[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)


def _print_json(document: object) -> None:
    """Print JSON in ASCII: a key may have characters in it that control a terminal."""
    print(json.dumps(document))
